// The core in a real browser: the store in the browser's file system, the key in its keeping, the websocket, and one tab
// that owns it all.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, before, beforeEach, describe, test } from 'node:test'

import { buildDevicePage, openBrowser, openDevicePage } from './browser.mjs'
import { Front } from './front.mjs'
import { scratch } from './paths.mjs'
import { NativeDevice, Server } from './programs.mjs'

const RECTIFICATION = (location) => [
  ['item', 'safety'],
  ['location', location],
]

describe('the core in a browser', { timeout: 300_000 }, () => {
  let server, front, community, profile, browser

  before(buildDevicePage)

  beforeEach(async () => {
    server = await Server.start()
    community = await server.community('desheng', '德胜新村')
    // The page stands before the server, so that it can be loaded while the server is away.
    front = await Front.open(join(scratch, 'device'), server.url)
    profile = await mkdtemp(join(tmpdir(), 'renolog-profile-'))
    browser = await openBrowser(profile)
  })

  afterEach(async () => {
    await browser.close()
    await front.shut()
    await server.end()
    await rm(profile, { recursive: true, force: true })
  })

  const enrolled = async () => {
    const volunteer = await openDevicePage(browser, front.url)
    const code = await server.invite('desheng', 'captain', '陈阿姨')
    const enrolment = await volunteer.ask('enrol', { link: `${front.url}/enrol#${code}` }, '陈阿姨的手机')
    assert.equal(enrolment.name, '陈阿姨')
    await volunteer.settled()
    return volunteer
  }

  test('a rectification made offline survives reload and restart, and reaches a phone', async () => {
    let volunteer = await enrolled()
    assert.equal((await volunteer.ask('communities'))[0].name, '德胜新村')

    await server.kill()
    await volunteer.until({ connected: false })
    const record = await volunteer.ask('create', community, 'rectification', RECTIFICATION('3幢2单元'))
    await volunteer.ask('note', record, '堆了两辆电动车')
    assert.deepEqual(await volunteer.ask('syncState', record), { sync: 'local' })
    await volunteer.reload()
    assert.equal((await volunteer.ask('read', record)).title, '3幢2单元')
    assert.equal((await volunteer.ask('status')).unsent, 2)

    await browser.close()
    browser = await openBrowser(profile)
    volunteer = await openDevicePage(browser, front.url)
    assert.equal((await volunteer.ask('read', record)).fields.notes.entries[0].values[0].value.text, '堆了两辆电动车')
    assert.equal((await volunteer.ask('me')).name, '陈阿姨')

    await server.serve()
    await volunteer.ask('nudge')
    await volunteer.settled()
    assert.deepEqual(await volunteer.ask('syncState', record), { sync: 'durable' })

    const supervisor = new NativeDevice(server, 'supervisor')
    await supervisor.do('enrol', server.url, await server.invite('desheng', 'supervisor', '王监理'))
    await supervisor.do('sync')
    assert.match(await supervisor.do('show', record), /3幢2单元[^]*堆了两辆电动车/)
    await supervisor.do('move', record, 'issue')
    await supervisor.do('sync')

    await volunteer.sees('listed', [record], { state: 'issued' })
    const history = await volunteer.ask('history', record)
    assert.deepEqual(history.map((entry) => entry.writer.name), ['陈阿姨', '陈阿姨', '王监理'])
    assert.match(await server.renolog('verify'), /all holds/)
  })

  test('two tabs share one device, and it moves when its owner is closed', async () => {
    const first = await enrolled()
    const second = await openDevicePage(browser, front.url)
    const record = await second.ask('create', community, 'rectification', RECTIFICATION('5幢'))
    assert.equal((await first.ask('listed', record)).title, '5幢')
    assert.equal((await second.ask('me')).device, (await first.ask('me')).device)

    await first.close()
    assert.equal((await second.ask('listed', record)).title, '5幢')
    await second.ask('note', record, '还没人来')
    await second.settled()
    assert.deepEqual(await second.ask('syncState', record), { sync: 'durable' })
  })

  test('a server that was killed is found again, and nothing is sent twice', async () => {
    const volunteer = await enrolled()
    await server.kill()
    await volunteer.until({ connected: false })
    const record = await volunteer.ask('create', community, 'rectification', RECTIFICATION('7幢'))
    await server.serve()
    await volunteer.ask('nudge')
    await volunteer.settled()
    assert.equal((await volunteer.ask('history', record)).length, 1)
    assert.equal((await volunteer.ask('drafts')).length, 0)
  })

  test('a token that is gone is replaced by the key', async () => {
    const volunteer = await enrolled()
    await volunteer.ask('stop')
    await browser.clearCookies()
    await volunteer.ask('start')
    await volunteer.settled()
    const cookies = await browser.cookies()
    assert.deepEqual(cookies.map(({ httpOnly, sameSite }) => ({ httpOnly, sameSite })), [{ httpOnly: true, sameSite: 'Strict' }])
  })

  test('the rules answer at once, in words', async () => {
    const volunteer = await enrolled()
    const record = await volunteer.ask('create', community, 'rectification', RECTIFICATION('1幢'))
    const [offers] = await volunteer.ask('offers', record)
    assert.equal(offers.party, 'volunteers')
    assert.equal(offers.fields.location, null)
    assert.equal(offers.moves.issue.code, 'may_not_move')
    await assert.rejects(volunteer.ask('transition', record, 'issue'), (error) => {
      assert.deepEqual(error.refusal, offers.moves.issue)
      return error.code === 'refused' && error.zh.includes('下发')
    })
    await assert.rejects(volunteer.ask('enrol', { link: 'https://elsewhere.example/enrol#ABCD' }, 'x'), { code: 'bad_invitation' })
    await assert.rejects(volunteer.ask('enrol', { code: 'ABCD-ABCD' }, 'x'), { code: 'server_refused' })
  })

  test('the key never leaves the browser', async () => {
    const volunteer = await enrolled()
    const kept = await volunteer.page.evaluate(async () => {
      const database = await new Promise((resolve, reject) => {
        const request = indexedDB.open('renolog')
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(request.error)
      })
      const pair = await new Promise((resolve) => {
        const request = database.transaction('keys').objectStore('keys').get('device')
        request.onsuccess = () => resolve(request.result)
      })
      const exported = await crypto.subtle.exportKey('pkcs8', pair.privateKey).then(() => 'exported', (error) => error.name)
      return { extractable: pair.privateKey.extractable, exported }
    })
    assert.deepEqual(kept, { extractable: false, exported: 'InvalidAccessError' })
  })

  test('what was being typed is there after the tab was killed', async () => {
    let volunteer = await enrolled()
    await volunteer.ask('keepUnfinished', 'new/rectification', { location: '9幢', item: null })
    await volunteer.close()
    volunteer = await openDevicePage(browser, front.url)
    const [kept] = await volunteer.ask('unfinished')
    assert.deepEqual([kept.form, kept.typed], ['new/rectification', { location: '9幢', item: null }])
  })
})
