// Entries as lines of a list: what somebody wrote while out of reach came at once, and is one line until it is unfolded.
import type { Entry } from '../../api/types'

/** A line of the list. */
export type Line =
  | { is: 'entry'; key: string; entry: Entry; within: boolean }
  | { is: 'burst'; key: string; entries: readonly Entry[]; open: boolean }

/** From how long a silence on what was written counts as written out of reach. */
const OFFLINE_MS = 60_000
/** Pushes of one device that came within so long belong together: a long burst comes in several. */
const APART_MS = 120_000
/** Fewer are not worth folding. */
const FEW = 3

/** Lines of entries in the order given; `open` names the bursts that are unfolded. */
export function fold(entries: readonly Entry[], open: ReadonlySet<string>): Line[] {
  const lines: Line[] = []
  let at = 0
  while (at < entries.length) {
    const end = burstEnd(entries, at)
    const burst = entries.slice(at, end)
    if (burst.length < FEW) {
      for (const entry of burst) lines.push({ is: 'entry', key: entry.change, entry, within: false })
    } else {
      const key = burstKey(burst)
      const unfolded = open.has(key)
      lines.push({ is: 'burst', key, entries: burst, open: unfolded })
      if (unfolded) for (const entry of burst) lines.push({ is: 'entry', key: entry.change, entry, within: true })
    }
    at = end
  }
  return lines
}

/** The end of the stretch of entries, from `at` on, that one device wrote out of reach and sent together. */
function burstEnd(entries: readonly Entry[], at: number): number {
  const first = entries[at]!
  let end = at + 1
  if (first.offline < OFFLINE_MS) return end
  for (let next = entries[end]; next; next = entries[++end]) {
    const together = next.device === first.device && Math.abs(next.received - first.received) <= APART_MS
    if (!together || next.offline < OFFLINE_MS) break
  }
  return end
}

/** Named by the entry that was written first, so that it stays the same when more of the burst is read. */
function burstKey(burst: readonly Entry[]): string {
  let first = burst[0]!
  for (const entry of burst) {
    const earlier = entry.device_time - first.device_time || (entry.change < first.change ? -1 : 1)
    if (earlier < 0) first = entry
  }
  return `burst ${first.change}`
}

/** The longest silence in a burst. */
export function silence(burst: readonly Entry[]): number {
  return Math.max(...burst.map((entry) => entry.offline))
}
