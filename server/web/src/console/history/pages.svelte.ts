// A community's history as far as it has been read: pages from the server, the latest first, and only as many as are looked at.
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
/** Entries kept at most; whoever scrolls further goes on from a moment. */
const KEPT = 20_000

export class Pages {
  entries: Entry[] = $state.raw([])
  /** Whether there is more to read. */
  more = $state(true)
  busy = $state(false)
  fault = $state('')
  #next: string | undefined
  #asked: AbortController | null = null
  #community: string
  #wanted: Wanted

  constructor(community: string, wanted: Wanted) {
    this.#community = community
    this.#wanted = wanted
  }

  /** Begins again with another wish. */
  async begin(wanted: Wanted): Promise<void> {
    this.#asked?.abort()
    this.#wanted = wanted
    this.#next = undefined
    this.more = true
    await this.#read(true)
  }

  /** Reads on, unless that is under way or there is no more. */
  async readOn(): Promise<void> {
    if (this.busy || !this.more || this.entries.length >= KEPT) return
    await this.#read(false)
  }

  async #read(anew: boolean): Promise<void> {
    const asked = new AbortController()
    this.#asked = asked
    this.busy = true
    this.fault = ''
    try {
      const { party, person, kind, marked, from, until, at } = this.#wanted
      const query = {
        newest: true,
        limit: PAGE,
        ...(this.#next ? { after: this.#next } : {}),
        ...(party && { party }),
        ...(person && { person }),
        ...(kind && { kind }),
        ...(marked && { marked }),
        ...(from !== null && { from }),
        ...(until !== null && { until }),
        ...(at !== null && !this.#next && { at }),
      }
      const path = { community: this.#community }
      const page = await answer(
        client.GET('/api/v1/communities/{community}/history', { params: { path, query }, signal: asked.signal }),
      )
      this.entries = anew ? page.items : [...this.entries, ...page.items]
      this.#next = page.next ?? undefined
      this.more = page.next !== undefined && page.next !== null
    } catch (why) {
      if (asked.signal.aborted) return
      this.fault = why instanceof Failed ? (settings.language === 'zh' ? why.zh : why.message) : String(why)
    } finally {
      if (this.#asked === asked) this.busy = false
    }
    // A page of which a filter left nothing says where it goes on.
    if (!this.fault && this.more && this.entries.length === 0 && !asked.signal.aborted) await this.#read(false)
  }

  /** What came meanwhile goes on top, where one looks at the end. */
  async refresh(): Promise<void> {
    if (this.busy || this.#wanted.at !== null) return
    const { party, person, kind, marked, from, until } = this.#wanted
    const query = {
      newest: true,
      limit: PAGE,
      ...(party && { party }),
      ...(person && { person }),
      ...(kind && { kind }),
      ...(marked && { marked }),
      ...(from !== null && { from }),
      ...(until !== null && { until }),
    }
    try {
      const page = await answer(
        client.GET('/api/v1/communities/{community}/history', { params: { path: { community: this.#community }, query } }),
      )
      const known = new Set(this.entries.map((entry) => entry.change))
      const fresh = page.items.filter((entry) => !known.has(entry.change))
      // More than a page came at once: what lies between is read anew.
      if (fresh.length === PAGE && this.entries.length > 0) {
        await this.begin(this.#wanted)
        return
      }
      const now = new Map(page.items.map((entry) => [entry.change, entry]))
      this.entries = [...fresh, ...this.entries.map((entry) => now.get(entry.change) ?? entry)]
    } catch {
      // The line to the server says when it is out of reach.
    }
  }
}
