import { expect, it } from 'vitest'

import { pack } from './pack'

it('lays circles apart, in the order given', () => {
  const radii = [10, 40, 25, 25, 3, 18]
  const circles = pack(radii)
  expect(circles.map((circle) => circle.r)).toEqual(radii)
  expect(circles[1]).toMatchObject({ x: 0, y: 0 })
  for (const [at, one] of circles.entries()) {
    for (const other of circles.slice(at + 1)) expect(Math.hypot(one.x - other.x, one.y - other.y)).toBeGreaterThanOrEqual(one.r + other.r)
  }
})
