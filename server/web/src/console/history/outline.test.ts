import { describe, expect, it } from 'vitest'

import type { Outline } from '../../api/types'
import { entriesBy, momentOf } from './outline'

/** Two lanes in four parts of 100 ms each. */
const outline = {
  entries: 20,
  received_from: 1000,
  received_until: 1399,
  lanes: [
    { party: 'street', entries: 10, received: [10, 0, 0, 0], written: [] },
    { party: 'volunteers', entries: 10, received: [0, 0, 4, 6], written: [] },
  ],
} as unknown as Outline

describe('a place in a long history', () => {
  it('is known by what came before it', () => {
    expect(entriesBy(outline, '', null)).toBe(20)
    expect(entriesBy(outline, 'street', null)).toBe(10)
    expect(entriesBy(outline, '', 1200)).toBe(10)
    expect(entriesBy(outline, '', 1050)).toBe(5)
    expect(entriesBy(outline, '', 0)).toBe(0)
  })

  it('lies at a moment', () => {
    expect(momentOf(outline, '', null, 0)).toBe(1400)
    expect(momentOf(outline, '', null, 3)).toBe(1350)
    expect(momentOf(outline, '', null, 15)).toBe(1050)
    expect(momentOf(outline, 'volunteers', null, 8)).toBe(1250)
    expect(momentOf(outline, '', 1050, 5)).toBe(1000)
    expect(momentOf(outline, '', null, 99)).toBe(1000)
  })
})
