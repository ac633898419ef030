// The rules: kinds of record, their fields and moves, as the schema has them.
import type { Audience, FieldName, KindName, Label, MoveName, Party, Role, StateName } from './names'

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
