// What the field face costs a phone with ten thousand records: the first list from a warm start, and an edit until it is
// seen. `node measure.mjs [RECORDS]`, after scripts/browser-tests has built what it needs. Prints milliseconds.
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { buildDevicePage, DevicePage, openBrowser } from './browser.mjs'
import { FieldPage } from './field-page.mjs'
import { Front } from './front.mjs'
import { scratch, web } from './paths.mjs'
import { Server } from './programs.mjs'

const RECORDS = Number(process.argv[2] ?? 10_000)
const RUNS = 5

const server = await Server.start()
const community = await server.community('desheng', '德胜新村')
const directory = await mkdtemp(join(tmpdir(), 'renolog-page-'))
await buildDevicePage()
await cp(join(web, 'dist'), directory, { recursive: true })
// At the same address, so that it is the same device.
await cp(join(scratch, 'device'), join(directory, 'test'), { recursive: true })
const front = await Front.open(directory, server.url)
const profile = await mkdtemp(join(tmpdir(), 'renolog-profile-'))
const browser = await openBrowser(profile)
browser.setDefaultTimeout(300_000)
try {
  const code = await server.invite('desheng', 'captain', '陈阿姨')
  const holder = new DevicePage(await browser.newPage())
  await holder.page.goto(`${front.url}/test/device.html`)
  await holder.ask('enrol', { code }, '陈阿姨的手机')
  await holder.settled()
  await holder.page.evaluate(
    async ([community, count]) => {
      const device = await globalThis.device
      for (let n = 0; n < count; n++) await device.create(community, 'rectification', [['item', 'safety'], ['location', `${n % 105}幢 ${n}`]])
    },
    [community, RECORDS],
  )
  await holder.settled()
  await holder.close()

  const volunteer = await FieldPage.open(browser, `${front.url}/#/records`)
  await volunteer.untilStatus('全部已存到服务器')
  await volunteer.page.evaluate(() => navigator.serviceWorker.ready)
  console.log('first list, ms:', await times(() => firstList(volunteer.page)))
  console.log('an edit until it is seen, ms:', await times(() => edit(volunteer)))
} finally {
  await browser.close()
  await front.shut()
  await server.end()
  await Promise.all([rm(profile, { recursive: true, force: true }), rm(directory, { recursive: true, force: true })])
}

async function times(run) {
  const taken = []
  for (let n = 0; n < RUNS; n++) taken.push(Math.round(await run()))
  return taken.join(' ')
}

/** From the beginning of a load to the first row. */
async function firstList(page) {
  await page.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector('a.row')) return
      observer.disconnect()
      globalThis.firstRow = performance.now()
    }).observe(document, { childList: true, subtree: true })
  })
  await page.goto('about:blank')
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
