// automerge-repo as its own sync server sets it up: websocket, storage in files, documents given to whoever asks for them.
// Both ends have storage, so that sync states are kept and a reconnect begins where the last connection ended.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as Automerge from "@automerge/automerge";
import { Repo } from "@automerge/automerge-repo";
import { WebSocketClientAdapter, WebSocketServerAdapter } from "@automerge/automerge-repo-network-websocket";
import { NodeFSStorageAdapter } from "@automerge/automerge-repo-storage-nodefs";
import { WebSocketServer } from "ws";
import { obey, rest, say, write } from "./orders.mjs";

const [role, mode, directory] = process.argv.slice(2);
const whole = mode === "whole";
const storage = new NodeFSStorageAdapter(join(directory, "store"));

/** Changes known in all documents that are open here. */
const known = (handles) => {
  let changes = 0;
  for (const handle of handles) if (handle.isReady()) changes += Automerge.stats(handle.doc()).numChanges;
  return changes;
};

if (role === "serve") {
  const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((done) => sockets.on("listening", done));
  const repo = new Repo({
    storage,
    network: [new WebSocketServerAdapter(sockets)],
    peerId: "server",
    // As in automerge-repo-sync-server: documents go to those who ask for them.
    sharePolicy: async () => false,
  });
  say({ port: sockets.address().port });
  await obey({
    progress: () => ({ progress: known(Object.values(repo.handles)) }),
    finish: async () => {
      await repo.flush();
    },
  });
} else if (role === "crowd") {
  let crowd = [];
  // The server has storage, so that it is known by a name, and what it has of each document is told under it.
  const acknowledged = (handle, server) => {
    const wanted = handle.heads().join();
    const reached = () => handle.getSyncInfo(server)?.lastHeads?.join() === wanted;
    return reached() ? undefined : new Promise((done) => handle.on("remote-heads", () => reached() && done()));
  };
  await obey({
    gather: async ({ url, devices, records, made }) => {
      for (let n = 0; n < devices; n++) {
        const adapter = new WebSocketClientAdapter(url.replace("http", "ws"));
        const repo = new Repo({ network: [adapter], peerId: `device-${n}` });
        const joined = new Promise((done) => repo.networkSubsystem.on("peer", done));
        const server = (await joined).peerMetadata.storageId;
        const handles = Array.from({ length: records }, () => repo.create(write({}, made)));
        await Promise.all(handles.map((handle) => acknowledged(handle, server)));
        crowd.push({ server, handles });
      }
    },
    push: async ({ edits, pushes }) => {
      const device = async ({ server, handles }) => {
        for (let n = 0; n < pushes; n++) {
          const handle = handles[n % handles.length];
          for (const edit of edits) handle.change((doc) => void write(doc, edit));
          await acknowledged(handle, server);
        }
        return pushes * edits.length;
      };
      const done = await Promise.all(crowd.map(device));
      return { edits: done.reduce((sum, one) => sum + one) };
    },
    finish: () => {},
  });
} else {
  const repo = new Repo({ storage, network: [], peerId: "device-" + Math.random().toString(36).slice(2) });
  const handles = new Map();
  let adapter;
  const all = () => [...new Set(handles.values())];
  const open = async (ids) => {
    const found = Object.entries(ids).map(async ([record, url]) => {
      // Where a server needs more than a second to answer, a document is unavailable until it has.
      const handle = await repo.find(url, { allowableStates: ["ready", "unavailable"] });
      await handle.whenReady();
      handles.set(Number(record), handle);
    });
    await Promise.all(found);
  };
  const ids = () => Object.fromEntries([...handles].map(([record, handle]) => [record, handle.url]));
  const make = (edit) => {
    if (whole && handles.size === 0) handles.set(edit.record, repo.create({ records: {} }));
    if (!whole) return handles.set(edit.record, repo.create(write({}, edit)));
    handles.set(edit.record, all()[0]);
    all()[0].change((doc) => void (doc.records[edit.record] = write({}, edit)));
  };
  await obey({
    connect: async ({ url }) => {
      adapter = new WebSocketClientAdapter(url.replace("http", "ws"));
      repo.networkSubsystem.addNetworkAdapter(adapter);
    },
    disconnect: () => {
      adapter.disconnect();
      repo.networkSubsystem.removeNetworkAdapter(adapter);
    },
    // The documents that another device made, by record.
    open: async ({ file }) => open(JSON.parse(readFileSync(file))),
    ids: ({ file }) => writeFileSync(file, JSON.stringify(ids())),
    write: ({ edits }) => {
      for (const edit of edits) {
        if (edit.made) make(edit);
        else handles.get(edit.record).change((doc) => void write(whole ? doc.records[edit.record] : doc, edit));
      }
    },
    progress: () => ({ progress: known(all()) }),
    saved: () => {
      const saves = all().map((handle) => Automerge.save(handle.doc()));
      return { bytes: saves.reduce((sum, save) => sum + save.length, 0) };
    },
    finish: async () => {
      await repo.flush();
      // Sync states are saved a moment later than documents.
      await rest(500);
    },
  });
}
