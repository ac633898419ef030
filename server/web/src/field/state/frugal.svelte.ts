// Care with data: connected only while there is something to send or to fetch, or for a while after someone asked; and of
// what is not here yet, the open records only.
import { settings } from '../../shared/settings.svelte'
import { session } from './session.svelte'

/** How long a connection is kept for someone who asked, though nothing seems to be left. */
const KEEP_MS = 15_000

class Frugal {
  #askedAt = $state(0)

  /** Connects when it should be, and ends the connection when it need not be. To be called once, in an effect root. */
  watch(): void {
    $effect(() => {
      const { status, now } = session
      if (!status || !session.me) return
      const busy = status.unsent > 0 || (status.connected && !status.caught_up)
      const wanted = !settings.saveData || busy || now - this.#askedAt < KEEP_MS
      if (settings.saveData !== status.saves_data) void session.device.saveData(settings.saveData)
      if (wanted && !status.on) void session.device.start()
      if (!wanted && status.on) void session.device.stop()
    })
  }

  /** Someone wants to know what is new. */
  ask(): void {
    this.#askedAt = session.device.now()
    void session.device.start()
    void session.device.nudge()
  }
}

export const frugal = new Frugal()
