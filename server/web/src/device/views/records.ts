// Records, what is said in them, and what became of it.
import type {
  ActorId,
  ChangeHash,
  DeviceId,
  EntryId,
  EntryParts,
  FeedId,
  FieldName,
  KindName,
  Label,
  MoveName,
  Party,
  PersonId,
  RecordId,
  Role,
  SpanMs,
  StateName,
  UnixMs,
  Value,
} from './names'

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
