// The console in a real browser: an administrator signs in by a link, reads the history back and forth, and the rest of the
// desk. What it looks like is kept under shots/ for a person to look at.
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { assertOpenToAll, openBrowser } from './browser.mjs'
import { Demo } from './programs.mjs'

/** The rooms, and what stands in each once its answers have come. */
const ROOMS = {
  history: '[role=option]',
  board: 'tbody td',
  settle: 'article',
  people: 'tbody td',
  rules: 'tbody td',
  audit: 'tbody td',
}
const PHONE = { width: 390, height: 844 }
const DESK = { width: 1440, height: 900 }
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
  await page.setViewportSize(DESK)
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
/** Lines of the history; a choice has options of its own. */
const lines = () => page.locator('[role=listbox] [role=option]')

test('the link signs an administrator in, and the browser stays signed in', async () => {
  await page.goto(demo.administrator)
  await page.getByRole('button', { name: '进入' }).first().waitFor()
  await assertOpenToAll(page, 'the door')
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
  const text = await page.locator('[role=listbox]').innerText()
  assert.match(text, /离线/)
  const burst = lines().filter({ hasText: '离线期间的' }).first()
  const whole = async () => Number(await lines().first().getAttribute('aria-setsize'))
  const before = await whole()
  await burst.getByText('展开').click()
  await burst.getByText('收起').waitFor()
  assert.ok((await whole()) > before, 'it unfolds')
  await page.locator('[role=listbox]').focus()
  await page.keyboard.press('Enter')
  await burst.getByText('展开').waitFor()
  assert.equal(await whole(), before, 'the keyboard folds it')
  await page.getByLabel('只看有标记的').check()
  await page.getByText(/被并行操作取代|与他人不一致/).first().waitFor()
  await shot('history-marked')
  await page.getByLabel('只看有标记的').uncheck()
})

test('keys move the choice, and the record stands beside it as it stood', async () => {
  await page.locator('[role=listbox]').focus()
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
  await page.getByRole('button', { name: /未经民主决策通过的决策关/ }).first().click()
  await page.getByRole('dialog').getByText('unfounded_gates').waitFor()
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

test('no room shuts anybody out, in either language, on a phone or a desk', async () => {
  await page.getByLabel('Colours').selectOption('light')
  for (const [language, label] of [['en', 'Language'], ['zh', 'Language']]) {
    await page.getByLabel(label).selectOption(language)
    for (const [name, drawn] of Object.entries(ROOMS)) {
      await page.evaluate((name) => void (location.hash = `#/${name}?in=desheng`), name)
      await page.locator(`nav a[aria-current=page][href^="#/${name}"]`).waitFor()
      await page.locator(`main ${drawn}`).first().waitFor()
      await assertOpenToAll(page, `${name} in ${language}`)
      for (const [size, viewport] of Object.entries({ phone: PHONE, desk: DESK })) {
        await page.setViewportSize(viewport)
        await shot(`${name}-${language}-${size}`)
      }
    }
  }
})

test('nothing went wrong in the browser', () => {
  assert.deepEqual(faults, [])
})
