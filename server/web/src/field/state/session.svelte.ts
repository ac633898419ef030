// The device of this page, what was last heard of it, and what hardly ever changes: whose it is, the rules, the
// communities. Views ask the device itself for everything else, through `live`.
import type { Community, Device, Me, News, Schema, Status } from '../../device/face'

/** While much is coming in, views are drawn anew so often; what is written here is shown at once. */
const WHILE_RECEIVING_MS = 1000

class Session {
  #device: Device | null = null
  #me: Me | null = $state.raw(null)
  #schema: Schema | null = $state.raw(null)
  #communities: Community[] = $state.raw([])
  #status: Status | null = $state.raw(null)
  #heard = $state(0)
  /** The moment by the device's clock, anew each half minute: for deadlines and "since when". */
  #now = $state(0)
  /** The revision that was heard last, and whether it is to be shown yet. */
  #revision = -1
  #unshown = false
  #later: ReturnType<typeof setTimeout> | undefined

  /** Takes the device, reads what every view needs, and hears of it from now on. */
  async open(device: Device): Promise<void> {
    this.#device = device
    this.#now = device.now()
    await this.recall()
    device.subscribe((news) => this.#hear(news))
    setInterval(() => (this.#now = device.now()), 30_000)
  }

  /** Reads again whose device it is, the rules and the communities. */
  async recall(): Promise<void> {
    const { device } = this
    const [me, schema, communities, status] = await Promise.all([device.me(), device.schema(), device.communities(), device.status()])
    const rulesOrRoles = schema.version !== this.#schema?.version || !alike(communities, this.#communities)
    if (!alike(me, this.#me)) this.#me = me
    this.#status = status
    if (!rulesOrRoles) return
    this.#schema = schema
    this.#communities = communities
    this.#heard += 1
  }

  #hear({ revision, status }: News): void {
    const mine = status.unsent !== this.#status?.unsent
    this.#status = status
    this.#unshown ||= revision !== this.#revision
    this.#revision = revision
    if (this.#unshown && (mine || status.caught_up)) this.#show()
    // Members and rules may have come, which are of no revision.
    else this.#later ??= setTimeout(() => this.#show(), WHILE_RECEIVING_MS)
  }

  #show(): void {
    clearTimeout(this.#later)
    this.#later = undefined
    if (this.#unshown) this.#heard += 1
    this.#unshown = false
    // What is on the screen is asked first; the rules hardly ever change.
    setTimeout(() => this.recall().catch((error: unknown) => console.error(error)))
  }

  get device(): Device {
    if (!this.#device) throw new Error('the page is drawn after the device is open')
    return this.#device
  }

  get me(): Me | null {
    return this.#me
  }

  get schema(): Schema {
    if (!this.#schema) throw new Error('the page is drawn after the schema is read')
    return this.#schema
  }

  get communities(): Community[] {
    return this.#communities
  }

  get status(): Status | null {
    return this.#status
  }

  /** Grows whenever something may be different. */
  get heard(): number {
    return this.#heard
  }

  get now(): number {
    return this.#now
  }

  /** The moment by the server's clock, which deadlines run by. */
  get serverNow(): number {
    return this.#now + (this.#status?.clock_offset ?? 0)
  }

  community(id: string): Community | undefined {
    return this.#communities.find((known) => known.id === id)
  }

  /** A person's name, as the community knows it. */
  nameOf(community: string, person: string): string | undefined {
    return this.community(community)?.members.find((member) => member.person === person)?.name
  }
}

const alike = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

export const session = new Session()
