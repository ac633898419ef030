// Asks the server. What it answers, and what can be asked, is generated from its own description; see `npm run api`.
import createClient, { type Middleware } from 'openapi-fetch'

import type { paths } from './generated'
import { renewed } from './sign-in'
import type { Problem } from './types'

/** Where the server is: beside the page, which may live below a path. */
export const base = new URL('.', globalThis.location?.href ?? 'http://localhost/').href.replace(/\/$/, '')

/** An answer that is no answer: what the server says went wrong, or that it was not reached. */
export class Failed extends Error {
  readonly status: number
  readonly code: string
  readonly zh: string

  constructor(problem: Partial<Problem> | undefined, status: number) {
    super(problem?.detail ?? `${status}`)
    this.status = status
    this.code = problem?.code ?? 'unreachable'
    this.zh = problem?.zh ?? '连不上服务器'
  }
}

/** A token that has run out is renewed once, by the key that this browser keeps, and the question asked again. */
const renewal: Middleware = {
  async onResponse({ request, response }) {
    if (response.status !== 401 || request.headers.has('x-asked-again')) return
    const again = request.method === 'GET' && (await renewed(base))
    if (!again) return
    const asked = new Request(request.url, { headers: { 'x-asked-again': '1' }, credentials: 'same-origin' })
    return fetch(asked)
  },
}

export const client = createClient<paths>({ baseUrl: base, credentials: 'same-origin' })
client.use(renewal)

/** What was answered; throws [`Failed`] where it was not. */
export async function answer<T>(asked: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  let got
  try {
    got = await asked
  } catch (why) {
    if (why instanceof DOMException && why.name === 'AbortError') throw why
    throw new Failed(undefined, 0)
  }
  if (got.error !== undefined || got.data === undefined) {
    if (got.response.ok) return undefined as T
    throw new Failed(got.error as Partial<Problem> | undefined, got.response.status)
  }
  return got.data
}
