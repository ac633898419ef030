import { expect, test } from 'vitest'

import { reachable, revision } from './precache.ts'

const files = new Map<string, string | Uint8Array>([
  ['index.html', '<script src="./assets/index-1.js"></script><a href="console.html">'],
  ['console.html', '<script src="./assets/console-1.js"></script>'],
  ['assets/index-1.js', 'import"./shared-1.js";new Worker(new URL("device-1.js",import.meta.url))'],
  ['assets/console-1.js', 'import"./shared-1.js"'],
  ['assets/shared-1.js', '1'],
  ['assets/device-1.js', 'fetch("/assets/core-1.wasm")'],
  ['assets/core-1.wasm', new Uint8Array([0, 97, 115, 109])],
])

test('a face needs what it leads to, and nothing of the other face', () => {
  expect(reachable(files, 'index.html')).toEqual([
    'index.html',
    'assets/index-1.js',
    'assets/shared-1.js',
    'assets/device-1.js',
    'assets/core-1.wasm',
  ])
})

test('the revision is that of the bytes, whatever their order', () => {
  expect(revision(files)).toBe(revision(new Map([...files].reverse())))
  expect(revision(files)).not.toBe(revision(new Map([...files, ['assets/shared-1.js', '2']])))
})
