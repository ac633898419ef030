// What the device answers, as JSON: the serde forms of the types of `protocol` and `client-core`. One home for each shape;
// a name here is the name there. Moments and spans are milliseconds; a moment says by whose clock it is.

/** A UUID. */
export type CommunityId = string
/** A UUID. Begins with the time, so the ends of ids differ sooner than their beginnings. */
export type RecordId = string
/** A UUID. */
export type PersonId = string
/** A UUID. */
export type DeviceId = string
/** 64 hexadecimal digits: a change's name everywhere. */
export type ChangeHash = string
/** 32 hexadecimal digits. */
export type ActorId = string
/** Names an entry within a record: eight characters, drawn by the device. */
export type EntryId = string
/** Milliseconds since 1970-01-01 UTC. */
export type UnixMs = number
/** Milliseconds. */
export type SpanMs = number
/** Who receives a record; fixed when it is made. */
export type Audience = 'open' | 'parties' | 'private'

// Names of the schema: `captain`, `volunteers`, `rectification`, `location`, `issued`, `issue`.
export type Role = string
export type Party = string
export type KindName = string
export type FieldName = string
export type StateName = string
export type MoveName = string

/** What people read, in both languages. */
export interface Label {
  zh: string
  en: string
}

/** A value of a register or of one part of an entry. `null`: cleared, or never known. Unknown is not 0. */
export type Value = string | number | boolean | null

/** The parts of an entry by name. */
export type EntryParts = Record<FieldName, Value>

export interface FeedId {
  community: CommunityId
  audience: Audience
}

// ── The rules ───────────────────────────────────────────────────────────────────────────────────────────────────────
// Objects keyed by name are in the order of the schema: that of a form, of a diagram, of the lanes.

export interface Schema {
  version: number
  parties: Record<Party, Label>
  roles: Record<Role, { label: Label; party: Party }>
  /** Which roles read each audience; `open` is every role. */
  audiences: Partial<Record<Audience, Role[]>>
  kinds: Record<KindName, Kind>
  /** How votes are counted, and by which law. */
  votes: Votes
}

/** A fraction that must be reached, or passed. */
export type Threshold = { at_least: [number, number] } | { more_than: [number, number] }

export interface Votes {
  law: Label
  quorum: Threshold
  classes: Record<string, Threshold>
}

export interface Kind {
  name: KindName
  label: Label
  help: Label | null
  audience: Audience
  /** Who may make one. */
  create: Role[]
  /** The field that stands for the record in a list. */
  title: FieldName
  initial: StateName
  fields: Record<FieldName, Field>
  states: Record<StateName, { label: Label; done: boolean }>
  moves: Record<MoveName, Move>
  deadlines: Deadline[]
  /** A field that names a party; nobody of that party may make the record. */
  not_by: FieldName | null
  keep_years?: number
}

export type Field = Shape & {
  label: Label
  help: Label | null
  write: Role[]
  needed: boolean
  once: boolean
  /** Empty: in all states. */
  writable_in: StateName[]
  conflict: 'settle' | 'keep_all'
}

export type Shape =
  | ({ shape: 'register' } & Scalar)
  | { shape: 'prose'; max: number }
  | ({ shape: 'log' } & Entry)
  /** `given`: people name the entry (a building's number). `drawn`: the device does. */
  | ({ shape: 'set'; key: 'given' | 'drawn' } & Entry)
  /** One entry a party, which only that party writes; its key is the party's name. */
  | ({ shape: 'per_party' } & Entry)

export interface Entry {
  parts: Record<FieldName, Scalar & { label: Label; needed: boolean }>
}

export type Scalar =
  | { type: 'text'; max: number }
  | { type: 'whole'; min: number; max: number }
  /** `2026-11-22` */
  | { type: 'day' }
  | { type: 'yes_no' }
  /** A person's id. */
  | { type: 'person' }
  | { type: 'party' }
  /** A record's id. */
  | { type: 'record'; kind: KindName }
  | { type: 'choice'; choices: Record<string, Label> }

export interface Move {
  label: Label
  from: StateName[]
  to: StateName
  by: Role[]
  weight: 'close' | 'progress' | 'escalate' | 'reject' | 'stop_work'
  /** Whether it must say why. */
  reason: boolean
  needs: { field: FieldName; parties: Party[]; when: When | null; /** Only what was said after the last of these moves counts. */ after?: MoveName[] }[]
  freezes: FieldName[]
}

export interface When {
  field: FieldName
  choice: string
  is: boolean
}

export interface Deadline {
  label: Label
  states: StateName[]
  when: When | null
  within: { hours: number } | { days: number } | { working_days: number }
  /** Whether nothing may happen before it has passed, rather than after. */
  earliest: boolean
  escalate: Role[]
}

