// What the page costs, held against its budgets. `node measure.mjs [RECORDS]`, after `make page` and a build of the server;
// RENOLOG_PROFILE=release takes the server of that build. Prints as it goes; milliseconds are those of this machine.
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { buildDevicePage, DevicePage, openBrowser } from './browser.mjs'
import { FieldPage } from './field-page.mjs'
import { Front } from './front.mjs'
import { scratch } from './paths.mjs'
import { NativeDevice, Server } from './programs.mjs'

const RECORDS = Number(process.argv[2] ?? 10_000)
/** Entries of the history that the console is scrolled through. */
const ENTRIES = 100_000
const RUNS = 7
const ALL_SAFE = '全部已存到服务器'

const say = (what, ...values) => console.log(what.padEnd(64), values.join(' '))
const patience = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`

await buildDevicePage()
const server = await Server.start()
const community = await server.community('desheng', '德胜新村')
const directory = await mkdtemp(join(tmpdir(), 'renolog-page-'))
// The page comes from the server, compressed as it sends it; a page that is nothing but its device stands beside it.
await cp(join(scratch, 'device'), join(directory, 'test'), { recursive: true })
const front = await Front.open(directory, server.url)
const profiles = await Promise.all(['field', 'console'].map((face) => mkdtemp(join(tmpdir(), `renolog-${face}-`))))
const browsers = []
try {
  await historyOf(await open(profiles[1]))
  const field = await open(profiles[0])
  const volunteer = await firstLoad(field)
  await fill(field)
  await volunteer.page.reload()
  await volunteer.untilStatus(ALL_SAFE)
  await volunteer.page.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector('a.row')) return
      observer.disconnect()
      globalThis.firstRow = performance.now()
    }).observe(document, { childList: true, subtree: true })
  })
  say(`first list of ${RECORDS}, warm, ms (at most 300):`, await times(() => firstList(volunteer.page)))
  say(`an edit until it is seen, ${RECORDS} records, ms (at most 50):`, await times(() => edit(volunteer)))
} catch (why) {
  console.error(why)
  process.exitCode = 1
} finally {
  // Whatever a browser does at its end, the figures stand.
  await Promise.all(browsers.map((browser) => Promise.race([browser.close(), patience(10_000)])))
  await front.shut()
  await server.end()
  await Promise.all([...profiles, directory].map((made) => rm(made, { recursive: true, force: true, maxRetries: 5 })))
  process.exit()
}

async function open(profile) {
  const browser = await openBrowser(profile)
  browser.setDefaultTimeout(60_000)
  browsers.push(browser)
  return browser
}

/** Bytes of files that came since the last time, as they came. */
function came() {
  const files = [...front.passed].filter(([path]) => !path.startsWith('/api/'))
  front.passed.clear()
  return files.reduce((sum, [, bytes]) => sum + bytes, 0)
}

async function firstLoad(browser) {
  const code = await server.invite('desheng', 'captain', '陈阿姨')
  const volunteer = await FieldPage.open(browser, `${front.url}/enrol#${code}`)
  await volunteer.join('陈阿姨的手机')
  await volunteer.page.evaluate(() => navigator.serviceWorker.ready)
  await volunteer.page.waitForLoadState('networkidle')
  say('field, first load in all (at most 900 kB compressed):', kB(came()))
  for (let time = 0; time < 3; time++) {
    await volunteer.page.reload()
    await volunteer.untilStatus(ALL_SAFE)
  }
  say('field, three more loads (nothing):', kB(came()))
  return volunteer
}

/** As many records as a large community has, written on this very device and sent. */
async function fill(browser) {
  const holder = new DevicePage(await browser.newPage())
  await holder.page.goto(`${front.url}/test/device.html`)
  const began = Date.now()
  for (let made = 0; made < RECORDS; made += 1000) {
    const some = Math.min(1000, RECORDS - made)
    await holder.page.evaluate(
      async ([community, made, some]) => {
        const device = await globalThis.device
        for (let n = made; n < made + some; n++)
          await device.create(community, 'rectification', [['item', 'safety'], ['location', `${n % 105}幢 ${n}`]])
      },
      [community, made, some],
    )
    await holder.settled()
    say(`  ${made + some} records written and sent, s:`, ((Date.now() - began) / 1000).toFixed(0))
  }
  await holder.close()
}

