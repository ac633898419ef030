// The websocket: opens it, moves frames, and tells when bytes really moved. It decides nothing.

const SUBPROTOCOL = 'renolog.v1'
/** A phone in a stairwell needs several seconds to find its network again; longer than this is no network. */
const CONNECT_WITHIN_MS = 20_000
/** How often what waits in the browser's buffer is looked at. */
const LOOK_EVERY_MS = 2_000

export interface LinkEvents {
  opened(): void
  frame(bytes: Uint8Array): void
  /** Bytes that had to wait went out. */
  moved(): void
  /** It is gone, or never came about. */
  gone(wasOpen: boolean): void
}

/** One connection, or the attempt at one. After `close` nothing more is heard of it. */
export class Link {
  #socket: WebSocket
  #events: LinkEvents | null
  #patience: ReturnType<typeof setTimeout>
  #looking: ReturnType<typeof setInterval> | undefined
  #waiting = 0
  #open = false

  constructor(server: string, version: string, events: LinkEvents) {
    this.#events = events
    this.#socket = new WebSocket(`${server.replace(/^http/, 'ws')}/api/v1/sync?version=${encodeURIComponent(version)}`, SUBPROTOCOL)
    this.#socket.binaryType = 'arraybuffer'
    this.#patience = setTimeout(() => this.#gone(), CONNECT_WITHIN_MS)
    this.#socket.onopen = () => {
      clearTimeout(this.#patience)
      this.#open = true
      this.#events?.opened()
    }
    this.#socket.onmessage = (message) => {
      if (message.data instanceof ArrayBuffer) this.#events?.frame(new Uint8Array(message.data))
    }
    this.#socket.onclose = this.#socket.onerror = () => this.#gone()
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    this.#socket.send(bytes)
    // What goes into the buffer proves nothing; what leaves it does.
    this.#waiting = this.#socket.bufferedAmount
    this.#looking ??= setInterval(() => this.#look(), LOOK_EVERY_MS)
  }

  close(): void {
    this.#events = null
    this.#end()
  }

  #look(): void {
    const waiting = this.#socket.bufferedAmount
    if (waiting < this.#waiting) this.#events?.moved()
    this.#waiting = waiting
    if (waiting === 0) {
      clearInterval(this.#looking)
      this.#looking = undefined
    }
  }

  #gone(): void {
    const events = this.#events
    this.close()
    events?.gone(this.#open)
  }

  #end(): void {
    clearTimeout(this.#patience)
    clearInterval(this.#looking)
    this.#looking = undefined
    this.#socket.close()
  }
}
