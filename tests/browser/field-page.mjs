// The field face as a person uses it: by what they read and press.
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

import { assertOpenToAll } from './browser.mjs'

const PHONE = { width: 390, height: 844 }
const DESK = { width: 1280, height: 860 }
/** So tall that nothing lies behind the bars at the page's edges: what is hidden cannot be judged. */
const TALL = 4000
const SHOTS = fileURLToPath(new URL('shots', import.meta.url))

export class FieldPage {
  constructor(page) {
    this.page = page
  }

  /** `link`: what the network is like, as DevTools has it. */
  static async open(context, address, { desk = false, link = null } = {}) {
    // Chromium reads English here; its user does not.
    await context.addInitScript(() => (localStorage['renolog.settings'] ??= '{"language":"zh"}'))
    const page = await context.newPage()
    await page.setViewportSize(desk ? DESK : PHONE)
    page.on('console', (message) => {
      if (message.type() === 'error') console.log(`  [browser] ${message.text()}`)
    })
    page.on('pageerror', (error) => console.log(`  [browser] ${error}`))
    if (link !== null) {
      const tools = await context.newCDPSession(page)
      await tools.send('Network.enable')
      await tools.send('Network.emulateNetworkConditions', { offline: false, ...link })
    }
    await page.goto(address)
    return new FieldPage(page)
  }

  /** Goes somewhere within the page, without loading it anew. */
  async go(place) {
    await this.page.evaluate((place) => void (location.hash = place), place)
  }

  async join(deviceName) {
    await this.page.getByLabel('这部设备叫什么').fill(deviceName)
    await this.page.getByRole('button', { name: '加入' }).click()
    await this.page.getByRole('heading', { name: '您好' }).waitFor()
  }

  /** What the one line says. */
  status() {
    return this.page.locator('.status').first().innerText()
  }

  async untilStatus(words) {
    await this.page.locator('.status', { hasText: words }).first().waitFor()
  }

  async speak(language) {
    await this.page.evaluate((language) => {
      const kept = JSON.parse(localStorage.getItem('renolog.settings') ?? '{}')
      localStorage.setItem('renolog.settings', JSON.stringify({ ...kept, language }))
    }, language)
    await this.page.reload()
    await this.page.locator('.status').first().waitFor()
  }

  /** Fills what a form needs, whatever its kind: the first choice, a day, a figure, some words. */
  async fillNeeded(words) {
    await this.page.locator('form .field:has(.needed)').first().waitFor()
    for (const group of await this.page.locator('form .field:has(.needed)').all()) {
      if (await group.locator('[role=radiogroup]').count()) {
        const radio = group.locator('input[type=radio]').first()
        if (!(await group.locator('input[type=radio]:checked').count())) await radio.check()
      } else if (await group.locator('select').count()) {
        const select = group.locator('select')
        await select.locator('option:nth-child(2)').waitFor({ state: 'attached' })
        const offered = await select.locator('option').evaluateAll((options) => options.map((option) => option.value))
        await select.selectOption(offered.includes('builders') ? 'builders' : offered[1])
      } else if (await group.locator('input[type=date]').count()) {
        await group.locator('input').fill('2026-11-25')
      } else if (await group.locator('input[inputmode=numeric]').count()) {
        await group.locator('input').fill('3')
      } else {
        await group.locator('input, textarea').first().fill(words)
      }
    }
  }

  /** Saves the form; the record's page comes up. Its id. */
  async save() {
    await this.page.getByRole('button', { name: '保存', exact: true }).click()
    await this.page.waitForURL(/#\/record\//)
    return decodeURIComponent(new URL(this.page.url()).hash.slice('#/record/'.length))
  }

  /** Fails if someone could not use what is shown. */
  async accessible() {
    const before = this.page.viewportSize()
    await this.page.setViewportSize({ ...before, height: TALL })
    await assertOpenToAll(this.page, this.page.url())
    await this.page.setViewportSize(before)
  }

  /** A picture for people to look at, phone and desk. */
  async picture(name) {
    await mkdir(SHOTS, { recursive: true })
    for (const [size, viewport] of Object.entries({ phone: PHONE, desk: DESK })) {
      await this.page.setViewportSize(viewport)
      await this.page.screenshot({ path: `${SHOTS}/field-${name}-${size}.png` })
    }
    await this.page.setViewportSize(PHONE)
  }
}
