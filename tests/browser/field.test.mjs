// The field face in a real browser: enrolled by a link, written on without any network, updated while someone types.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { openBrowser } from './browser.mjs'
import { FieldPage } from './field-page.mjs'
import { Front } from './front.mjs'
import { web } from './paths.mjs'
import { NativeDevice, Server } from './programs.mjs'

/** Together they may make a record of every kind. */
const EVERY_HAT = ['residents_committee', 'specialist', 'owners_committee', 'property_manager', 'street', 'contractor', 'group']

describe('the field face', { timeout: 300_000 }, () => {
  let server, front, directory, profile, browser

  beforeEach(async () => {
    server = await Server.start()
    await server.community('desheng', '德胜新村')
    directory = await mkdtemp(join(tmpdir(), 'renolog-page-'))
    await cp(join(web, 'dist'), directory, { recursive: true })
    front = await Front.open(directory, server.url)
    profile = await mkdtemp(join(tmpdir(), 'renolog-profile-'))
    browser = await openBrowser(profile)
  })

  afterEach(async () => {
    await browser.close()
    await front.shut()
    await server.end()
    await rm(profile, { recursive: true, force: true })
    await rm(directory, { recursive: true, force: true })
  })

  /** Opens the page by the link that a volunteer was sent. */
  const invited = async (name, roles = []) => {
    const code = await server.invite('desheng', 'captain', name)
    const volunteer = await FieldPage.open(browser, `${front.url}/enrol#${code}`)
    await volunteer.join(`${name}的手机`)
    for (const role of roles) await server.renolog('admin', 'role', 'give', name, '--role', role, '--community', 'desheng')
    await volunteer.untilStatus('全部已存到服务器')
    return volunteer
  }
  const ready = (page) => page.evaluate(() => navigator.serviceWorker.ready.then(() => true))

  test('whoever opens an invitation joins, and the code is in no address any more', async () => {
    const volunteer = await invited('陈阿姨')
    assert.doesNotMatch(volunteer.page.url(), /enrol|-/)
    await volunteer.page.getByText('德胜新村').first().waitFor()
    await volunteer.accessible()
  })

  test('a slash too many in the link, or a code that is no more, keeps nobody out', async () => {
    const code = await server.invite('desheng', 'captain', '陈阿姨')
    const volunteer = await FieldPage.open(browser, `${front.url}/enrol/#${code}`)
    await volunteer.page.getByLabel('这部设备叫什么').waitFor()
    await volunteer.accessible()
    await volunteer.picture('enrol-zh')
    await volunteer.page.getByRole('button', { name: 'English' }).click()
    await volunteer.page.getByLabel('What is this device called?').waitFor()
    await volunteer.accessible()
    await volunteer.picture('enrol-en')
    await volunteer.page.getByRole('button', { name: '中文' }).click()
    await volunteer.join('陈阿姨的手机')
    await volunteer.page.evaluate(() => navigator.serviceWorker.ready)
    await volunteer.page.goto(`${front.url}/enrol/#${code}`)
    await volunteer.page.getByRole('heading', { name: '您好' }).waitFor()
  })

  test('over a bad link the page comes, somebody joins, and what they write is safe in the end', async () => {
    const code = await server.invite('desheng', 'captain', '陈阿姨')
    // The server itself sends the page compressed. A megabit and long ways.
    const volunteer = await FieldPage.open(browser, `${server.url}/enrol#${code}`, {
      link: { latency: 400, downloadThroughput: 125_000, uploadThroughput: 30_000 },
    })
    await volunteer.page.getByLabel('这部设备叫什么').waitFor({ timeout: 60_000 })
    await volunteer.join('陈阿姨的手机')
    await volunteer.go('#/new/rectification')
    await volunteer.page.getByLabel('安全').check()
    await volunteer.page.getByLabel('位置').fill('3幢2单元')
    await volunteer.save()
    await volunteer.untilStatus('全部已存到服务器')
  })

  test('what is on the phone is not loaded again', async () => {
    const volunteer = await invited('陈阿姨')
    await ready(volunteer.page)
    await volunteer.page.waitForLoadState('networkidle')
    front.served.length = 0
    for (let time = 0; time < 2; time++) {
      await volunteer.page.reload()
      await volunteer.untilStatus('全部已存到服务器')
    }
    // Whether there is a newer page is asked with each load; the browser does that.
    assert.deepEqual(front.served.filter((path) => path !== '/sw.js'), [])
  })

  test('a photo is named by its bytes, and shown where it was taken', async () => {
    const volunteer = await invited('陈阿姨')
    const { page } = volunteer
    await volunteer.go('#/new/rectification')
    await page.getByLabel('安全').check()
    await page.getByLabel('位置').fill('3幢2单元')
    await volunteer.save()
    const bytes = await readFile(join(web, 'public', 'icon.svg'))
    await page.locator('input[type=file]').setInputFiles({ name: '扶手.svg', mimeType: 'image/svg+xml', buffer: bytes })
    await page.getByRole('img', { name: '扶手.svg' }).waitFor()
    await page.getByText(createHash('sha256').update(bytes).digest('hex').slice(0, 12)).waitFor()
    await volunteer.untilStatus('全部已存到服务器')
    await volunteer.accessible()
  })

  test('what a record held once is written again as one new change', async () => {
    const volunteer = await invited('陈阿姨')
    const { page } = volunteer
    await volunteer.go('#/new/rectification')
    await page.getByLabel('安全').check()
    await page.getByLabel('位置').fill('3幢2单元')
    const record = await volunteer.save()
    const again = encodeURIComponent(JSON.stringify([['location', null, '5幢1单元'], ['item', null, 'quality'], ['due', null, '2026-12-01']]))
    await volunteer.go(`#/record/${record}?again=${again}`)
    await page.getByRole('heading', { name: '写回原来的内容' }).waitFor()
    await page.getByText('您的身份不能写这一项').waitFor()
    await volunteer.accessible()
    await page.getByRole('button', { name: '写回', exact: true }).click()
    await page.getByRole('heading', { level: 1, name: '5幢1单元' }).waitFor()
    await page.getByRole('heading', { name: '写回原来的内容' }).waitFor({ state: 'detached' })
    await page.getByRole('button', { name: '看经过' }).click()
    await page.getByText('5幢1单元').nth(1).waitFor()
  })

  test('every kind of record has a form that renders and saves, and a page of its own', async () => {
    const volunteer = await invited('陈阿姨', EVERY_HAT)
    const { page } = volunteer
    await volunteer.go('#/new')
    await page.locator('a.kind', { hasText: '下沉派驻' }).waitFor()
    const offered = await page.locator('a.kind').evaluateAll((links) => links.map((link) => link.getAttribute('href')))
    assert.equal(offered.length, 18)
    // A ballot is for a motion.
    offered.sort((a, b) => Number(b.includes('/motion')) - Number(a.includes('/motion')))
    for (const place of offered) {
      await volunteer.go(place)
      await page.getByRole('button', { name: '保存', exact: true }).waitFor()
      await volunteer.accessible()
      await volunteer.fillNeeded('三号楼')
      await volunteer.save()
      await page.getByRole('button', { name: '看经过' }).click()
      await page.getByText('陈阿姨').or(page.getByText('您 ·')).first().waitFor()
      await volunteer.accessible()
    }
    await volunteer.untilStatus('全部已存到服务器')
    await volunteer.go('#/records')
    await page.locator('a.row').nth(offered.length - 1).waitFor()
    await volunteer.accessible()
  })

  test('what was typed outlives a killed tab, and what was written outlives the network', async () => {
    let volunteer = await invited('陈阿姨')
    await ready(volunteer.page)
    await volunteer.go('#/new/rectification')
    await volunteer.page.getByLabel('安全').check()
    await volunteer.page.getByLabel('位置').fill('3幢2单元楼梯扶手松动')
    await volunteer.page.getByText('草稿已存').waitFor()
    await front.shut()
    await volunteer.page.close()

    volunteer = await FieldPage.open(browser, front.url)
    await volunteer.untilStatus('没有信号')
    await volunteer.page.getByRole('link', { name: /新建整改单/ }).click()
    await volunteer.page.getByText('接着上次没写完的内容').waitFor()
    assert.equal(await volunteer.page.getByLabel('位置').inputValue(), '3幢2单元楼梯扶手松动')
    await volunteer.save()
    await volunteer.page.getByText('在本机', { exact: true }).waitFor()
    await volunteer.untilStatus('1 条待发送')
    assert.match(await volunteer.status(), /没有信号[^]*1 条待发送/)
    await volunteer.page.reload()
    await volunteer.page.getByRole('heading', { name: '3幢2单元楼梯扶手松动' }).waitFor()

    await front.open()
    await volunteer.page.evaluate(() => dispatchEvent(new Event('online')))
    await volunteer.untilStatus('全部已存到服务器')
    await volunteer.page.getByText('服务器已存', { exact: true }).waitFor()
  })

  test('a newer page waits while something is being typed, and gives it back', async () => {
    const volunteer = await invited('陈阿姨')
    const { page } = volunteer
    await ready(page)
    await volunteer.go('#/new/demand')
    await page.getByLabel('诉求').fill('东门早上七点前不开')
    await page.evaluate(() => void (globalThis.before = true))

    await newerBuild(directory)
    await page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).update())
    await page.getByText('有新版本').waitFor()
    assert.equal(await page.evaluate(() => globalThis.before), true, 'nothing happens before the person says so')
    assert.equal(await page.getByLabel('诉求').inputValue(), '东门早上七点前不开')
    await page.getByLabel('诉求').fill('东门早上七点前不开，请提前到六点半')
    await volunteer.accessible()
    await page.getByRole('button', { name: '存好草稿并更新' }).click()

    await page.waitForFunction(() => globalThis.before === undefined && document.querySelector('meta[name=newer]'))
    await page.getByText('接着上次没写完的内容').waitFor()
    assert.equal(await page.getByLabel('诉求').inputValue(), '东门早上七点前不开，请提前到六点半')
  })

  test('a key that the browser lost costs no words: the person joins again, and what was not sent goes out', async () => {
    const volunteer = await invited('陈阿姨')
    const { page } = volunteer
    await ready(page)
    await front.shut()
    await volunteer.go('#/new/rectification')
    await volunteer.fillNeeded('3幢2单元')
    const record = await volunteer.save()
    await volunteer.untilStatus('没有信号')
    await page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const request = indexedDB.deleteDatabase('renolog')
          request.onsuccess = resolve
          request.onerror = reject
        }),
    )
    await page.reload()
    await page.getByRole('heading', { name: '本机需要重新加入' }).waitFor()
    await page.getByText('有 1 条内容写好了还没有发送').waitFor()
    await volunteer.accessible()
    await volunteer.picture('key-lost-zh')
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: '把没发送的内容另存一份' }).click()
    const text = await readFile(await (await download).path(), 'utf8')
    assert.match(text, /德胜新村 · 整改单 · .*\r\n {2}.*建立整改单/)
    await page.getByRole('button', { name: 'English' }).click()
    await page.getByRole('heading', { name: 'This device has to join again' }).waitFor()
    await volunteer.picture('key-lost-en')
    await page.getByRole('button', { name: '中文' }).click()

    await front.open()
    const link = await server.renolog('admin', 'invite', 'make', '--person', '陈阿姨')
    const [code] = /[A-Z0-9]{4}(-[A-Z0-9]{4}){3}/.exec(link)
    await page.goto(`${front.url}/enrol#${code}`)
    await volunteer.join('陈阿姨的手机')
    await volunteer.untilStatus('全部已存到服务器')
    await volunteer.go(`#/record/${record}`)
    await page.getByText('3幢2单元').first().waitFor()
    const reader = new NativeDevice(server, 'reader')
    await reader.do('enrol', server.url, await server.invite('desheng', 'supervisor', '王监理'))
    await reader.do('sync')
    assert.match(await reader.do('show', record), /3幢2单元/)
  })

  test('a device that cannot be opened says why, to everybody', async () => {
    await browser.route(/\.wasm$/, (route) => route.abort())
    const volunteer = await FieldPage.open(browser, front.url)
    await volunteer.page.getByRole('heading', { name: '打不开本机的记录' }).waitFor()
    await volunteer.accessible()
    await volunteer.picture('cannot-open-zh')
  })

  test('pictures of the main views, in both languages', async () => {
    const volunteer = await invited('陈阿姨', EVERY_HAT)
    const { page } = volunteer
    const made = {}
    for (const kind of ['motion', 'rectification', 'matter', 'whistle', 'demand']) {
      await volunteer.go(`#/new/${kind}`)
      await page.getByRole('button', { name: '保存', exact: true }).waitFor()
      await volunteer.fillNeeded('3幢2单元楼梯扶手松动，二楼到三楼缺三颗螺丝')
      made[kind] = await volunteer.save()
    }
    await volunteer.untilStatus('全部已存到服务器')
    for (const language of ['zh', 'en']) {
      await volunteer.speak(language)
      for (const [name, place] of Object.entries({
        home: '#/',
        records: '#/records',
        new: '#/new',
        form: '#/new/rectification',
        record: `#/record/${made.rectification}`,
        matter: `#/record/${made.matter}`,
        motion: `#/record/${made.motion}`,
        me: '#/me',
        todo: '#/todo',
        refused: '#/refused',
        conflicts: '#/conflicts',
        nowhere: '#/nowhere',
      })) {
        await volunteer.go(place)
        await page.locator('main h1').first().waitFor()
        await page.waitForLoadState('networkidle')
        await volunteer.accessible()
        await volunteer.picture(`${name}-${language}`)
      }
    }
  })
})

/** The same page as another build of it: another revision, and a mark to know it by. */
async function newerBuild(directory) {
  const change = async (name, from, to) => {
    const text = await readFile(join(directory, name), 'utf8')
    assert.match(text, from)
    await writeFile(join(directory, name), text.replace(from, to))
  }
  await change('index.html', /<head>/, '<head><meta name="newer">')
  await change('sw.js', /"revision":"[0-9a-f]+"/, '"revision":"newer"')
}
