// Keeps the field face on the phone, so that it opens without any network. The files of one build are one cache: a page
// never runs on files of two builds. A new build waits until a page tells it to take over, when nothing typed is at stake.
// What is not of the face - the interface, the console - passes by.

declare const self: ServiceWorkerGlobalScope
/** Written in by the build. */
declare const __SHELL__: { revision: string; files: string[] }

const SHELL = __SHELL__
const CACHE = `shell-${SHELL.revision}`
/** The page has no address but the one that it is served at. */
const PAGE = ''

/** Chromium has it since 123; TypeScript does not know it yet. */
interface StaticRouting extends ExtendableEvent {
  addRoutes?(routes: { condition: object; source: { cacheName: string } }[]): Promise<void>
}

const address = (file: string) => new URL(file, self.registration.scope).href
const FILES = new Set(SHELL.files.map((file) => address(file === 'index.html' ? PAGE : file)))
/** Under these the page is served; an invitation's link is the second. */
const PAGES = new Set(['', 'enrol'].map(address))
/** What somebody typed with a slash too many: the page would look for its files below. The code behind the `#` goes along. */
const ASTRAY = new Map([['enrol/', 'enrol']].map(([typed, meant]) => [address(typed!), address(meant!)]))

self.addEventListener('install', (event) => {
  event.waitUntil(keep())
  // A browser that can takes these files from the cache without waking this script, which it would wait for otherwise.
  const routes = [...FILES].map((file) => ({
    condition: { urlPattern: { pathname: new URL(file).pathname, search: '' }, requestMethod: 'GET' },
    source: { cacheName: CACHE },
  }))
  void (event as StaticRouting).addRoutes?.(routes).catch((why: unknown) => console.warn('files come by way of the script', why))
})
self.addEventListener('activate', (event) => event.waitUntil(takeOver()))
self.addEventListener('message', (event) => {
  if (event.data === 'take-over') void self.skipWaiting()
})
self.addEventListener('fetch', (event) => {
  const { request } = event
  if (request.method !== 'GET') return
  const asked = new URL(request.url)
  asked.hash = asked.search = ''
  if (request.mode === 'navigate') {
    const meant = ASTRAY.get(asked.href)
    if (meant) event.respondWith(Response.redirect(meant))
    else if (PAGES.has(asked.href)) event.respondWith(kept(address(PAGE), request))
  } else if (FILES.has(asked.href)) {
    event.respondWith(kept(asked.href, request))
  }
})

/** All files or none. What an older build has under the same name has the same bytes, and is not loaded again. */
async function keep(): Promise<void> {
  const cache = await caches.open(CACHE)
  await Promise.all(
    [...FILES].map(async (file) => {
      const older = file.includes('/assets/') ? await caches.match(file) : undefined
      await (older ? cache.put(file, older) : cache.add(new Request(file, { cache: 'no-cache' })))
    }),
  )
}

async function takeOver(): Promise<void> {
  const names = await caches.keys()
  await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)))
  await self.clients.claim()
}

async function kept(file: string, request: Request): Promise<Response> {
  const cache = await caches.open(CACHE)
  return (await cache.match(file)) ?? fetch(request)
}

export {}
