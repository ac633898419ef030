// Two phones and a console, each in a browser of its own: enrolled by a link, out of reach in two ways, and one history in the
// end. One phone is without a network; for the other the server is gone, its tab is loaded anew and its browser restarted.
import assert from 'node:assert/strict'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { openBrowser } from './browser.mjs'
import { FieldPage } from './field-page.mjs'
import { Front } from './front.mjs'
import { web } from './paths.mjs'
import { Server } from './programs.mjs'

/** How far one phone's clock is ahead: so many hours, and a minute. */
const AHEAD_HOURS = 2

describe('two phones and a console', { timeout: 300_000 }, () => {
  const directories = []
  const browsers = {}
  /** One phone is served by the server itself; before the other stands a door that moves its clock. */
  let server, front, record

  const directory = async () => directories[directories.push(await mkdtemp(join(tmpdir(), 'renolog-together-'))) - 1]
  const profiles = {}
  const address = (who) => (who === 'liu' ? front.url : server.url)
  const open = async (who) => (browsers[who] = await openBrowser((profiles[who] ??= await directory())))

  before(async () => {
    server = await Server.start()
    await server.community('desheng', '德胜新村')
    const files = await directory()
    await cp(join(web, 'dist'), files, { recursive: true })
    await moveClock(files, AHEAD_HOURS * 3_600_000 + 60_000)
    front = await Front.open(files, server.url)
  })

  after(async () => {
    await Promise.all(Object.values(browsers).map((browser) => browser.close()))
    await front?.shut()
    await server.end()
    await Promise.all(directories.map((directory) => rm(directory, { recursive: true, force: true })))
  })

  const joins = async (who, name) => {
    const code = await server.invite('desheng', 'captain', name)
    const page = await FieldPage.open(await open(who), `${address(who)}/enrol#${code}`)
    await page.join(`${name}的手机`)
    await page.untilStatus('全部已存到服务器')
    await page.page.evaluate(() => navigator.serviceWorker.ready)
    return page
  }
  const rewrite = async ({ page }, location) => {
    await page.getByRole('button', { name: '修改位置' }).click()
    await page.locator('form input[type=text]').fill(location)
    await page.locator('form').getByRole('button', { name: '保存' }).click()
    await page.getByRole('heading', { name: location }).waitFor()
  }
  let chen, liu

  test('they enrol by their links, and see the same record', async () => {
    chen = await joins('chen', '陈阿姨')
    liu = await joins('liu', '刘叔')
    await chen.go('#/new/rectification')
    await chen.page.getByLabel('安全').check()
    await chen.page.getByLabel('位置').fill('3幢2单元')
    record = await chen.save()
    await liu.go(`#/record/${record}`)
    await liu.page.getByRole('heading', { name: '3幢2单元' }).waitFor()
  })

  test('out of reach, both go on writing, and nothing of it is lost', async () => {
    await chen.untilStatus('全部已存到服务器')
    await browsers.chen.setOffline(true)
    await server.kill()
    await liu.untilStatus('没有信号')
    await rewrite(chen, '3幢2单元东侧')
    await rewrite(liu, '3幢2单元西侧')
    await liu.untilStatus('1 条待发送')
    await chen.page.reload()
    await chen.page.getByRole('heading', { name: '3幢2单元东侧' }).waitFor()
    await chen.untilStatus('1 条待发送')

    await browsers.liu.close()
    liu = await FieldPage.open(await open('liu'), `${address('liu')}/#/record/${record}`)
    await liu.page.getByRole('heading', { name: '3幢2单元西侧' }).waitFor()
    assert.match(await liu.status(), /1 条待发送/)
    assert.doesNotMatch(await liu.status(), /全部已存/)
  })

  test('back in reach, both show both, and say that people disagree', async () => {
    await server.serve()
    await browsers.chen.setOffline(false)
    for (const { page } of [chen, liu]) await page.evaluate(() => dispatchEvent(new Event('online')))
    for (const phone of [chen, liu]) {
      await phone.untilStatus('全部已存到服务器')
      await phone.page.getByRole('heading', { name: '“位置”有分歧' }).waitFor()
      for (const words of ['3幢2单元东侧', '3幢2单元西侧']) await phone.page.getByRole('listitem').getByText(words).first().waitFor()
      await phone.accessible()
    }
  })

  test('the console sees lanes, the conflict, and the clock that is ahead', async () => {
    const desk = await open('desk')
    await desk.addInitScript(() => (localStorage['renolog.settings'] ??= '{"language":"zh"}'))
    const page = await desk.newPage()
    await page.setViewportSize({ width: 1440, height: 900 })
    await page.goto(server.administrator)
    await page.getByRole('button', { name: '进入' }).first().click()
    const lines = page.locator('[role=listbox] [role=option]')
    await lines.first().waitFor()
    assert.equal(await lines.count(), 3)
    const his = lines.filter({ hasText: '刘叔' })
    await his.getByText(`设备时钟快 ${AHEAD_HOURS} 小时`).waitFor()
    await his.getByText('与他人不一致').waitFor()
    assert.ok((await page.locator('.lanes').count()) > 0, 'each line stands in its lane')
    await page.getByRole('link', { name: '待处理' }).click()
    await page.getByText('3幢2单元东侧', { exact: true }).waitFor()
    await page.getByText('3幢2单元西侧', { exact: true }).waitFor()

    // What one of them settles is seen at the desk without asking.
    await chen.page.getByRole('listitem').filter({ hasText: '3幢2单元东侧' }).getByRole('button', { name: '用这个' }).click()
    await page.getByText('没有需要处理的不一致。').waitFor()
    await liu.page.getByRole('heading', { name: '“位置”有分歧' }).waitFor({ state: 'detached' })
    assert.match(await server.renolog('verify'), /all holds/)
  })
})

/** Moves the clock by which a phone's worker goes. */
async function moveClock(directory, by) {
  const assets = join(directory, 'assets')
  const worker = (await readdir(assets)).find((name) => /^worker-.*\.js$/.test(name))
  assert.ok(worker, 'the build has a worker')
  const code = await readFile(join(assets, worker), 'utf8')
  await writeFile(join(assets, worker), `{const now=Date.now;Date.now=()=>now()+${by}}${code}`)
}
