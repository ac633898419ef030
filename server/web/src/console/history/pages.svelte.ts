// The stretch of a community's history that one looks at: pages from the server in both directions, of which those far away
// are let go and read again when somebody comes back. So a history of any length is scrolled through in bounded memory.
import { answer, client, Failed } from '../../api/client'
import type { Entry } from '../../api/types'
import { settings } from '../../shared/settings.svelte'

/** What is asked for. */
export interface Wanted {
  party: string
  person: string
  kind: string
  marked: boolean
  from: number | null
  until: number | null
  /** Read back from this moment instead of from the end. */
  at: number | null
}

export const EVERYTHING: Wanted = { party: '', person: '', kind: '', marked: false, from: null, until: null, at: null }

const PAGE = 200
/** Pages kept. */
const KEPT = 10
/** Entries that a file of them holds at most, and how many are asked for at once on the way. */
const FILED = 20_000
const FILED_PAGE = 500

/** A place between two entries, as the server is asked from there, onward or back. */
type Cut = { after: string } | { at: number }

export class Pages {
  /** What is here, the latest first. */
  entries: Entry[] = $state.raw([])
  /** How many later ones are not here, and how many earlier ones: as far as anybody knows. */
  above = $state(0)
  below = $state(0)
  busy = $state(false)
  fault = $state('')
  #pages: Entry[][] = []
  /** Where the pages begin and end: one more than there are pages. Nothing lies beyond a place that is `null`. */
  #cuts: (Cut | null)[] = [null, null]
  /** Whether `above` counts what was let go, or is an estimate. */
  #counted = true
  /** How many entries there are in all, where that is known. */
  #whole: number | null = null
  #asked: AbortController | null = null
  /** What to do again after a fault. */
  #again: () => Promise<void> = () => Promise.resolve()
  #community: string
  #wanted: Wanted

  constructor(community: string, wanted: Wanted) {
    this.#community = community
    this.#wanted = wanted
  }

  get more(): boolean {
    return this.#cuts.at(-1) !== null
  }

  /** Begins again with another wish. */
  async begin(wanted: Wanted): Promise<void> {
    this.#wanted = wanted
    this.#whole = null
    await this.#startAt(wanted.at === null ? null : { at: wanted.at }, 0)
  }

  /** Goes on from a moment with about so many entries after it. */
  async jump(at: number, above: number): Promise<void> {
    await this.#startAt({ at }, above)
  }

  /** How many entries there are in all. */
  expect(whole: number | null): void {
    this.#whole = whole
    this.#estimate()
  }

  /** Reads on, unless that is under way or there is no more. */
  async readOn(): Promise<void> {
    const from = this.#cuts.at(-1)
    if (this.busy || !from) return
    await this.#reading(this.readOn, async (signal) => {
      const page = await this.#page(true, from, PAGE, signal)
      this.#pages.push(page.items)
      this.#cuts.push(page.next)
      while (this.#pages.length > KEPT) {
        this.above += this.#pages.shift()!.length
        this.#cuts.shift()
      }
      this.below -= page.items.length
    })
  }

  /** Reads again what was let go above, unless that is under way or there is none. */
  async readBack(): Promise<void> {
    const from = this.#cuts[0]
    if (this.busy || !from || this.#isTop()) return
    await this.#reading(this.readBack, async (signal) => {
      const page = await this.#page(false, from, this.#counted ? Math.min(PAGE, this.above) : PAGE, signal)
      const upto = this.#wanted.at
      const items = page.items.filter((entry) => upto === null || entry.received <= upto).reverse()
      const isTop = page.next === null || items.length < page.items.length
      this.#pages.unshift(items)
      this.#cuts.unshift(page.next)
      this.above = isTop ? 0 : Math.max(this.above - items.length, this.#counted ? 0 : 1)
      this.#counted ||= isTop
      while (this.#pages.length > KEPT) {
        this.below += this.#pages.pop()!.length
        this.#cuts.pop()
      }
    })
  }

  retry(): Promise<void> {
    return this.#again()
  }

  /** What came meanwhile goes on top, where one looks at the end. */
  async refresh(): Promise<void> {
    if (this.busy || this.#wanted.at !== null || !this.#isTop()) return
    try {
      const page = await this.#page(true, null, PAGE)
      const known = new Set(this.entries.map((entry) => entry.change))
      const fresh = page.items.filter((entry) => !known.has(entry.change))
      // More than a page came at once: what lies between is read anew.
      if (fresh.length === PAGE && this.entries.length > 0) {
        await this.begin(this.#wanted)
        return
      }
      const now = new Map(page.items.map((entry) => [entry.change, entry]))
      this.#pages = this.#pages.map((kept) => kept.map((entry) => now.get(entry.change) ?? entry))
      this.#pages[0] = [...fresh, ...(this.#pages[0] ?? [])]
      this.entries = this.#pages.flat()
    } catch {
      // The line to the server says when it is out of reach.
    }
  }

  /** All that is wanted, from the latest on, for a file. */
  async all(): Promise<Entry[]> {
    const found: Entry[] = []
    let from: Cut | null = this.#wanted.at === null ? null : { at: this.#wanted.at }
    do {
      const page = await this.#page(true, from, FILED_PAGE)
      found.push(...page.items)
      from = page.next
    } while (from !== null && found.length < FILED)
    return found
  }

  /** Whether there is nothing later than what is here. */
  #isTop(): boolean {
    return this.#counted && this.above === 0
  }

  async #startAt(from: Cut | null, above: number): Promise<void> {
    this.#asked?.abort()
    const again = () => this.#startAt(from, above)
    await this.#reading(again, async (signal) => {
      const page = await this.#page(true, from, PAGE, signal)
      this.#pages = [page.items]
      this.#cuts = [from, page.next]
      this.above = above
      this.below = 0
      this.#counted = above === 0
    })
  }

  async #reading(again: () => Promise<void>, read: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const asked = new AbortController()
    this.#asked = asked
    this.#again = () => again.call(this)
    this.busy = true
    this.fault = ''
    try {
      await read(asked.signal)
      this.entries = this.#pages.flat()
      this.#estimate()
    } catch (why) {
      if (asked.signal.aborted) return
      this.fault = why instanceof Failed ? (settings.language === 'zh' ? why.zh : why.message) : String(why)
    } finally {
      if (this.#asked === asked) this.busy = false
    }
  }

  /** Of what lies below, at least a page while there is more, so that one can scroll there; nothing at the end. */
  #estimate(): void {
    const left = this.#whole === null ? this.below : this.#whole - this.above - this.entries.length
    this.below = this.more ? Math.max(left, PAGE) : 0
  }

  /** A page that holds something, or the last one. A filter leaves nothing of some; those say where it goes on. */
  async #page(newest: boolean, from: Cut | null, limit: number, signal?: AbortSignal): Promise<{ items: Entry[]; next: Cut | null }> {
    const { party, person, kind, marked, from: since, until } = this.#wanted
    const wanted = {
      ...(party && { party }),
      ...(person && { person }),
      ...(kind && { kind }),
      ...(marked && { marked }),
      ...(since !== null && { from: since }),
      ...(until !== null && { until }),
    }
    const path = { community: this.#community }
    for (;;) {
      const query = { newest, limit, ...wanted, ...from }
      const init = { params: { path, query }, ...(signal && { signal }) }
      const page = await answer(client.GET('/api/v1/communities/{community}/history', init))
      const next = page.next ? { after: page.next } : null
      if (page.items.length > 0 || next === null) return { items: page.items, next }
      from = next
    }
  }
}
