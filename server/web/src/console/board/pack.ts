// Circles beside each other without overlapping, the largest in the middle.

export interface Circle {
  x: number
  y: number
  r: number
}

/** Where circles of these radii come to lie, in the order given: each as near to the middle as it fits, along a spiral. */
export function pack(radii: readonly number[]): Circle[] {
  const order = radii.map((r, index) => ({ r, index })).sort((a, b) => b.r - a.r)
  const placed: Circle[] = []
  const found: Circle[] = new Array<Circle>(radii.length)
  for (const { r, index } of order) {
    let circle: Circle = { x: 0, y: 0, r }
    for (let turn = 0; placed.some((other) => overlap(circle, other)); turn += 0.1) {
      const far = r * 0.35 * turn
      circle = { x: Math.cos(turn) * far, y: Math.sin(turn) * far, r }
    }
    placed.push(circle)
    found[index] = circle
  }
  return found
}

function overlap(a: Circle, b: Circle): boolean {
  return Math.hypot(a.x - b.x, a.y - b.y) < (a.r + b.r) * 1.04
}
