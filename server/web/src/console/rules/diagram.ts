// States and moves of a kind as a diagram: where each box stands and how each line runs. Drawn by `Diagram.svelte`.
import type { Kind } from '../../api/types'

export interface Box {
  state: string
  x: number
  y: number
}

export interface Line {
  move: string
  from: string
  to: string
  /** A path of an SVG. */
  path: string
  /** Where its name stands. */
  x: number
  y: number
}

export const WIDTH = 128
export const HEIGHT = 40
const GAP_X = 120
const GAP_Y = 46

/** Boxes in columns, as many moves from the first state as it takes to get there; lines from side to side, back ones below. */
export function lay(kind: Pick<Kind, 'initial' | 'states' | 'moves'>): { boxes: Box[]; lines: Line[]; width: number; height: number } {
  const states = Object.keys(kind.states)
  const moves = Object.entries(kind.moves).flatMap(([move, rule]) => rule.from.map((from) => ({ move, from, to: rule.to })))
  const column = depths(kind.initial, states, moves)
  const rows = new Map<number, number>()
  const boxes = states.map((state) => {
    const x = column.get(state) ?? 0
    const y = rows.get(x) ?? 0
    rows.set(x, y + 1)
    return { state, x: x * (WIDTH + GAP_X), y: y * (HEIGHT + GAP_Y) }
  })
  const at = new Map(boxes.map((box) => [box.state, box]))
  const inner = Math.max(...rows.values()) * (HEIGHT + GAP_Y)
  const taken = new Map<string, number>()
  let below = 0
  const lines = moves.map(({ move, from, to }): Line => {
    const [a, b] = [at.get(from)!, at.get(to)!]
    const pair = [from, to].sort().join()
    const beside = taken.get(pair) ?? 0
    taken.set(pair, beside + 1)
    const middle = (box: Box) => box.y + HEIGHT / 2 + beside * 10
    if (b.x > a.x) {
      const [x1, y1, x2, y2] = [a.x + WIDTH, middle(a), b.x, middle(b)]
      const bend = (x2 - x1) / 2
      return { move, from, to, path: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`, x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 4 }
    }
    if (b.x === a.x) {
      const [y1, y2, x] = [middle(a), middle(b), a.x + WIDTH]
      return { move, from, to, path: `M${x} ${y1}C${x + 40} ${y1} ${x + 40} ${y2} ${x} ${y2}`, x: x + 34, y: (y1 + y2) / 2 }
    }
    const depth = inner + 8 + below++ * 22
    const [x1, x2] = [a.x + WIDTH / 2, b.x + WIDTH / 2]
    const path = `M${x1} ${a.y + HEIGHT}L${x1} ${depth - 8}Q${x1} ${depth} ${x1 - 8} ${depth}L${x2 + 8} ${depth}Q${x2} ${depth} ${x2} ${depth - 8}L${x2} ${b.y + HEIGHT}`
    return { move, from, to, path, x: (x1 + x2) / 2, y: depth - 4 }
  })
  const width = Math.max(...boxes.map((box) => box.x)) + WIDTH + 60
  return { boxes, lines, width, height: inner + 8 + below * 22 }
}

/** How many moves each state is from the first; what no move leads to stands with it. */
function depths(initial: string, states: readonly string[], moves: readonly { from: string; to: string }[]): Map<string, number> {
  const found = new Map([[initial, 0]])
  const waiting = [initial]
  for (let state = waiting.shift(); state !== undefined; state = waiting.shift()) {
    for (const move of moves) {
      if (move.from !== state || found.has(move.to)) continue
      found.set(move.to, found.get(state)! + 1)
      waiting.push(move.to)
    }
  }
  for (const state of states) if (!found.has(state)) found.set(state, 0)
  return found
}
