// What the page costs, held against its budgets. `node measure.mjs [RECORDS]`, after `make page` and a build of the server;
// RENOLOG_PROFILE=release takes the server of that build; RENOLOG_PAGE=dist the page that was built last in place of the one in
// the server, of whose first load it cannot tell. Prints as it goes; milliseconds are those of this machine.
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { buildDevicePage, DevicePage, openBrowser } from './browser.mjs'
import { FieldPage } from './field-page.mjs'
import { Front } from './front.mjs'
import { scratch, web } from './paths.mjs'
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
if (process.env.RENOLOG_PAGE === 'dist') await cp(join(web, 'dist'), directory, { recursive: true })
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
  came()
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

/** From the beginning of a load to the first row, where the browser has everything and nothing of the page is open. */
async function firstList(page) {
  await page.goto('about:blank')
  await patience(1000)
  await page.goto(`${front.url}/#/records`)
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
  await page.route(/\/history(\/outline)?\?/, (route) => route.fulfill({ json: longHistory(items, new URL(route.request().url())) }))
  await page.reload()
  const list = page.locator('[role=listbox]')
  await list.locator('[role=option]').first().waitFor()
  const tools = await page.context().newCDPSession(page)
  const heap = async () => {
    await tools.send('HeapProfiler.collectGarbage')
    return `${((await page.evaluate(() => performance.memory.usedJSHeapSize)) / 1e6).toFixed(0)} MB`
  }
  const before = await heap()
  const down = await list.evaluate(scrollThrough, { step: 400, forMs: 20_000 })
  say(`history of ${ENTRIES}, scrolled to line ${down.reached}: frames, ms, p50 p95 p99 max:`, ...shares(down.frames))
  const up = await list.evaluate(scrollThrough, { step: -400, forMs: 20_000 })
  say(`  and back to line ${up.reached}:`, ...shares(up.frames))
  const jumps = await list.evaluate(jumpAbout, { jumps: 20, all: ENTRIES })
  say('  20 jumps anywhere in it, ms until the lines there are drawn, p50 p95 p99 max:', ...shares(jumps))
  await list.evaluate((list) => (list.scrollTop = 0))
  const { seen, astray } = await readThrough(list)
  say(`  read from its first line to its last, a screen at a time: lines seen, and lines that stood elsewhere:`, seen, astray)
  say('  memory of the page before and after:', before, await heap())
}

/** What the server would answer of a history of so many entries, one a minute; the latest is the first. */
function longHistory(items, asked) {
  const END = Date.UTC(2026, 10, 25)
  const EACH = 60_000
  const wish = (name) => asked.searchParams.get(name)
  if (asked.pathname.endsWith('/outline')) {
    const parts = Number(wish('parts'))
    const from = END - (ENTRIES - 1) * EACH
    const received = Array(parts).fill(ENTRIES / parts)
    const lanes = [{ party: items[0].party, entries: ENTRIES, received, written: received }]
    return { entries: ENTRIES, received_from: from, received_until: END, written_from: from, written_until: END, lanes }
  }
  const limit = Number(wish('limit'))
  const at = wish('at') === null ? 0 : Math.min(ENTRIES, Math.max(0, Math.ceil((END - Number(wish('at'))) / EACH)))
  const from = wish('after') === null ? at : Number(wish('after'))
  const back = wish('newest') === 'true'
  const upto = back ? Math.min(ENTRIES, from + limit) : Math.max(0, from - limit)
  const numbers = Array.from({ length: Math.abs(upto - from) }, (_, n) => (back ? from + n : from - 1 - n))
  const entry = (n) => ({ ...items[n % items.length], change: `${n}`.padStart(64, '0'), title: `#${n + 1}`, received: END - n * EACH, offline: 0 })
  return { items: numbers.map(entry), ...(upto !== (back ? ENTRIES : 0) && { next: `${upto}` }) }
}

/** In the page: so many pixels a frame, for so long. */
async function scrollThrough(list, { step, forMs }) {
  const frames = []
  let last = performance.now()
  const until = last + forMs
  while (last < until && (step > 0 || list.scrollTop > 0)) {
    list.scrollTop += step
    const now = await new Promise((resolve) => requestAnimationFrame(resolve))
    frames.push(now - last)
    last = now
  }
  return { frames, reached: list.querySelector('[role=option]:last-child')?.getAttribute('aria-posinset') }
}

/** In the page: how long it takes until what is in sight after a jump is drawn. */
async function jumpAbout(list, { jumps, all }) {
  const taken = []
  for (let n = 0; n < jumps; n++) {
    const line = Math.floor(((n * 0.618) % 1) * all)
    const began = performance.now()
    list.scrollTop = line * 44
    for (;;) {
      await new Promise((resolve) => requestAnimationFrame(resolve))
      const [top, bottom] = [list.scrollTop, list.scrollTop + list.clientHeight]
      const drawn = [...list.querySelectorAll('[role=option]')].filter((one) => one.offsetTop < bottom && one.offsetTop + 44 > top)
      if (drawn.length >= Math.floor(list.clientHeight / 44)) break
    }
    taken.push(performance.now() - began)
  }
  return taken
}

/** Every line once, in order, with whoever waits for each. */
function readThrough(list) {
  return list.evaluate(async (list) => {
    const seen = new Set()
    let astray = 0
    for (;;) {
      const bottom = list.scrollTop + list.clientHeight
      const lines = [...list.querySelectorAll('[role=option]')]
      for (const line of lines) {
        const number = Number(/#(\d+)/.exec(line.textContent)?.[1])
        if (number !== Number(line.getAttribute('aria-posinset'))) astray += 1
        seen.add(number)
      }
      const last = lines.at(-1)
      const there = last && last.offsetTop + 44 >= Math.min(bottom, list.scrollHeight)
      if (there && bottom >= list.scrollHeight - 1) return { seen: seen.size, astray }
      if (there) list.scrollTop += list.clientHeight
      await new Promise((resolve) => requestAnimationFrame(resolve))
    }
  })
}

/** p50 p95 p99 max. */
function shares(figures) {
  const sorted = figures.toSorted((a, b) => a - b)
  return [0.5, 0.95, 0.99, 1].map((share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))].toFixed(0))
}
