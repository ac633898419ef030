import { afterEach, expect, test } from 'vitest'

import { bytes, dayText, span } from './format'
import { dictionary } from './language'
import { parsePlace, to } from './router.svelte'
import { parseSettings, settings } from './settings.svelte'

afterEach(() => void (settings.language = 'zh'))

test.each([
  ['#/', [], {}],
  ['', [], {}],
  ['#K7QM-2XPA', [], {}],
  ['#/record/0190', ['record', '0190'], {}],
  ['#/records?kind=whistle&text=3%E5%B9%A2', ['records'], { kind: 'whistle', text: '3幢' }],
  ['#/new/%E0%A4%A', ['new', '%E0%A4%A'], {}],
])('the place of %s', (hash, path, query) => {
  const place = parsePlace(hash)
  expect(place.path).toEqual(path)
  expect(Object.fromEntries(place.query)).toEqual(query)
})

test('an address leads to the place it was made of', () => {
  const address = to(['records'], { kind: 'demand', text: '东门 & 西门', state: '' })
  expect(parsePlace(address).path).toEqual(['records'])
  expect(Object.fromEntries(parsePlace(address).query)).toEqual({ kind: 'demand', text: '东门 & 西门' })
})

test.each([
  [null, ['zh-CN'], { language: 'zh', text: 'normal', theme: 'system', saveData: false }],
  [null, ['fr', 'en-GB', 'zh'], { language: 'en', text: 'normal', theme: 'system', saveData: false }],
  [null, ['fr'], { language: 'zh', text: 'normal', theme: 'system', saveData: false }],
  ['{"language":"en","text":"largest","saveData":true}', ['zh'], { language: 'en', text: 'largest', theme: 'system', saveData: true }],
  ['{"language":"xx","text":7,"theme":null', ['zh'], { language: 'zh', text: 'normal', theme: 'system', saveData: false }],
  ['null', ['zh'], { language: 'zh', text: 'normal', theme: 'system', saveData: false }],
])('settings kept as %s, a visitor who reads %j', (kept, languages, read) => {
  expect(parseSettings(kept, languages)).toEqual(read)
})

test('words follow the language', () => {
  const words = dictionary({ save: '保存', left: (n: number) => `还剩 ${n} 项` }, { save: 'Save', left: (n) => `${n} left` })
  expect([words().save, words().left(2)]).toEqual(['保存', '还剩 2 项'])
  settings.language = 'en'
  expect([words().save, words().left(2)]).toEqual(['Save', '2 left'])
})

test('spans and sizes in their largest unit', () => {
  expect([span(0), span(59_999), span(3_600_000), span(47 * 3_600_000), span(48 * 3_600_000)]).toEqual([
    '0 秒',
    '59 秒',
    '1 小时',
    '47 小时',
    '2 天',
  ])
  settings.language = 'en'
  expect([span(60_000), span(7_200_000)]).toEqual(['1 minute', '2 hours'])
  expect([bytes(999), bytes(1_000), bytes(18_230), bytes(2_400_000), bytes(24_000_000)]).toEqual(['999 B', '1.0 kB', '18 kB', '2.4 MB', '24 MB'])
  expect(dayText(new Date(2026, 10, 5, 23, 59).getTime())).toBe('2026-11-05')
})
