// Chromium, and a page in it that holds a device.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { chromium } from 'playwright-core'

import { chromium as executable, pages, scratch, web } from './paths.mjs'

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What of a page would keep somebody out who does not see it, or has no mouse: nothing, on any page. */
export async function assertOpenToAll(page, where) {
  await page.evaluate(AXE)
  const { violations } = await page.evaluate(() => globalThis.axe.run(document))
  const grave = violations.filter((one) => ['serious', 'critical'].includes(one.impact))
  assert.deepEqual(grave.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(' ')).join(' | ')}`), [], where)
}

/** A browser with a profile of its own, kept in `directory`: opened there again, it is the same one after a restart. */
export async function openBrowser(directory) {
  const options = { executablePath: executable(), args: ARGUMENTS, headless: true }
  const context = await chromium.launchPersistentContext(directory, options)
  context.setDefaultTimeout(20_000)
  return context
}

/** Builds the page that holds nothing but a device, once. */
export async function buildDevicePage() {
  const { build } = await import(pathToFileURL(createRequire(join(web, 'package.json')).resolve('vite')))
  await build({
    root: pages,
    base: './',
    configFile: false,
    logLevel: 'warn',
    worker: { format: 'es' },
    build: { outDir: join(scratch, 'device'), emptyOutDir: true, assetsInlineLimit: 0, rolldownOptions: { input: join(pages, 'device.html') } },
  })
}

/** Opens that page. */
export async function openDevicePage(context, address) {
  const page = await context.newPage()
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) console.log(`  [browser] ${message.text()}`)
  })
  page.on('pageerror', (error) => console.log(`  [browser] ${error}`))
  await page.goto(`${address}/device.html`)
  return new DevicePage(page)
}

/** A page that holds a device. */
export class DevicePage {
  constructor(page) {
    this.page = page
  }

  /** Asks the device: `await volunteer.ask('list', { kind: 'rectification' })`. What it throws, this throws. */
  async ask(method, ...given) {
    const { kept, broken } = await this.page.evaluate(
      async ([method, given]) => {
        try {
          return { kept: await (await globalThis.device)[method](...given) }
        } catch (error) {
          return { broken: { code: error.code, zh: error.zh, en: error.en ?? String(error), refusal: error.refusal } }
        }
      },
      [method, given],
    )
    if (broken) throw Object.assign(new Error(`${method}: ${broken.code}: ${broken.en}`), broken)
    return kept
  }

  /** Waits until an answer of the device has these values: `await volunteer.sees('listed', [record], { state: 'issued' })`. */
  async sees(method, given, expected) {
    await this.page.evaluate(
      async ([method, given, expected]) => {
        const device = await globalThis.device
        const fits = (answer) => Object.entries(expected).every(([name, value]) => answer[name] === value)
        let ring
        let rung = new Promise((resolve) => (ring = resolve))
        const stop = device.subscribe(() => ring())
        while (!fits(await device[method](...given))) {
          await rung
          rung = new Promise((resolve) => (ring = resolve))
        }
        stop()
      },
      [method, given, expected],
    )
  }

  /** Waits until the device's status is as asked: `{ connected: true, unsent: 0 }`. */
  until(status) {
    return this.sees('status', [], status)
  }

  /** Waits until everything is on the server, and everything there is here. */
  settled() {
    return this.until({ connected: true, caught_up: true, unsent: 0 })
  }

  async reload() {
    await this.page.reload()
  }

  close() {
    return this.page.close()
  }
}
