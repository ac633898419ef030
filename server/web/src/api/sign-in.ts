// How this browser comes to be let in: a key that is made here and never leaves, a token that no script reads.

const STORE = 'renolog-console'
const KEPT = 'key'

interface Kept {
  device: string
  key: CryptoKey
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(STORE, 1)
    asked.onupgradeneeded = () => asked.result.createObjectStore(KEPT)
    asked.onsuccess = () => resolve(asked.result)
    asked.onerror = () => reject(asked.error ?? new Error('indexedDB'))
  })
}

async function stored<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open()
  try {
    return await new Promise<T>((resolve, reject) => {
      const asked = act(database.transaction(KEPT, mode).objectStore(KEPT))
      asked.onsuccess = () => resolve(asked.result)
      asked.onerror = () => reject(asked.error ?? new Error('indexedDB'))
    })
  } finally {
    database.close()
  }
}

const hex = (bytes: ArrayBuffer) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('')

/** A UUID of version 7, as every id here is. */
export function newId(now = Date.now()): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  for (let i = 0; i < 6; i++) bytes[i] = Math.floor(now / 2 ** (8 * (5 - i))) % 256
  bytes[6] = (bytes[6]! & 0x0f) | 0x70
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const text = hex(bytes.buffer)
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-')
}

async function send(url: string, body: unknown, code?: string): Promise<Response> {
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (code) headers['authorization'] = `Bearer ${code}`
  return fetch(url, { method: 'POST', credentials: 'same-origin', headers, body: JSON.stringify(body) })
}

/** Enrols this browser with a one-time code. Answers what the server says went wrong, if anything did. */
export async function enrol(base: string, code: string, name: string): Promise<unknown> {
  const pair = await crypto.subtle.generateKey({ name: 'Ed25519' }, false, ['sign', 'verify'])
  if (!('privateKey' in pair)) throw new Error('no key pair')
  const device = newId()
  const public_key = hex(await crypto.subtle.exportKey('raw', pair.publicKey))
  const response = await send(`${base}/api/v1/enrol`, { device, public_key, device_name: name }, code)
  if (!response.ok) return response.json()
  await stored('readwrite', (store) => store.put({ device, key: pair.privateKey } satisfies Kept, KEPT))
  const { token } = (await response.json()) as { token: string }
  return paste(base, token)
}

/** Has the browser keep a token where no script reads it. Answers what the server says went wrong, if anything did. */
export async function paste(base: string, token: string): Promise<unknown> {
  const response = await send(`${base}/api/v1/session`, { token })
  return response.ok ? undefined : response.json()
}

/** Another token in the place of one that ran out, by this browser's key; whether there is one. */
export async function renewed(base: string): Promise<boolean> {
  try {
    const kept = await stored<Kept | undefined>('readonly', (store) => store.get(KEPT))
    if (!kept) return false
    const asked = await fetch(`${base}/api/v1/sign-in`)
    if (!asked.ok) return false
    const { challenge } = (await asked.json()) as { challenge: string }
    const signed = await crypto.subtle.sign('Ed25519', kept.key, signInMessage(kept.device, challenge))
    const answer = { device: kept.device, challenge, signature: hex(signed) }
    const given = await send(`${base}/api/v1/sign-in`, answer)
    if (!given.ok) return false
    const { token } = (await given.json()) as { token: string }
    return (await paste(base, token)) === undefined
  } catch {
    return false
  }
}

/** What a device signs to prove that it has its key: a few words, then the device and the challenge as CBOR. */
export function signInMessage(device: string, challenge: string): Uint8Array<ArrayBuffer> {
  const id = device.replaceAll('-', '').match(/../g) ?? []
  const words = new TextEncoder().encode('renolog sign-in 1\n')
  const text = new TextEncoder().encode(challenge)
  // An array of two: sixteen bytes, and a text of 24 to 255.
  const head = [0x82, 0x50, ...id.map((pair) => Number.parseInt(pair, 16)), 0x78, text.length]
  return new Uint8Array([...words, ...head, ...text])
}

/** Signs out: the browser forgets its token, and the key with which it could have another. */
export async function leave(base: string): Promise<void> {
  await fetch(`${base}/api/v1/session`, { method: 'DELETE', credentials: 'same-origin' })
  await stored('readwrite', (store) => store.delete(KEPT))
}
