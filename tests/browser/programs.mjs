// The programs that a story needs beside the browser: a server on a data directory, and a device in a terminal.
import { execFile, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

import { built } from './paths.mjs'

const run = promisify(execFile)

/** A data directory of its own, a server that runs on it until it is stopped, and a terminal to ask it in. */
export class Server {
  #child = null
  #directory
  #port = 0
  /** The link with which the first administrator signs in to the console, while there is none. */
  administrator = null

  static async start() {
    const server = new Server()
    server.#directory = await mkdtemp(join(tmpdir(), 'renolog-'))
    await server.serve()
    return server
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`
  }

  get directory() {
    return this.#directory
  }

  /** Begins to serve, at the same address as before. */
  async serve() {
    const words = ['serve', '--listen', `127.0.0.1:${this.#port}`]
    this.#child = spawn(built('renolog'), words, { env: this.#env(), stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = createInterface({ input: this.#child.stdout })
    this.#port = await new Promise((resolve, reject) => {
      lines.on('line', (line) => {
        const found = /:\/\/[^ ]*:(\d+)/.exec(line)
        if (found) resolve(Number(found[1]))
        this.administrator = /http[^ ]*\/console#[^ ]+/.exec(line)?.[0] ?? this.administrator
      })
      this.#child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)))
    })
  }

  /** Ends it without a word, as a power cut does. */
  async kill() {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
  }

  async end() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill()
    await rm(this.#directory, { recursive: true, force: true })
  }

  /** What `renolog` prints. */
  async renolog(...words) {
    for (;;) {
      try {
        const { stdout } = await run(built('renolog'), words, { env: this.#env() })
        return stdout.trim()
      } catch (error) {
        // It listens a moment before it can be asked.
        if (!/just starting/.test(error.stderr)) throw error
      }
    }
  }

  async community(slug, name) {
    return (await this.renolog('community', 'add', slug, '--name', name)).split(' ')[0]
  }

  /** A one-time code. */
  invite(community, role, name) {
    return this.renolog('invite', '--community', community, '--role', role, '--name', name)
  }

  #env() {
    return { ...process.env, RENOLOG_DATA: join(this.#directory, 'data'), RENOLOG_LOG: 'warn' }
  }
}

/** A device in a terminal: client-core as it is on a phone. */
export class NativeDevice {
  #store

  constructor(server, name) {
    this.#store = join(server.directory, `${name}.db`)
  }

  async do(...words) {
    const { stdout } = await run(built('examples/device'), ['--store', this.#store, ...words])
    return stdout.trim()
  }
}

/** The demonstration's week, played and then served, and the two links that it ends with. */
export class Demo {
  #child
  #directory

  static async start() {
    const demo = new Demo()
    demo.#directory = await mkdtemp(join(tmpdir(), 'renolog-'))
    const words = ['demo', '--listen', '127.0.0.1:0', '--data', join(demo.#directory, 'week')]
    demo.#child = spawn(built('renolog'), words, { env: { ...process.env, RENOLOG_LOG: 'warn' }, stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = createInterface({ input: demo.#child.stdout })
    await new Promise((resolve, reject) => {
      lines.on('line', (line) => {
        const [link] = /http:[^ ]*\/(enrol|console)#[^ ]+/.exec(line) ?? []
        if (link?.includes('/enrol#')) demo.volunteer = link
        if (link?.includes('/console#')) demo.administrator = link
        if (demo.volunteer && demo.administrator) resolve()
      })
      demo.#child.once('exit', (code) => reject(new Error(`the demo ended with ${code}`)))
    })
    return demo
  }

  get directory() {
    return this.#directory
  }

  async end() {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
    await rm(this.#directory, { recursive: true, force: true })
  }
}
