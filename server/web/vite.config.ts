// Two pages, one for each face: the field's at `/`, the console's at `/console`. Names carry their content's hash, so that
// the server may let browsers keep them for ever; addresses are relative, so that the page may live below a path.
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

import { first } from './build/first.ts'
import { precache } from './build/precache.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  base: './',
  plugins: [svelte(), first({ page: 'index.html', chunk: 'start' }), precache({ page: 'index.html', worker: 'sw.js', publicDir: here('public') })],
  build: {
    target: ['es2022', 'chrome109', 'safari16', 'firefox115'],
    // No page is so small that it may carry files inside itself: the server's policy lets nothing inline run or load.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: {
        index: here('index.html'),
        console: here('console.html'),
        sw: here('src/field/service-worker.ts'),
      },
      output: {
        // A service worker keeps its name: it is how a browser knows the next one.
        // Each file costs a phone a question to its service worker: what both faces stand on is one.
        codeSplitting: {
          groups: [
            { name: 'start', test: /\/device\/start\.ts$/ },
            { name: 'shared', test: /\/src\/shared\/|\/node_modules\/svelte\/|\/node_modules\/esm-env\// },
          ],
        },
        entryFileNames: (chunk) => (chunk.name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js'),
      },
    },
  },
  worker: { format: 'es' },
  test: { include: ['src/**/*.test.ts', 'build/**/*.test.ts'] },
})