/** Fields that every kind has without naming them, and what their entries hold. */
export const BUILT_IN = {
  notes: ['text'],
  attachments: ['name', 'type'],
  pauses: ['until', 'reason'],
  voids: ['target', 'reason'],
} as const

// ── Records ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A row of a list. */
export interface ListedRecord {
  id: RecordId
  feed: FeedId
  kind: KindName
  state: StateName
  title: string
  /** By its maker's clock. */
  created: UnixMs
  /** When something was last written or received; the order of a list. */
  updated: UnixMs
  voided: boolean
  /** In how many fields people disagree. */
  conflicts: number
  /** How many moves were superseded. */
  superseded: number
  /** Changes that the server has not answered. */
  unsent: number
  /** Changes that the server holds until others come. */
  held: number
  /** Refused work. */
  drafts: number
  /** Changes that arrived and could not be applied. */
  waiting: number
  revision: number
}

/** A record as people read it. */
export interface RecordView {
  id: RecordId
  created: Created
  title: string
  state: StateName
  moves: MoveView[]
  fields: Record<FieldName, FieldView>
  conflicts: FieldConflict[]
  /** Why it was struck out as a whole, if it was. */
  voided?: Said<string>
  heads: ChangeHash[]
}

export interface Created {
  kind: KindName
  schema: number
  person: PersonId
  party: Party
  device: DeviceId
  device_time: UnixMs
}

/** Something said, and where it came from. Whose words a change holds, `Device.writers` tells. */
export type Said<T> = Source & { value: T }

export interface Source {
  change: ChangeHash
  actor: ActorId
  party: Party
  /** By the writer's own clock. */
  device_time: UnixMs
}

export type MoveView = Source & {
  id: EntryId
  name: MoveName
  /** The state its turn found. */
  found: StateName
  standing: 'stands' | 'superseded' | 'unknown'
  reason?: string
}

/** The last value is the one shown first; more than one when people wrote apart. */
export type FieldView = { values: Said<Value>[] } | { text: Said<string>[] } | { entries: EntryView[] }

export interface EntryView {
  key: string
  values: Said<EntryParts>[]
  voided?: Said<string>
}

export interface FieldConflict {
  field: FieldName
  key?: string
  /** What each of them wrote, in words. */
  values: Said<string>[]
}

/** Whose words a change holds. */
export interface Writer {
  person: PersonId
  name: string | null
  /** The role that allowed it. */
  role: Role | null
}

/** One thing said or done in a record. */
export type Act =
  | ({ act: 'create' } & Created)
  | { act: 'set'; field: FieldName; value: Value }
  | { act: 'write'; field: FieldName; text: string }
  | { act: 'put'; field: FieldName; key: string; entry: EntryParts }
  | { act: 'move'; id: EntryId; name: MoveName; follows: EntryId[]; reason?: string }

/** One change of a record, for people. */
export interface HistoryEntry {
  change: ChangeHash
  /** Its place in the feed, once accepted. */
  seq: number | null
  acts: Act[]
  /** The same in words. */
  words: Label[]
  writer: Writer | null
  party: Party
  device: DeviceId | null
  /** By the writer's own clock. */
  device_time: UnixMs
  /** By the server's clock, as far as the writer's can be corrected. */
  corrected: UnixMs | null
  /** By the server's clock. */
  received: UnixMs | null
  /** How long it was on its way: the time its writer was offline. */
  offline: SpanMs | null
  marks: Mark[]
  sync: SyncState
}

export type Mark =
  | { mark: 'superseded' }
  | { mark: 'unknown_move' }
  | { mark: 'conflict'; field: FieldName }
  | { mark: 'voided' }

/** How far a record's changes from this device have come. */
export type SyncState =
  /** On this device only. */
  | { sync: 'local' }
  /** On its way; the server has not answered yet. */
  | { sync: 'sent' }
  /** Everything is on the server's disk. */
  | { sync: 'durable' }
  /** Something was refused and is kept as a draft. */
  | ({ sync: 'refused' } & Refusal)
  /** The server keeps something until these have come. */
  | { sync: 'held'; missing: ChangeHash[] }

/** Why something may not stand: a code for programs, a sentence for the person who wrote it. */
export interface Refusal {
  code: string
  zh: string
  en: string
}

export interface Conflict {
  record: ListedRecord
  fields: FieldConflict[]
}

/** One clock of a record that is running. */
export interface Due {
  /** The rule in words. */
  rule: Label
  since: UnixMs
  due: UnixMs
  earliest: boolean
  /** How long it has been over; `null` while there is time. */
  overdue: SpanMs | null
  escalated: Role[]
}

