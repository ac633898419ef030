// The bytes of photos and papers that were added on this device. The record holds the name and the SHA-256 of each, signed
// like everything in it, so that whoever is shown the file later can tell that it is the one; the bytes stay here.

const DATABASE = 'renolog-photos'
const BYTES = 'bytes'

/** What a file is called in a record: the SHA-256 of its bytes, in hexadecimal digits. */
export async function hashOf(file: Blob): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Keeps a file under its hash; on disk when the promise is kept. */
export async function keepPhoto(hash: string, file: Blob): Promise<void> {
  const database = await opened()
  try {
    const transaction = database.transaction(BYTES, 'readwrite', { durability: 'strict' })
    transaction.objectStore(BYTES).put(file, hash)
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onabort = transaction.onerror = () => reject(transaction.error)
    })
  } finally {
    database.close()
  }
}

/** A file that was added on this device; nothing for one that was added elsewhere. */
export async function keptPhoto(hash: string): Promise<Blob | undefined> {
  const database = await opened()
  try {
    return await settled<Blob | undefined>(database.transaction(BYTES).objectStore(BYTES).get(hash))
  } finally {
    database.close()
  }
}

function opened(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1)
  request.onupgradeneeded = () => request.result.createObjectStore(BYTES)
  return settled(request)
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
