import { expect, test } from 'vitest'

import { codeOf } from './invitation'

test.each([
  ['#K7QM-2XPA-9TZC-4WFN', 'K7QM-2XPA-9TZC-4WFN'],
  ['# K7QM ', 'K7QM'],
  ['', null],
  ['#', null],
  ['#/records', null],
])('the code of %s', (hash, code) => {
  expect(codeOf(hash)).toBe(code)
})
