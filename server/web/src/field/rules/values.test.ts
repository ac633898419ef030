import { expect, test } from 'vitest'

import type { Scalar } from '../../device/face'
import { isBlank, readEntry, readTyped, toTyped, type Typed } from './values'

const text: Scalar = { type: 'text', max: 4 }
const whole: Scalar = { type: 'whole', min: 1, max: 100_000 }

test.each<[Scalar, boolean, Typed, unknown]>([
  [text, false, '', null],
  [text, true, '  ', { fault: 'needed' }],
  [text, true, ' 三单元 ', '三单元'],
  [text, false, '𠮷𠮷𠮷𠮷', '𠮷𠮷𠮷𠮷'],
  [text, false, '五个字太长', { fault: 'too_long', max: 4 }],
  [whole, false, '', null],
  [whole, false, '44,800', 44800],
  [whole, false, '１２３', 123],
  [whole, false, '12.5', { fault: 'no_number' }],
  [whole, false, 'twelve', { fault: 'no_number' }],
  [whole, false, '0', { fault: 'out_of_bounds', min: 1, max: 100_000 }],
  [{ type: 'yes_no' }, true, false, false],
  [{ type: 'yes_no' }, true, null, { fault: 'needed' }],
  [{ type: 'day' }, false, '2026-11-25', '2026-11-25'],
])('%o, needed: %o, typed: %o', (scalar, needed, typed, read) => {
  expect(readTyped(scalar, needed, typed)).toEqual(read)
})

test('a value comes back out of its control as it went in', () => {
  for (const [scalar, value] of [
    [text, '三单元'],
    [text, null],
    [whole, 12],
    [{ type: 'yes_no' }, false],
    [{ type: 'yes_no' }, null],
  ] as [Scalar, string | number | boolean | null][]) {
    expect(readTyped(scalar, false, toTyped(scalar, value))).toEqual(value)
  }
})

test('an entry leaves out what is empty, and names each fault', () => {
  const parts = { text: { ...text, needed: true }, percent: { ...whole, needed: false } }
  expect(readEntry(parts, { text: '好', percent: '' })).toEqual({ entry: { text: '好' } })
  expect(readEntry(parts, { text: '', percent: 'x' })).toEqual({
    faults: { text: { fault: 'needed' }, percent: { fault: 'no_number' } },
  })
})

test('no is an answer, spaces are none', () => {
  expect(isBlank({ a: ' ', b: null })).toBe(true)
  expect(isBlank({ a: false })).toBe(false)
})
