// Has a page load one of its files before all others: what that one begins goes on while the rest is read.
import type { Plugin } from 'vite'

export interface FirstOptions {
  /** The page, as it is named in the build. */
  page: string
  /** The file, as it is named in the build. */
  chunk: string
}

export function first(options: FirstOptions): Plugin {
  return {
    name: 'renolog-first',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler(_, { filename, bundle }) {
        if (!filename.endsWith(`/${options.page}`)) return []
        const chunk = Object.values(bundle ?? {}).find((file) => file.type === 'chunk' && file.name === options.chunk)
        if (chunk === undefined) throw new Error(`the build has no ${options.chunk}`)
        const attrs = { type: 'module', async: true, crossorigin: true, src: `./${chunk.fileName}` }
        return [{ tag: 'script', attrs, injectTo: 'head-prepend' }]
      },
    },
  }
}
