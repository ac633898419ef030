// A newer page is on the phone and waits. It takes over when the person says so; whatever is being typed is kept first, and
// stands in its form again afterwards.
import { keepAllTyped } from './typing.svelte'

/** How often a page that stays open looks for a newer one. */
const LOOK_EVERY_MS = 60 * 60 * 1000

class Update {
  #waiting: ServiceWorker | null = $state.raw(null)
  /** The person said "later": not shown again until the page is opened anew. */
  #later = $state(false)
  #reloading = false

  get ready(): boolean {
    return this.#waiting !== null && !this.#later
  }

  /** Registers the service worker, and looks for a newer one from then on. */
  async watch(): Promise<void> {
    const workers = navigator.serviceWorker
    if (!workers) return
    const registration = await workers.register(new URL('sw.js', document.baseURI), { updateViaCache: 'none' })
    const look = () => {
      // The first one that ever comes replaces nothing.
      if (registration.waiting && workers.controller) this.#waiting = registration.waiting
    }
    registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', look))
    look()
    workers.addEventListener('controllerchange', () => void this.#reload())
    const ask = () => void registration.update().catch(() => {})
    setInterval(ask, LOOK_EVERY_MS)
    addEventListener('online', ask)
  }

  later(): void {
    this.#later = true
  }

  async take(): Promise<void> {
    await keepAllTyped()
    this.#reloading = true
    this.#waiting?.postMessage('take-over')
  }

  /** Another tab of ours may have said so; what is typed here is kept all the same. */
  async #reload(): Promise<void> {
    const first = !this.#reloading && this.#waiting === null
    if (first) return
    await keepAllTyped()
    location.reload()
  }
}

export const update = new Update()
