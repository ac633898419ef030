// The device as the page sees it. Behind it is client-core, the same as on a phone, in a worker that one tab owns; the
// page asks and is told. Nothing here waits for the network but `enrol`; what was written is on disk when the promise is
// kept. Every method may fail with a `DeviceProblem`.

import type {
  Act,
  Before,
  Community,
  CommunityId,
  Conflict,
  Draft,
  Due,
  Enrolment,
  EntryId,
  EntryParts,
  FieldName,
  Filter,
  HistoryEntry,
  KindName,
  ListedRecord,
  Me,
  MoveName,
  Offers,
  Overdue,
  OverdueFilter,
  Party,
  ChangeHash,
  RecordId,
  RecordView,
  Refusal,
  Schema,
  Status,
  SyncState,
  Tally,
  Unfinished,
  UnixMs,
  Value,
  Writer,
} from './views'

export * from './views'

/** Why the device could not do something, in words for people. */
export class DeviceProblem extends Error {
  override readonly name = 'DeviceProblem'

  /** What went wrong. `refused`: the rules do not allow it, and `refusal` says why. */
  readonly code: ProblemCode
  readonly zh: string
  readonly en: string
  readonly refusal: Refusal | null

  constructor(code: ProblemCode, zh: string, en: string, refusal: Refusal | null = null) {
    super(`${code}: ${en}`)
    this.code = code
    this.zh = zh
    this.en = en
    this.refusal = refusal
  }
}

export type ProblemCode =
  /** The rules do not allow it; another act may pass. */
  | 'refused'
  /** It is so already. */
  | 'nothing'
  /** Too much for one change. */
  | 'too_much'
  | 'no_such_record'
  | 'no_such_draft'
  /** The members of the community are not known here yet: go online once. */
  | 'no_roster'
  | 'not_enrolled'
  /** What was typed is no value of its field. */
  | 'unclear'
  /** The link or code is no invitation, or leads to another server. */
  | 'bad_invitation'
  /** The server would not; `refusal` is its answer. */
  | 'server_refused'
  /** No answer from the server. Trying again can help. */
  | 'unreachable'
  /** No room on the device. Nothing is lost, and nothing was changed. */
  | 'storage_full'
  /** The store was written by a newer version of the page: reload. */
  | 'newer_store'
  /** This browser lacks something that the device needs, or forbids it (private windows often do). */
  | 'unsupported'
  /** The key that the device signed with is gone: it is to be enrolled again. */
  | 'another_key'
  /** Another program has the store open. */
  | 'in_use'
  /** The tab that held the store was closed in the middle: look whether it was done. */
  | 'interrupted'
  /** A fault of ours. */
  | 'broken'

/** What a listener hears: after whatever happened, a few times a second at most. */
export interface News {
  /** Grows whenever anything that people see changes. */
  revision: number
  status: Status
}

/** A part of an invitation: the link that a person was sent, or the code that they were told, for this very server. */
export type Invitation = { link: string } | { code: string }

export interface Device {
  // Whose it is
  /** `null` until enrolment. */
  me(): Promise<Me | null>
  /** Whose it was before its key was lost; what they wrote and nobody has is still here. `null` once it is enrolled. */
  before(): Promise<Before | null>
  /** Exchanges a one-time code for a place on the server, and goes online. */
  enrol(invitation: Invitation, deviceName: string): Promise<Enrolment>

  // What is known
  schema(): Promise<Schema>
  communities(): Promise<Community[]>
  status(): Promise<Status>
  /** Latest first. */
  list(filter?: Filter): Promise<ListedRecord[]>
  listed(record: RecordId): Promise<ListedRecord>
  read(record: RecordId): Promise<RecordView>
  /** Whose words the changes of a record hold, by the change. */
  writers(record: RecordId): Promise<Record<ChangeHash, Writer>>
  history(record: RecordId): Promise<HistoryEntry[]>
  syncState(record: RecordId): Promise<SyncState>
  due(record: RecordId): Promise<Due[]>
  /** The longest overdue first. */
  overdue(filter?: OverdueFilter, limit?: number): Promise<Overdue[]>
  /** Records that wait for an ordinary move of this person's, latest first. */
  waiting(limit?: number): Promise<ListedRecord[]>
  conflicts(): Promise<Conflict[]>
  /** `null` where it may not be counted here. */
  tally(motion: RecordId): Promise<Tally | null>
  /** What the person may do in a record now, for each party that they may speak for. Empty if they have no role there. */
  offers(record: RecordId): Promise<Offers[]>
  /** The kinds of which they may make a record in a community, and for which parties. */
  creatable(community: CommunityId): Promise<Record<KindName, Party[]>>
  /** What someone typed for a field, as a value: people by name, choices by label. */
  typed(community: CommunityId, kind: KindName, field: FieldName, part: FieldName | null, text: string): Promise<Value>
  /** At most `limit` records that changed after a revision, in order, each with its own. */
  changedSince(revision: number, limit: number): Promise<[RecordId, number][]>

  // What people do. `party`: for whom, where they may speak for several; else the first that the rules allow.
  create(community: CommunityId, kind: KindName, values: [FieldName, Value][], party?: Party): Promise<RecordId>
  /** Writes a register, or jointly drafted text. */
  set(record: RecordId, field: FieldName, value: Value): Promise<void>
  /** Adds or rewrites an entry. `key` is `null` where the device draws it, or it is the party's own. */
  put(record: RecordId, field: FieldName, key: string | null, entry: EntryParts, party?: Party): Promise<void>
  /** Any acts but a creation, as one change: all of them stand or none does. */
  edit(record: RecordId, acts: Act[], party?: Party): Promise<void>
  transition(record: RecordId, move: MoveName, reason?: string, party?: Party): Promise<EntryId>
  note(record: RecordId, text: string, party?: Party): Promise<EntryId>
  /** Stops the record's clocks until the end of a day, `2026-11-22`. */
  pause(record: RecordId, untilDay: string, reason: string, party?: Party): Promise<EntryId>
  /** Strikes out the record (`record`) or an entry (`field/key`). It stays readable. */
  strikeOut(record: RecordId, target: string, reason: string, party?: Party): Promise<EntryId>

  // Refused work
  drafts(): Promise<Draft[]>
  /** Says it again, now. Gone from the drafts if the rules allow it. */
  retry(draft: number): Promise<RecordId>
  discard(draft: number): Promise<void>

  // Forms that are being filled in; kept in the store, so that they outlive the tab
  unfinished(): Promise<Unfinished[]>
  keepUnfinished(form: string, typed: unknown): Promise<void>
  dropUnfinished(form: string): Promise<void>

  // The link
  /** Be connected from now on. */
  start(): Promise<void>
  /** Be offline from now on. */
  stop(): Promise<void>
  /** Someone looks at the screen, or the network changed: connect, or ask for a sign of life, now. */
  nudge(): Promise<void>
  /** Fetch the open records only of what is not here yet, or everything. */
  saveData(saves: boolean): Promise<void>

  /** Calls `listener` at once and after whatever happens. Returns what ends it. */
  subscribe(listener: (news: News) => void): () => void
  /** What time it is for the device, by its own clock; `status.clock_offset` added, by the server's. */
  now(): UnixMs
}
