// Takes orders as lines of JSON and answers each with one line.

import { createInterface } from "node:readline";

export const say = (answer) => process.stdout.write(JSON.stringify(answer) + "\n");

export const rest = (ms) => new Promise((done) => setTimeout(done, ms));

/** Carries out orders one after the other; `finish` answers and ends the process. */
export async function obey(orders) {
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    try {
      say((await orders[order.do](order)) ?? {});
    } catch (error) {
      say({ error: String(error?.stack ?? error) });
    }
    if (order.do === "finish") process.exit(0);
  }
}

/** What an edit does to the plain object that a record is, in any of these systems. */
export function write(record, edit) {
  if (edit.made) {
    Object.assign(record, { item: edit.made.item, location: edit.made.location, notes: [] });
  } else if (edit.note !== undefined) {
    record.notes.push(edit.note);
  } else {
    record.location = edit.location;
  }
  return record;
}
