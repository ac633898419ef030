// What a person is typing. Each pause puts it into the device's store, where it survives a killed tab; it leaves when it
// was said, or when the person lets it go. An update of the page waits for all of it.
import { untrack } from 'svelte'
import { SvelteSet } from 'svelte/reactivity'

import { session } from './session.svelte'

/** A pause in typing. */
const PAUSE_MS = 350

const open = new SvelteSet<Typing<object>>()

/** Whether something is being typed that was not said yet. */
export function isTyping(): boolean {
  return [...open].some((typing) => typing.touched)
}

/** Puts everything that is being typed into the store, now. */
export async function keepAllTyped(): Promise<void> {
  await Promise.all([...open].map((typing) => typing.keep()))
}

export class Typing<Typed extends object> {
  /** What stands in the form. Change it in place. */
  typed: Typed = $state({} as Typed)
  /** Whether it came from the store: the person began it earlier. */
  resumed = $state(false)
  /** When it was last put into the store. */
  keptAt: number | null = $state(null)
  /** Whether anything was typed since the form was empty. */
  touched = $state(false)
  /** Whether the store was looked at; before that nothing is shown, so that nothing is typed over. */
  ready = $state(false)

  readonly form: string
  #kept: string
  #pause: ReturnType<typeof setTimeout> | undefined

  /** `form` names the form in the store. To be made while a component is made; ends with it. */
  constructor(form: string, empty: Typed) {
    this.form = form
    this.typed = empty
    this.#kept = JSON.stringify(empty)
    $effect(() => {
      untrack(() => void this.#resume())
      open.add(this as unknown as Typing<object>)
      const leaving = () => void this.keep()
      addEventListener('pagehide', leaving)
      document.addEventListener('visibilitychange', leaving)
      return () => {
        void this.keep()
        clearTimeout(this.#pause)
        open.delete(this as unknown as Typing<object>)
        removeEventListener('pagehide', leaving)
        document.removeEventListener('visibilitychange', leaving)
      }
    })
    $effect(() => {
      const now = JSON.stringify(this.typed)
      if (!this.ready || now === this.#kept) return
      this.touched = true
      clearTimeout(this.#pause)
      this.#pause = setTimeout(() => void this.keep(), PAUSE_MS)
    })
  }

  async #resume(): Promise<void> {
    try {
      const kept = (await session.device.unfinished()).find((one) => one.form === this.form)
      if (kept && typeof kept.typed === 'object' && kept.typed !== null) {
        Object.assign(this.typed, kept.typed)
        this.#kept = JSON.stringify(this.typed)
        this.keptAt = kept.at
        this.resumed = this.touched = true
      }
    } finally {
      this.ready = true
    }
  }

  /** Puts it into the store, if it changed. */
  async keep(): Promise<void> {
    clearTimeout(this.#pause)
    const now = JSON.stringify(this.typed)
    if (!this.ready || now === this.#kept) return
    this.#kept = now
    await session.device.keepUnfinished(this.form, JSON.parse(now))
    this.keptAt = session.device.now()
  }

  /** It was said, or let go: the form is empty again, and nothing of it is kept. */
  async clear(empty: Typed): Promise<void> {
    clearTimeout(this.#pause)
    this.typed = empty
    this.#kept = JSON.stringify(empty)
    this.touched = this.resumed = false
    this.keptAt = null
    await session.device.dropUnfinished(this.form)
  }
}
