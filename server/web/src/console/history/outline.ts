// Where in time a line of the history lies, reckoned from its outline: so that one can go to a place of it that was never read.
import type { Outline } from '../../api/types'

/** How many entries a lane, or all of them, had by a moment; by now where none is given. */
export function entriesBy(outline: Outline, party: string, at: number | null): number {
  const { from, width, counts } = parts(outline, party)
  const share = (part: number) => (at === null ? 1 : Math.min(1, Math.max(0, (at - from - part * width) / width)))
  return Math.round(counts.reduce((sum, count, part) => sum + count * share(part), 0))
}

/** About when the entry was received after which, by `at`, there came so many more. */
export function momentOf(outline: Outline, party: string, at: number | null, later: number): number {
  const { from, width, counts } = parts(outline, party)
  let earlier = entriesBy(outline, party, at) - later
  for (const [part, count] of counts.entries()) {
    if (earlier <= count && count > 0) return Math.round(from + (part + Math.max(0, earlier) / count) * width)
    earlier -= count
  }
  return Math.round(from + counts.length * width)
}

function parts(outline: Outline, party: string): { from: number; width: number; counts: number[] } {
  const lanes = outline.lanes.filter((lane) => !party || lane.party === party)
  const counts = (outline.lanes[0]?.received ?? []).map((_, part) => lanes.reduce((sum, lane) => sum + (lane.received[part] ?? 0), 0))
  const from = outline.received_from ?? 0
  const width = ((outline.received_until ?? 0) - from + 1) / Math.max(1, counts.length)
  return { from, width, counts }
}
