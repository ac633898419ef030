// The device's key: Ed25519, made by the browser and kept by it where no script can read it. It is asked to sign.

import { DeviceProblem } from './face'

const DATABASE = 'renolog'
const KEYS = 'keys'
const OF_DEVICE = 'device'

export interface DeviceKey {
  /** 32 bytes. */
  publicBytes: Uint8Array<ArrayBuffer>
  /** 64 bytes. */
  sign(text: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>
}

/** The key kept here, or a new one. */
export async function deviceKey(): Promise<DeviceKey> {
  if (!globalThis.isSecureContext || !globalThis.crypto?.subtle || !globalThis.indexedDB) {
    throw unsupported('keys are for pages that came over https')
  }
  const database = await opened()
  try {
    const pair = (await kept(database)) ?? (await made(database))
    const publicBytes = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey))
    return {
      publicBytes,
      sign: async (text) => new Uint8Array(await crypto.subtle.sign('Ed25519', pair.privateKey, text)),
    }
  } finally {
    database.close()
  }
}

function unsupported(en: string): DeviceProblem {
  return new DeviceProblem('unsupported', '这个浏览器缺少所需的功能，或需要通过 https 打开', en)
}

function opened(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1)
  request.onupgradeneeded = () => request.result.createObjectStore(KEYS)
  return settled(request)
}

async function kept(database: IDBDatabase): Promise<CryptoKeyPair | undefined> {
  return settled<CryptoKeyPair | undefined>(database.transaction(KEYS).objectStore(KEYS).get(OF_DEVICE))
}

async function made(database: IDBDatabase): Promise<CryptoKeyPair> {
  let pair: CryptoKeyPair
  try {
    pair = (await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify'])) as CryptoKeyPair
  } catch (error) {
    throw unsupported(`no Ed25519 keys: ${String(error)}`)
  }
  // On disk before anything is signed with it.
  const transaction = database.transaction(KEYS, 'readwrite', { durability: 'strict' })
  transaction.objectStore(KEYS).put(pair, OF_DEVICE)
  await new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = transaction.onerror = () => reject(transaction.error)
  })
  return pair
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
