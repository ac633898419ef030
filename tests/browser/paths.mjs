// Where things are. `scripts/browser-tests` has made them.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const target = process.env.CARGO_TARGET_DIR ?? `${repository}target`
const profile = process.env.RENOLOG_PROFILE ?? 'debug'

/** A program that cargo built. */
export function built(name) {
  const path = `${target}/${profile}/${name}`
  if (!existsSync(path)) throw new Error(`${path} is not there: run scripts/browser-tests`)
  return path
}

export const web = `${repository}server/web`
export const pages = fileURLToPath(new URL('pages', import.meta.url))
/** What tests build for themselves. */
export const scratch = `${target}/browser`

/** A Chromium of the system. */
export function chromium() {
  const found = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
    (path) => path && existsSync(path),
  )
  if (!found) throw new Error('there is no Chromium: run scripts/browser-tests, or set CHROMIUM')
  return found
}
