// Whoever owns the store: holds the core, does what it wants done with the link, and tells what happened there.

import { enrol, signIn, turnedAway, unhex } from './door'
import type { News } from './face'
import { deviceKey, type DeviceKey } from './key'
import { Link } from './link'
import type { Deed, Question, Wish } from './requests'
import type { Me, Status } from './views'
import initCore, { Core } from './core/renolog_client_web'
import coreUrl from './core/renolog_client_web_bg.wasm?url'

/** The directory of the browser's file system that the store has for itself. */
const DIRECTORY = 'renolog'
/** The browser gives the files of a tab that was closed free a moment after its lock. */
const OPEN_WITHIN_MS = 5_000
/** How often listeners are told, at most. */
const TELL_EVERY_MS = 100
/** How long the link waits after something was written, for the page to read it. */
const LINK_WAITS_MS = 20
/** The longest wait that a timer takes. */
const LONGEST_TIMER_MS = 0x7fff_ffff

/** As the core reads it: by name, with what there is to say under it. */
function inCoreWords({ ask, ...what }: Question | Deed): string {
  return JSON.stringify(Object.keys(what).length > 0 ? { [ask]: what } : ask)
}

export class Owner {
  #core: Core
  #key: DeviceKey
  #tell: (news: News) => void
  #link: Link | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  #telling: ReturnType<typeof setTimeout> | undefined
  #toldAt = -Infinity
  #toldRevision = -1
  #stepping = false

  private constructor(core: Core, key: DeviceKey, tell: (news: News) => void) {
    this.#core = core
    this.#key = key
    this.#tell = tell
  }

