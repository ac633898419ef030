// A door before the server that serves the page's files from a directory, so that a test can put a newer build there, or
// take the network away from everything at once. The rest goes to the server behind it.
import { createServer, request } from 'node:http'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { extname, join, normalize } from 'node:path'

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
}
/** What the server lets its pages do. */
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " +
  "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
const ISOLATED = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
/** As with the server, a page has no address but the one that it is served at. */
const NO_ADDRESSES = new Set(['/index.html', '/console.html'])
const PAGES = { '/': 'index.html', '/enrol': 'index.html', '/console': 'console.html' }

export class Front {
  #http
  #sockets = new Set()
  #port = 0
  /** The files that were asked for, by their paths. */
  served = []
  /** Bytes of bodies that came from the server behind, as they came, by their paths. */
  passed = new Map()

  /** What is not in `directory` comes from the server behind; `behind` is the server's address, or `null` where there is none. */
  static async open(directory, behind) {
    const front = new Front()
    front.directory = directory
    front.behind = behind && new URL(behind)
    await front.open()
    return front
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Opens again, at the same address. */
  async open() {
    this.#http = createServer((asked, answer) => void this.#answer(asked, answer))
    this.#http.on('upgrade', (asked, socket, head) => this.#pass(asked, socket, head))
    this.#http.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    await new Promise((resolve) => this.#http.listen(this.#port, '127.0.0.1', resolve))
    this.#port = this.#http.address().port
  }

  /** No new connection, and those that stand end. */
  async shut() {
    const shut = new Promise((resolve) => this.#http.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await shut
  }

  async #answer(asked, answer) {
    const { pathname } = new URL(asked.url, this.url)
    const file = PAGES[pathname] ?? normalize(pathname).slice(1)
    const own = !pathname.startsWith('/api/') && !NO_ADDRESSES.has(pathname)
    const body = !own ? null : await readFile(join(this.directory, file)).catch(() => null)
    if (body !== null) {
      this.served.push(pathname)
      const html = file.endsWith('.html') ? { 'Content-Security-Policy': POLICY } : {}
      const kept = file.startsWith('assets/') ? 'max-age=31536000, immutable' : 'no-cache'
      const type = TYPES[extname(file)] ?? 'application/octet-stream'
      answer.writeHead(200, { 'Content-Type': type, 'Cache-Control': kept, ...ISOLATED, ...html }).end(body)
    } else if (this.behind) {
      const { hostname, port } = this.behind
      const passed = request({ hostname, port, path: asked.url, method: asked.method, headers: asked.headers }, (back) => {
        answer.writeHead(back.statusCode, back.headers)
        back.on('data', (bytes) => this.passed.set(pathname, (this.passed.get(pathname) ?? 0) + bytes.length))
        back.pipe(answer)
      })
      passed.on('error', () => answer.writeHead(502).end())
      asked.pipe(passed)
    } else answer.writeHead(404).end()
  }

  /** A websocket, byte by byte. */
  #pass(asked, socket, head) {
    if (!this.behind) return socket.destroy()
    const there = connect(Number(this.behind.port), this.behind.hostname, () => {
      const headers = asked.rawHeaders.map((word, at) => (at % 2 === 0 ? `${word}: ` : `${word}\r\n`)).join('')
      there.write(`${asked.method} ${asked.url} HTTP/1.1\r\n${headers}\r\n`)
      there.write(head)
      socket.pipe(there).pipe(socket)
    })
    for (const end of [socket, there]) {
      end.on('error', () => {
        socket.destroy()
        there.destroy()
      })
    }
  }
}
