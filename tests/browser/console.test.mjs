// The console in a real browser: an administrator signs in by a link, reads the history back and forth, and the rest of the
// desk. What it looks like is kept under shots/ for a person to look at.
import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { openBrowser } from './browser.mjs'
import { Demo } from './programs.mjs'

const shots = fileURLToPath(new URL('shots', import.meta.url))
let demo
let context
let page
const faults = []

before(async () => {
  demo = await Demo.start()
  await mkdir(shots, { recursive: true })
  context = await openBrowser(join(demo.directory, 'administrator'))
  await context.addInitScript(() => (localStorage['renolog.settings'] ??= '{"language":"zh"}'))
  page = await context.newPage()
  await page.setViewportSize({ width: 1440, height: 900 })
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text())
  })
})

after(async () => {
  await context?.close()
  await demo?.end()
})

const shot = (name) => page.screenshot({ path: join(shots, `console-${name}.png`) })
const room = (name) => page.getByRole('navigation').getByRole('link', { name }).click()
const lines = () => page.getByRole('option')
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What of the page would keep somebody out who does not see it, or has no mouse. */
async function barriers() {
  await page.evaluate(axe)
  const found = await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }))
  const serious = found.violations.filter((violation) => ['serious', 'critical'].includes(violation.impact))
  return serious.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(' ')).slice(0, 4).join(' | ')}`)
}

test('the link signs an administrator in, and the browser stays signed in', async () => {
  await page.goto(demo.administrator)
  await shot('sign-in')
  await page.getByRole('button', { name: '进入' }).first().click()
  await page.getByRole('heading', { name: '汇总历史' }).waitFor()
  assert.equal(await page.evaluate(() => document.cookie), '', 'no script reads the token')
  // Until then nothing was asked for that could be refused but who one is.
  faults.length = 0
  await page.reload()
  await page.getByRole('heading', { name: '汇总历史' }).waitFor()
})

test('the history shows lanes, bursts, skew and what was overtaken', async () => {
  await page.getByRole('combobox', { name: '小区' }).selectOption({ label: '德胜新村' })
  await lines().first().waitFor()
  await shot('history')
  const text = await page.getByRole('listbox').innerText()
  assert.match(text, /离线/)
  const burst = page.getByRole('option').filter({ hasText: '离线期间的' }).first()
  const before = await lines().count()
  await burst.getByRole('button').click()
  assert.ok((await lines().count()) > before, 'it unfolds')
  await page.getByLabel('只看有标记的').check()
  await page.getByText(/被并行操作取代|与他人不一致/).first().waitFor()
  await shot('history-marked')
  await page.getByLabel('只看有标记的').uncheck()
})

test('keys move the choice, and the record stands beside it as it stood', async () => {
  await page.getByRole('listbox').focus()
  await page.keyboard.press('Home')
  for (let i = 0; i < 6; i++) await page.keyboard.press('ArrowDown')
  await page.getByText('现在的样子').first().waitFor()
  await page.getByRole('button', { name: '当时谁知道什么' }).click()
  await page.getByText('书写者', { exact: true }).first().waitFor()
  await shot('history-known')
  const slider = page.getByRole('slider', { name: '时点' })
  await slider.fill('900')
  await page.getByText(/截至 .* 的样子/).first().waitFor()
  await page.getByRole('button', { name: '与另一时点对比' }).click()
  await page.getByText(/条记录变化/).waitFor()
  await shot('history-travel')
  await page.getByRole('button', { name: '不对比' }).click()
  await page.getByRole('button', { name: '回到最新' }).click()
})

test('evidence comes as a file', async () => {
  await page.getByRole('button', { name: '导出证据' }).click()
  const download = page.waitForEvent('download')
  await page.getByRole('link', { name: '下载' }).click()
  assert.match((await download).suggestedFilename(), /evidence-desheng\.zip/)
})

test('the board shows the figures of the article and opens the records behind them', async () => {
  await room('数字驾驶舱')
  const tile = page.getByRole('button', { name: /已拆除/ }).first()
  await tile.waitFor()
  assert.match(await tile.innerText(), /85/)
  await shot('board')
  await tile.click()
  await page.getByRole('dialog').getByRole('cell').first().waitFor()
  await shot('board-behind')
  const download = page.waitForEvent('download')
  await page.getByRole('dialog').getByRole('button', { name: '导出 Excel' }).click()
  assert.match((await download).suggestedFilename(), /\.xlsx$/)
  await page.keyboard.press('Escape')
})

test('what waits to be settled says who wrote what', async () => {
  await room('待处理')
  await page.getByRole('heading', { name: /未被接受/ }).waitFor()
  await shot('settle')
})

test('somebody is invited with a picture to scan', async () => {
  await room('人员与设备')
  await page.getByRole('button', { name: '邀请', exact: true }).click()
  await page.getByLabel('姓名').fill('新志愿者')
  await page.getByRole('dialog').getByRole('button', { name: '邀请' }).click()
  await page.getByRole('img', { name: /扫码/ }).waitFor()
  await shot('invite')
  await page.keyboard.press('Escape')
  await shot('people')
})

test('the rules are drawn, and what administrators did is listed', async () => {
  await room('规则')
  await page.getByRole('img').first().waitFor()
  await shot('rules')
  await room('管理记录')
  await page.getByText('invite').first().waitFor()
  await shot('audit')
})

test('English has every word, dark and light', async () => {
  await page.getByLabel('语言').selectOption('en')
  await room('Merged history')
  await lines().first().waitFor()
  await page.getByLabel('Colours').selectOption('dark')
  await shot('history-en-dark')
  await room('District board')
  await page.getByRole('button', { name: /removed/i }).first().waitFor()
  await shot('board-en-dark')
})

test('no page shuts anybody out', async () => {
  for (const name of ['Merged history', 'District board', 'To settle', 'People and devices', 'Rules', 'Audit']) {
    await room(name)
    await page.getByRole('heading', { level: 1, name }).waitFor()
    await page.getByRole('main').getByText(/\S/).first().waitFor()
    assert.deepEqual(await barriers(), [], name)
  }
})

test('nothing went wrong in the browser', () => {
  assert.deepEqual(faults, [])
})
