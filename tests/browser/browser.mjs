// Chromium, and a page in it that holds a device.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { extname, join } from 'node:path'
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
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm' }

/** A browser with a profile of its own, kept in `directory`: opened there again, it is the same one after a restart. */
export async function openBrowser(directory) {
  const options = { executablePath: executable(), args: ARGUMENTS, headless: true }
  const context = await chromium.launchPersistentContext(directory, options)
  context.setDefaultTimeout(30_000)
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

/** Opens that page as if the server had it. Its files come from the disk, whether or not there is a network. */
export async function openDevicePage(context, server) {
  const under = `${server.url}/test/`
  await context.unroute(`${under}**`)
  await context.route(`${under}**`, async (route) => {
    const path = new URL(route.request().url()).pathname.slice('/test/'.length)
    const body = await readFile(join(scratch, 'device', path))
    await route.fulfill({ body, contentType: TYPES[extname(path)] ?? 'application/octet-stream' })
  })
  const page = await context.newPage()
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) console.log(`  [browser] ${message.text()}`)
  })
  page.on('pageerror', (error) => console.log(`  [browser] ${error}`))
  await page.goto(`${under}device.html`)
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

  /** Waits until the device's status is as asked: `{ connected: true, unsent: 0 }`. */
  async until(status) {
    await this.page.evaluate(async (status) => {
      const device = await globalThis.device
      await new Promise((resolve) => {
        const stop = device.subscribe((news) => {
          if (Object.entries(status).every(([name, value]) => news.status[name] === value)) {
            resolve()
            queueMicrotask(() => stop())
          }
        })
      })
    }, status)
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
