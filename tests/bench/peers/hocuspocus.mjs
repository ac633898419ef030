// Hocuspocus with its SQLite extension, at its own settings: a document is stored two seconds after the last edit of it.
// One websocket carries all documents of a device.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SQLite } from "@hocuspocus/extension-sqlite";
import { HocuspocusProvider, HocuspocusProviderWebsocket } from "@hocuspocus/provider";
import { Server } from "@hocuspocus/server";
import WebSocket from "ws";
import * as Y from "yjs";
import { obey, rest, say } from "./orders.mjs";

const [role, , directory] = process.argv.slice(2);

/** Operations known in all documents that are open here. */
const known = (documents) => {
  let operations = 0;
  for (const doc of documents) for (const clock of Y.decodeStateVector(Y.encodeStateVector(doc)).values()) operations += clock;
  return operations;
};

const write = (doc, edit) =>
  doc.transact(() => {
    const record = doc.getMap("record");
    if (edit.made) {
      record.set("item", edit.made.item);
      record.set("location", edit.made.location);
    } else if (edit.note !== undefined) {
      doc.getArray("notes").push([edit.note]);
    } else {
      record.set("location", edit.location);
    }
  });

if (role === "serve") {
  const server = new Server({
    port: 0,
    address: "127.0.0.1",
    quiet: true,
    // A device opens three hundred documents at once here.
    maxPendingDocuments: 100_000,
    extensions: [new SQLite({ database: join(directory, "hocuspocus.sqlite") })],
  });
  await server.listen();
  say({ port: server.address.port });
  await obey({
    progress: () => ({ progress: known(server.hocuspocus.documents.values()) }),
    finish: () => server.destroy(),
  });
} else if (role === "crowd") {
  const crowd = [];
  const acknowledged = (provider) =>
    provider.isSynced && !provider.hasUnsyncedChanges
      ? undefined
      : new Promise((done) => {
          const look = () => provider.isSynced && !provider.hasUnsyncedChanges && done();
          provider.on("unsyncedChanges", look);
          provider.on("synced", look);
        });
  await obey({
    gather: async ({ url, devices, records, made }) => {
      for (let n = 0; n < devices; n++) {
        const websocketProvider = new HocuspocusProviderWebsocket({ url: url.replace("http", "ws"), WebSocketPolyfill: WebSocket });
        const providers = Array.from({ length: records }, (_, m) => {
          const document = new Y.Doc();
          const provider = new HocuspocusProvider({ websocketProvider, name: `record-${n}-${m}`, document, awareness: null });
          provider.attach();
          return provider;
        });
        await Promise.all(providers.map(acknowledged));
        for (const provider of providers) write(provider.document, made);
        await Promise.all(providers.map(acknowledged));
        crowd.push(providers);
      }
    },
    push: async ({ edits, pushes }) => {
      const device = async (providers) => {
        for (let n = 0; n < pushes; n++) {
          const provider = providers[n % providers.length];
          for (const edit of edits) write(provider.document, edit);
          await acknowledged(provider);
        }
        return pushes * edits.length;
      };
      const done = await Promise.all(crowd.map(device));
      return { edits: done.reduce((sum, one) => sum + one) };
    },
    finish: () => {},
  });
} else {
  const docs = new Map();
  let socket;
  let providers = [];
  const doc = (record) => {
    if (!docs.has(record)) docs.set(record, new Y.Doc());
    return docs.get(record);
  };
  await obey({
    connect: ({ url }) => {
      socket = new HocuspocusProviderWebsocket({ url: url.replace("http", "ws"), WebSocketPolyfill: WebSocket, delay: 1000 });
      providers = [...docs].map(([record, document]) => {
        const provider = new HocuspocusProvider({ websocketProvider: socket, name: `record-${record}`, document, awareness: null });
        provider.attach();
        return provider;
      });
    },
    disconnect: () => {
      for (const provider of providers) provider.destroy();
      socket.destroy();
    },
    open: ({ file }) => JSON.parse(readFileSync(file)).forEach(doc),
    ids: ({ file }) => writeFileSync(file, JSON.stringify([...docs.keys()])),
    write: ({ edits }) => {
      for (const edit of edits) write(doc(edit.record), edit);
    },
    progress: () => ({ progress: known(docs.values()) }),
    saved: () => ({ bytes: [...docs.values()].reduce((sum, one) => sum + Y.encodeStateAsUpdate(one).length, 0) }),
    finish: () => rest(0),
  });
}
