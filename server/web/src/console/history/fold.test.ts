import { describe, expect, it } from 'vitest'

import type { Entry } from '../../api/types'
import { fold } from './fold'

const entry = (change: string, device: string, received: number, offline: number): Entry =>
  ({ change, device, received, offline, device_time: received - offline }) as Entry

const shown = (lines: ReturnType<typeof fold>) =>
  lines.map((line) => (line.is === 'burst' ? `${line.entries.length}${line.open ? 'v' : '>'}` : line.within ? `.${line.entry.change}` : line.entry.change))

describe('what was written out of reach', () => {
  const hour = 3_600_000
  const away = [entry('a', 'phone', 9e6, hour), entry('b', 'phone', 9e6, hour), entry('c', 'phone', 9e6 + 1000, hour)]

  it('is one line until it is unfolded', () => {
    const others = [entry('x', 'desk', 8e6, 0), ...away, entry('y', 'desk', 9e6 + 2000, 0)]
    const folded = fold(others, new Set())
    expect(shown(folded)).toEqual(['x', '3>', 'y'])
    expect(shown(fold(others, new Set([folded[1]!.key])))).toEqual(['x', '3v', '.a', '.b', '.c', 'y'])
  })

  it('is called the same whichever way it is read', () => {
    expect(fold(away, new Set())[0]!.key).toBe(fold(away.toReversed(), new Set())[0]!.key)
  })

  it('is no burst where there is little of it, or another device, or another day', () => {
    expect(shown(fold(away.slice(0, 2), new Set()))).toEqual(['a', 'b'])
    expect(shown(fold([away[0]!, entry('z', 'other', 9e6, hour), away[1]!], new Set()))).toEqual(['a', 'z', 'b'])
    expect(shown(fold([...away.slice(0, 2), entry('d', 'phone', 9e7, hour)], new Set()))).toEqual(['a', 'b', 'd'])
    expect(shown(fold([0, 1, 2].map((n) => entry(`${n}`, 'phone', n, 0)), new Set()))).toEqual(['0', '1', '2'])
  })
})