export interface Overdue {
  record: ListedRecord
  clocks: Due[]
  /** Whose ordinary move it waits for. */
  waits_for: Role[]
}

/** Refused work, kept until its writer says it again or lets it go. */
export interface Draft {
  id: number
  change: ChangeHash
  record: RecordId
  feed: FeedId
  kind: KindName
  party: Party
  acts: Act[]
  /** The same in words. */
  words: Label[]
  refusal: Refusal
  /** Who could say all of it, where it was refused for who said it. */
  who_could: Label | null
  /** By the device's clock. */
  written: UnixMs
  /** By the device's clock. */
  refused: UnixMs
}

/** What someone was typing when they were last here. */
export interface Unfinished {
  /** Given by whoever shows the form: which form this is. */
  form: string
  /** What was typed; only its form knows what it means. */
  typed: unknown
  /** By the device's clock. */
  at: UnixMs
}

/** The count of a motion. */
export interface Tally {
  heads: Count
  area_cm2: Count
  /** What follows, however what was set aside is resolved and whoever still votes; open if that can turn it. */
  outcome: Outcome
  /** What would follow if nothing more were counted. */
  as_counted: Outcome
  /** Whether nothing can turn it any more. */
  certain: boolean
  /** Units whose ballots contradict each other or are disputed: not counted. */
  set_aside: string[]
  /** Units on which it hangs; empty once it is certain. */
  hangs_on: string[]
}

export type Outcome = 'passed' | 'failed' | 'open'

export interface Count {
  all: number
  taking_part: number
  agreeing: number
  quorum: number
  needed: number
}

/** What the person may do in a record now, for one of the parties that they may speak for. By the shared rules. */
export interface Offers {
  party: Party
  role: Role
  /** Every field of the kind and the built-in ones: `null` if it may be written, else why not. */
  fields: Record<FieldName, Refusal | null>
  /** Every move of the kind: `null` if it may be made, else why not. */
  moves: Record<MoveName, Refusal | null>
  /** Striking out the record as a whole. */
  void: Refusal | null
}

// ── The device ──────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Me {
  device: DeviceId
  person: PersonId
  name: string
  /** The address of the server. */
  server: string
}

/** Whose device it was before the key that it signed with was lost. */
export interface Before {
  person: PersonId
  name: string
}

export interface Community {
  id: CommunityId
  name: string
  /** Who is who, and from when until when, by the server's clock. Empty until the first connection. */
  members: Member[]
  /** What of the community is followed and may be read. */
  audiences: Audience[]
  /** What this person is there now. */
  mine: { role: Role; party: Party }[]
}

export interface Member {
  person: PersonId
  name: string
  role: Role
  party: Party
  from: UnixMs
  until: UnixMs | null
}

/** How the device is doing. */
export interface Bytes {
  up: number
  down: number
}

export interface Usage {
  greeting: Bytes
  own_work: Bytes
  others_work: Bytes
  snapshots: Bytes
  signs_of_life: Bytes
  overhead: Bytes
}

export interface Status {
  /** Whether it wants to be connected. */
  on: boolean
  connected: boolean
  /** Whether everything that was there when the server answered has come. */
  caught_up: boolean
  /** Changes that the server has not answered. */
  unsent: number
  /** Changes that the server keeps until others have come. */
  held: number
  /** When the oldest of the unsent was written, by the device's clock. */
  unsent_since: UnixMs | null
  /** Refused work. */
  drafts: number
  /** When the server was last heard, by the device's clock. */
  last_contact: UnixMs | null
  /** The server's clock minus the device's. */
  clock_offset: SpanMs
  /** Bytes of frames since the store was opened. */
  bytes_up: number
  bytes_down: number
  /** The same by what they were for. */
  usage: Usage
  /** Whether the device saves data. */
  saves_data: boolean
  /** Feeds of which records that are done were left on the server, to save data. */
  left_out: number
  /** Why the server last hung up, until it answers again. */
  last_bye: Refusal | null
  /** When it connects or asks next, by the device's clock. */
  next_attempt: UnixMs | null
}

/** What enrolment brought. */
export interface Enrolment {
  person: PersonId
  name: string
  communities: { id: CommunityId; name: string }[]
}

/** Which records a list has. Everything left out is not asked for. */
export interface Filter {
  community?: CommunityId
  kind?: KindName
  state?: StateName
  /** Only with these words in a field, an entry or a note. */
  text?: string
  /** Only those that come after this one in the list: `[updated, id]` of the last row. */
  after?: [UnixMs, RecordId]
  /** At most so many; 0 for no bound. */
  limit?: number
}

export interface OverdueFilter {
  community?: CommunityId
  /** Only those that concern this role … */
  role?: Role
  /** … or a role of this party. */
  party?: Party
}