async function times(run) {
  const taken = []
  for (let n = 0; n < RUNS; n++) taken.push(Math.round(await run()))
  return taken.join(' ')
}

/** From the beginning of a load to the first row. */
async function firstList(page) {
  await page.goto(`${front.url}/#/records`)
  await page.reload()
  await page.waitForFunction(() => globalThis.firstRow !== undefined)
  return page.evaluate(() => globalThis.firstRow)
}

/** From the press that saves a note to the note among the others. */
async function edit({ page }) {
  await page.goto(`${front.url}/#/records`)
  await page.locator('a.row').first().click()
  await page.getByRole('button', { name: '添加备注' }).click()
  const words = `看过了 ${Math.random()}`
  await page.locator('form textarea').fill(words)
  return page.evaluate(async (words) => {
    const seen = new Promise((resolve) => {
      new MutationObserver((_, observer) => {
        if (![...document.querySelectorAll('.said')].some((one) => one.textContent.includes(words))) return
        observer.disconnect()
        resolve(performance.now())
      }).observe(document, { childList: true, subtree: true, characterData: true })
    })
    const pressed = performance.now()
    document.querySelector('form button[type=submit]').click()
    return (await seen) - pressed
  }, words)
}

/** The console's first load, and a long history scrolled through: its pages are made up here, as the server would send them. */
async function historyOf(browser) {
  const writer = new NativeDevice(server, 'writer')
  await writer.do('enrol', server.url, await server.invite('desheng', 'captain', '刘叔'))
  await writer.do('sync')
  await writer.do('new', 'rectification', 'item=safety', 'location=3幢2单元')
  await writer.do('sync')
  const page = await browser.newPage()
  await page.setViewportSize({ width: 1440, height: 900 })
  await page.addInitScript(() => (localStorage['renolog.settings'] ??= '{"language":"zh"}'))
  front.passed.clear()
  await page.goto(server.administrator.replace(server.url, front.url))
  await page.getByRole('button', { name: '进入' }).first().click()
  await page.locator('[role=listbox] [role=option]').first().waitFor()
  await page.locator('[role=option]').first().click()
  await page.getByText('现在的样子').first().waitFor()
  say('console, first load without charts (at most 500 kB):', kB(came()))

  const { items } = await page.evaluate(
    (community) => fetch(`/api/v1/communities/${community}/history?newest=true&limit=200`).then((answer) => answer.json()),
    'desheng',
  )
  await page.route(/\/history\?/, (route) => {
    const after = Number(new URL(route.request().url()).searchParams.get('after') ?? 0)
    const made = Array.from({ length: 200 }, (_, n) => ({ ...items[n % items.length], change: `${after + n}`.padStart(64, '0') }))
    const next = after + 200 < ENTRIES ? `${after + 200}` : null
    return route.fulfill({ json: { items: made, ...(next && { next }) } })
  })
  await page.reload()
  await page.locator('[role=listbox] [role=option]').first().waitFor()
  const { frames, reached } = await page.locator('[role=listbox]').evaluate(async (list) => {
    const frames = []
    let last = performance.now()
    const until = last + 20_000
    while (last < until) {
      list.scrollTop += 400
      const now = await new Promise((resolve) => requestAnimationFrame(resolve))
      frames.push(now - last)
      last = now
    }
    return { frames: frames.sort((a, b) => a - b), reached: list.querySelector('[role=option]:last-child').getAttribute('aria-posinset') }
  })
  const at = (share) => frames[Math.min(frames.length - 1, Math.floor(frames.length * share))].toFixed(0)
  say(`history of ${ENTRIES}, scrolled to line ${reached}: frames, ms, p50 p95 p99 max:`, at(0.5), at(0.95), at(0.99), at(1))
}
