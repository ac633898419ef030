import { expect, it } from 'vitest'

import { formerQuery, readFormer, type Former } from './former'

const HELD: Former[] = [
  { field: 'location', key: null, value: '3幢 & 5幢' },
  { field: 'due_day', key: null, value: null },
  { field: 'units', key: '301', value: { area: 88, agreed: true } },
]

it('arrives as it was sent', () => {
  expect(readFormer(new URLSearchParams(formerQuery(HELD)))).toEqual(HELD)
})

it('is left out where an address says something else', () => {
  for (const again of ['', 'no JSON', '{}', '[1]', '[["a"]]', '[[1,null,"x"]]', '[["a",null,[1]]]', '[["a",null,{"b":{}}]]'])
    expect(readFormer(new URLSearchParams({ again }))).toEqual([])
  expect(readFormer(new URLSearchParams())).toEqual([])
})
