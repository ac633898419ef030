#!/usr/bin/env node
// Writes beside each file of the built page its compressed forms, as the server hands them out, and says what they come to.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

// As small as can be, or, in tests, as quickly as can be.
const [, , folder, quickly] = process.argv
const quality = quickly ? 5 : 11
const worthwhile = /\.(js|css|html|wasm|json|svg|webmanifest|txt|map)$/
let [files, plain, packed] = [0, 0, 0]
for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !worthwhile.test(entry.name)) continue
  const path = join(entry.parentPath ?? entry.path, entry.name)
  const bytes = readFileSync(path)
  const params = { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length, [constants.BROTLI_PARAM_LGWIN]: 22 }
  const brotli = brotliCompressSync(bytes, { params })
  writeFileSync(`${path}.br`, brotli)
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: quickly ? 1 : 9 }))
  files += 1
  plain += bytes.length
  packed += brotli.length
}
const kB = (bytes) => `${Math.round(bytes / 1000)} kB`
console.log(`page: ${files} files, ${kB(plain)}, compressed ${kB(packed)}`)
