// Questions to the server over HTTP: enrolment, signing in, and why it would not open a connection. The browser keeps the
// token in a cookie that no script reads.

import { DeviceProblem } from './face'
import type { DeviceKey } from './key'
import type { Enrolment } from './views'

const ANSWER_WITHIN_MS = 30_000

/** What the server answered to an attempt to connect. */
export type Turned =
  /** The device may come in. */
  | { in: true }
  /** It may not, or not now. */
  | { in: false; status: number; body: string; retryAfter: string | null }
  /** No answer. */
  | null

/** Exchanges a one-time code for a place on the server. */
export async function enrol(
  server: string,
  code: string,
  device: string,
  key: DeviceKey,
  deviceName: string,
): Promise<Enrolment> {
  const body = { device, public_key: hex(key.publicBytes), device_name: deviceName, cookie: true }
  const headers = { Authorization: `Bearer ${code}` }
  const answer = await asked(server, 'enrol', { method: 'POST', headers, body: JSON.stringify(body) })
  if (!answer.ok) throw await refused(answer)
  return (await answer.json()) as Enrolment
}

/** Asks at the door of the feed, without coming in, what a browser does not tell of a websocket that failed. */
export async function turnedAway(server: string): Promise<Turned> {
  try {
    const answer = await asked(server, 'sync', {})
    // A websocket was expected here; whoever is told so has come past the door.
    if (answer.status === 400 || answer.status === 426) return { in: true }
    return { in: false, status: answer.status, body: await answer.text(), retryAfter: answer.headers.get('Retry-After') }
  } catch {
    return null
  }
}

/** Proves by the device's key that it is the one that enrolled; the browser is given another token. */
export async function signIn(
  server: string,
  device: string,
  key: DeviceKey,
  answerText: (challenge: string) => Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  try {
    const asking = await asked(server, 'sign-in', {})
    if (!asking.ok) return false
    const { challenge } = (await asking.json()) as { challenge: string }
    const signature = hex(await key.sign(answerText(challenge)))
    const body = JSON.stringify({ device, challenge, signature, cookie: true })
    return (await asked(server, 'sign-in', { method: 'POST', body })).ok
  } catch {
    return false
  }
}

async function asked(server: string, path: string, init: RequestInit): Promise<Response> {
  const headers = { ...init.headers, ...(init.body === undefined ? {} : { 'Content-Type': 'application/json' }) }
  const signal = AbortSignal.timeout(ANSWER_WITHIN_MS)
  try {
    return await fetch(`${server}/api/v1/${path}`, { ...init, headers, signal, cache: 'no-store' })
  } catch (error) {
    throw new DeviceProblem('unreachable', '无法连接服务器', `the server cannot be reached: ${String(error)}`)
  }
}

async function refused(answer: Response): Promise<DeviceProblem> {
  try {
    const said = (await answer.json()) as { code?: string; zh?: string; en?: string; detail?: string }
    const refusal = { code: said.code ?? 'other', zh: said.zh ?? '服务器拒绝', en: said.en ?? said.detail ?? 'refused' }
    return new DeviceProblem('server_refused', refusal.zh, refusal.en, refusal)
  } catch {
    return new DeviceProblem('unreachable', '对方不是本系统的服务器', `HTTP ${answer.status}`)
  }
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export function unhex(digits: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(digits.length / 2)
  bytes.forEach((_, at) => (bytes[at] = Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16)))
  return bytes
}
