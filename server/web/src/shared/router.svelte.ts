// Where the person is: the part of the address after `#/`, so that the server has one page to serve and the page works
// without it. A step back is a step back.

interface Place {
  /** `['records', 'rectification']` for `#/records/rectification?state=issued`. */
  path: string[]
  query: URLSearchParams
}

/** What stands behind the `#` of an address. An address of another form is the beginning. */
export function parsePlace(hash: string): Place {
  const said = hash.startsWith('#/') ? hash.slice(2) : ''
  const [path = '', query = ''] = said.split('?', 2)
  return { path: path.split('/').filter(Boolean).map(decode), query: new URLSearchParams(query) }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** The address of a place within the page. What is empty in the query is left out. */
export function to(path: readonly string[], query: Record<string, string | null | undefined> = {}): string {
  const asked = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]))
  const tail = asked.length > 0 ? `?${new URLSearchParams(asked)}` : ''
  return `#/${path.map(encodeURIComponent).join('/')}${tail}`
}

class Router {
  #place = $state.raw(parsePlace(globalThis.location?.hash ?? ''))
  /** How many places of ours lie behind this one: whether there is a step back to take. */
  #behind = 0

  constructor() {
    globalThis.addEventListener?.('hashchange', () => (this.#place = parsePlace(location.hash)))
  }

  get path(): string[] {
    return this.#place.path
  }

  get query(): URLSearchParams {
    return this.#place.query
  }

  go(address: string): void {
    if (location.hash === address) return
    this.#behind += 1
    location.hash = address
  }

  /** Goes to another place as if the present one had never been. */
  replace(address: string): void {
    history.replaceState(history.state, '', address)
    this.#place = parsePlace(address)
  }

  /** A step back; to `otherwise` where the person came from elsewhere. */
  back(otherwise: string): void {
    if (this.#behind > 0) {
      this.#behind -= 1
      history.back()
    } else {
      this.replace(otherwise)
    }
  }
}

export const router = new Router()
