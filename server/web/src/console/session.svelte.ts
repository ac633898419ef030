// Who sits at the desk, what they may see, and the line on which the server says that something happened.
import { answer, base, client, Failed } from '../api/client'
import { leave } from '../api/sign-in'
import type { Community, Label, Rules, Session as Caller } from '../api/types'
import { said } from '../shared/language'

type Standing = 'asking' | 'outside' | 'inside'

class Desk {
  standing: Standing = $state('asking')
  me: Caller | null = $state.raw(null)
  communities: Community[] = $state.raw([])
  rules: Rules | null = $state.raw(null)
  /** Whether the server's line stands. */
  live = $state(false)
  /** Grows whenever something happened in a community: whoever shows something of it asks again. */
  grown: Record<string, number> = $state({})
  /** Grows whenever anything happened anywhere. */
  anything = $state(0)
  #line: EventSource | null = null

  async ask(): Promise<void> {
    try {
      this.me = await answer(client.GET('/api/v1/session'))
      this.rules = await answer(client.GET('/api/v1/schema'))
      this.communities = this.me.communities
      this.standing = 'inside'
      this.#listen()
    } catch (why) {
      if (why instanceof Failed && why.status === 0 && this.standing === 'inside') return
      this.standing = 'outside'
    }
  }

  #listen(): void {
    this.#line?.close()
    const line = new EventSource(`${base}/api/v1/live`, { withCredentials: true })
    this.#line = line
    line.onopen = () => (this.live = true)
    line.onerror = () => (this.live = false)
    line.addEventListener('grown', (event) => {
      const grown = JSON.parse((event as MessageEvent<string>).data) as { community: string }[]
      for (const { community } of grown) this.grown[community] = (this.grown[community] ?? 0) + 1
      this.anything += 1
    })
    line.addEventListener('standing', () => {
      this.anything += 1
      void this.refresh()
    })
    line.addEventListener('ended', () => {
      line.close()
      this.live = false
      void this.ask()
    })
  }

  /** Asks again who is who, without drawing everything anew. */
  async refresh(): Promise<void> {
    try {
      this.me = await answer(client.GET('/api/v1/session'))
      this.communities = this.me.communities
    } catch (why) {
      if (why instanceof Failed && why.status === 401) this.standing = 'outside'
    }
  }

  async leave(): Promise<void> {
    this.#line?.close()
    await leave(base)
    this.me = null
    this.standing = 'outside'
  }

  get administers(): boolean {
    return this.me !== null && this.me.reach !== 'member'
  }

  /** A name of the schema for people; the name itself where the schema does not know it. */
  party(name: string): string {
    return label(this.rules?.parties[name], name)
  }

  role(name: string | null | undefined): string {
    return name ? label(this.rules?.roles[name]?.label, name) : ''
  }

  kind(name: string | null | undefined): string {
    return name ? label(this.rules?.kinds[name]?.label, name) : ''
  }

  state(kind: string, name: string): string {
    return label(this.rules?.kinds[kind]?.states[name]?.label, name)
  }

  /** The lanes in the order in which they are drawn. */
  get parties(): string[] {
    return Object.keys(this.rules?.parties ?? {})
  }

  /** The colour of a lane. */
  colour(party: string): string {
    const at = this.parties.indexOf(party)
    return `var(--lane-${at < 0 ? 7 : at % 8})`
  }
}

function label(label: Label | undefined, otherwise: string): string {
  return label ? said(label) : otherwise
}

export const session = new Desk()
