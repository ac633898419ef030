// Circles where they lie on the ground; those of which that is not known beside each other, below.
import { pack, type Circle } from './pack'

export interface Spot {
  r: number
  at: { latitude: number; longitude: number } | null
}

/** Where each is drawn, in the order given, and the view box that holds all of them. */
export function lay(spots: readonly Spot[]): { circles: Circle[]; box: string } {
  const circles: Circle[] = new Array<Circle>(spots.length)
  const known = spots.flatMap((spot, index) => (spot.at ? [{ ...spot.at, r: spot.r, index }] : []))
  const middle = known.reduce((sum, spot) => sum + spot.latitude, 0) / Math.max(1, known.length)
  // A district is small: a degree of longitude is shorter by the cosine of the latitude, and that is all there is to it.
  const shorter = Math.cos((middle * Math.PI) / 180)
  const ground = known.map((spot) => ({ ...spot, x: spot.longitude * shorter, y: -spot.latitude }))
  const scale = spread(ground)
  for (const spot of ground) circles[spot.index] = { x: spot.x * scale, y: spot.y * scale, r: spot.r }
  const unknown = spots.flatMap((spot, index) => (spot.at ? [] : [index]))
  const packed = pack(unknown.map((index) => spots[index]!.r))
  const top = Math.min(0, ...packed.map((circle) => circle.y - circle.r))
  const left = ground.length > 0 ? ground.reduce((sum, spot) => sum + spot.x * scale, 0) / ground.length : 0
  const below = ground.length > 0 ? Math.max(...ground.map((spot) => spot.y * scale + spot.r)) - top * 1.1 : 0
  for (const [at, index] of unknown.entries()) {
    const { x, y, r } = packed[at]!
    circles[index] = { x: x + left, y: y + below, r }
  }
  return { circles, box: frame(circles) }
}

/** So many units to a degree that the two that lie nearest just do not overlap; places that fall together do overlap. */
function spread(spots: readonly { x: number; y: number; r: number }[]): number {
  let scale = 1
  for (const [at, one] of spots.entries()) {
    for (const other of spots.slice(at + 1)) {
      const apart = Math.hypot(one.x - other.x, one.y - other.y)
      if (apart > 1e-4) scale = Math.max(scale, ((one.r + other.r) * 1.05) / apart)
    }
  }
  return Math.min(scale, 1e6)
}

function frame(circles: readonly Circle[]): string {
  if (circles.length === 0) return '-1 -1 2 2'
  const left = Math.min(...circles.map((circle) => circle.x - circle.r))
  const right = Math.max(...circles.map((circle) => circle.x + circle.r))
  const top = Math.min(...circles.map((circle) => circle.y - circle.r))
  const bottom = Math.max(...circles.map((circle) => circle.y + circle.r))
  return [left, top, right - left, bottom - top].map((edge) => edge.toFixed(2)).join(' ')
}