  /** Opens the store with the core that the tab compiled, and goes online, if the device is enrolled. */
  static async open(compiled: Promise<WebAssembly.Module | null>, tell: (news: News) => void): Promise<Owner> {
    const ready = compiled.then((core) => initCore({ module_or_path: core ?? coreUrl }))
    const [key] = await Promise.all([deviceKey(), ready])
    const owner = new Owner(await openedSoon(key), key, tell)
    if (owner.#ask<Me | null>({ ask: 'me' }) !== null) owner.#core.happened(Date.now(), 'start')
    // What tabs have asked by now is answered before the link is looked for.
    setTimeout(() => owner.#afterwards())
    return owner
  }

  /** Does what is wished, and gives the answer as JSON text. */
  async fulfil(wish: Wish): Promise<string> {
    switch (wish.wish) {
      case 'question':
        return this.#core.ask(Date.now(), inCoreWords(wish.question))
      case 'deed':
        try {
          return this.#core.ask(Date.now(), inCoreWords(wish.deed))
        } finally {
          if (this.#core.revision() !== this.#toldRevision) this.#tellNow()
          // Whoever wrote looks at the screen: what they read of it comes before the link.
          setTimeout(() => this.#afterwards(), LINK_WAITS_MS)
        }
      case 'enrol':
        return this.#enrol(wish.server, wish.code, wish.deviceName)
      case 'start':
      case 'stop':
      case 'nudge':
        this.#happened(wish.wish)
        return 'null'
    }
  }

  news(): News {
    return { revision: this.#core.revision(), status: this.#ask<Status>({ ask: 'status' }) }
  }

  #ask<T>(question: Question): T {
    return JSON.parse(this.#core.ask(Date.now(), inCoreWords(question))) as T
  }

  async #enrol(server: string, code: string, deviceName: string): Promise<string> {
    const enrolment = await enrol(server, code, this.#core.device(), this.#key, deviceName)
    const { person, name, communities } = enrolment
    const deed = { ask: 'enrolled', server, person, name, communities: communities.map((community) => community.id) }
    await this.fulfil({ wish: 'deed', deed: deed as Extract<Wish, { wish: 'deed' }>['deed'] })
    this.#happened('start')
    return JSON.stringify({ person, name, communities })
  }

  #happened(what: string): void {
    this.#take(() => this.#core.happened(Date.now(), what))
  }

  /** Hands something to the core. What could not be stored ends the connection in there already. */
  #take(input: () => void): void {
    try {
      input()
    } catch (thrown) {
      console.warn('renolog: what the link brought could not be stored', thrown)
    }
    this.#afterwards()
  }

  /** Does what the core wants done, sets the timer, and has listeners told. */
  #afterwards(): void {
    if (this.#stepping) return
    this.#stepping = true
    try {
      for (let step = this.#core.next_step(); step !== undefined; step = this.#core.next_step()) {
        const { what, bytes, number } = step
        step.free()
        if (what === 'connect') this.#connect(false)
        else if (what === 'send') this.#link?.send(bytes as Uint8Array<ArrayBuffer>)
        else if (what === 'sign') void this.#sign(number, bytes as Uint8Array<ArrayBuffer>)
        else this.#disconnect()
      }
    } finally {
      this.#stepping = false
    }
    this.#setTimer()
    this.#tellSoon()
  }

  /** Tells at once, unless that was done a moment ago. */
  #tellSoon(): void {
    if (this.#telling !== undefined) return
    const wait = this.#toldAt + TELL_EVERY_MS - performance.now()
    if (wait <= 0) return this.#tellNow()
    this.#telling = setTimeout(() => this.#tellNow(), wait)
  }

  #tellNow(): void {
    clearTimeout(this.#telling)
    this.#telling = undefined
    this.#toldAt = performance.now()
    try {
      const news = this.news()
      this.#toldRevision = news.revision
      this.#tell(news)
    } catch (thrown) {
      console.warn('renolog: how things stand could not be read', thrown)
    }
  }

  #setTimer(): void {
    clearTimeout(this.#timer)
    const due = this.#core.timeout()
    if (due === undefined) return
    // By waiting for it the moment has come, whatever a clock that was set back says.
    const wait = Math.min(Math.max(due - Date.now(), 0), LONGEST_TIMER_MS)
    this.#timer = setTimeout(() => this.#take(() => this.#core.happened(Math.max(Date.now(), due), 'timeout')), wait)
  }

  async #sign(number: number, text: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      const signature = await this.#key.sign(text)
      this.#take(() => this.#core.signed(Date.now(), number, signature))
    } catch (error) {
      console.error('renolog: the browser would not sign', error)
    }
  }

  #connect(signedIn: boolean): void {
    const me = this.#ask<Me | null>({ ask: 'me' })
    if (!me) return
    const server = me.server
    this.#disconnect()
    const link: Link = new Link(server, me.version, {
      opened: () => this.#happened('connected'),
      frame: (bytes) => this.#take(() => this.#core.frame(Date.now(), bytes)),
      moved: () => this.#happened('moved'),
      gone: (wasOpen) => {
        if (wasOpen) this.#happened('disconnected')
        else void this.#askWhy(server, link, signedIn)
      },
    })
    this.#link = link
  }

  #disconnect(): void {
    this.#link?.close()
    this.#link = null
  }

  /** A connection did not come about. Perhaps the token has run out: whether the device may still come in, its key decides. */
  async #askWhy(server: string, link: Link, signedIn: boolean): Promise<void> {
    const turned = await turnedAway(server)
    const stillWanted = () => this.#link === link
    if (!stillWanted()) return
    if (turned === null || turned.in) return this.#happened('disconnected')
    if (turned.status === 401 && !signedIn) {
      const answerText = (challenge: string) => unhex(this.#ask<string>({ ask: 'answer_text', challenge }))
      const renewed = await signIn(server, this.#core.device(), this.#key, answerText)
      if (!stillWanted()) return
      if (renewed) return this.#connect(true)
    }
    const { status, body, retryAfter } = turned
    this.#take(() => this.#core.turned_away(Date.now(), status, body, retryAfter ?? undefined))
  }
}

async function openedSoon(key: DeviceKey): Promise<Core> {
  const until = Date.now() + OPEN_WITHIN_MS
  for (;;) {
    try {
      return await Core.open(DIRECTORY, key.publicBytes, Date.now())
    } catch (thrown) {
      const unsupported = typeof thrown === 'string' && thrown.includes('"unsupported"')
      if (!unsupported || Date.now() > until) throw thrown
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}
