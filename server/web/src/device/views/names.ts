// What things are called, and what a field may hold.

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
