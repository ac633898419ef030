import { expect, it } from 'vitest'

import { lay } from './map'

it('draws what lies further north higher up, and what lies nowhere below everything that lies somewhere', () => {
  const at = (latitude: number, longitude: number) => ({ latitude, longitude })
  const { circles, box } = lay([
    { r: 100, at: at(30.32, 120.13) },
    { r: 200, at: at(30.29, 120.16) },
    { r: 50, at: null },
  ])
  const [north, south, nowhere] = circles
  expect(north!.y).toBeLessThan(south!.y)
  expect(north!.x).toBeLessThan(south!.x)
  expect(nowhere!.y - nowhere!.r).toBeGreaterThan(south!.y + south!.r)
  expect(Math.hypot(north!.x - south!.x, north!.y - south!.y)).toBeGreaterThanOrEqual(300)
  expect(box.split(' ').map(Number).every(Number.isFinite)).toBe(true)
  expect(lay([]).circles).toEqual([])
})
