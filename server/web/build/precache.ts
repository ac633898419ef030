// Writes into the service worker which files a face needs, so that it opens without any network. A file is needed if the
// page, or something that the page needs, names it: scripts, styles, workers, wasm alike.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Plugin } from 'vite'

export interface PrecacheOptions {
  /** The page, as it is named in the build. */
  page: string
  /** The service worker, as it is named in the build. */
  worker: string
  /** Files that are copied as they are; all of them are needed. */
  publicDir: string
}

/** Stands in the service worker's source for what this plugin writes: `{ revision, files }`. */
const PLACE = '__SHELL__'

export function precache(options: PrecacheOptions): Plugin {
  return {
    name: 'renolog-precache',
    apply: 'build',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const worker = bundle[options.worker]
        if (worker?.type !== 'chunk') return
        const built = new Map<string, string | Uint8Array>()
        for (const file of Object.values(bundle)) {
          if (file.fileName !== options.worker) built.set(file.fileName, file.type === 'chunk' ? file.code : file.source)
        }
        const needed = new Map(reachable(built, options.page).map((name) => [name, built.get(name)!]))
        for (const name of readdirSync(options.publicDir)) needed.set(name, readFileSync(join(options.publicDir, name)))
        const shell = { revision: revision(needed), files: [...needed.keys()].sort() }
        worker.code = worker.code.replaceAll(PLACE, JSON.stringify(shell))
      },
    },
  }
}

/** The names of all files that `start` leads to, itself included. */
export function reachable(files: Map<string, string | Uint8Array>, start: string): string[] {
  if (!files.has(start)) throw new Error(`the build has no ${start}`)
  const found = [start]
  for (let next = 0; next < found.length; next++) {
    const text = files.get(found[next]!)
    // Wasm and pictures name no files.
    if (typeof text !== 'string') continue
    for (const name of files.keys()) {
      if (!found.includes(name) && !name.endsWith('.html') && text.includes(basename(name))) found.push(name)
    }
  }
  return found
}

/** Changes whenever a name or a byte does. */
export function revision(files: Map<string, string | Uint8Array>): string {
  const hash = createHash('sha256')
  for (const [name, bytes] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(name).update('\0').update(bytes).update('\0')
  }
  return hash.digest('hex').slice(0, 16)
}
