// What a kind of record asks of a form and of a page, read from the schema. Whether something *may* be said is the device's
// to answer (`offers`); here is only how to lay it out.
import type { Entry, EntryView, Field, Kind, MoveName, Offers, Party, RecordView, Refusal, Role, Schema } from '../../device/face'

export type EntryField = Field & Entry & { shape: 'log' | 'set' | 'per_party' }
export type ValueField = Exclude<Field, { shape: 'log' | 'set' | 'per_party' }>

export const hasEntries = (field: Field): field is EntryField => 'parts' in field

/** What a record holds in a field of entries; nothing where nobody wrote there. */
export function entriesOf(view: RecordView, field: string): EntryView[] {
  const held = view.fields[field]
  return held && 'entries' in held ? held.entries : []
}

/** The fields of a form that makes a record: what these roles may write from the start, the needed ones first. */
export function formFields(kind: Kind, roles: readonly Role[]): [string, Field][] {
  const mine = Object.entries(kind.fields).filter(([, field]) => {
    const nowWritable = field.writable_in.length === 0 || field.writable_in.includes(kind.initial)
    // An entry that is only ever added may be its first; what has keys or speaks for a party comes later, in the record.
    const inForm = !hasEntries(field) || field.shape === 'log'
    return nowWritable && inForm && field.write.some((role) => roles.includes(role))
  })
  return [...mine.filter(([, field]) => field.needed), ...mine.filter(([, field]) => !field.needed)]
}

export interface OfferedMove {
  name: MoveName
  /** For whom it may be made; empty: it may not, and `refusal` says why. */
  parties: Party[]
  refusal: Refusal | null
}

/** The moves that lead on from a state: those that this person may make, then the others with the reason. */
export function movesFrom(kind: Kind, state: string, offers: readonly Offers[]): { open: OfferedMove[]; shut: OfferedMove[] } {
  const leadOn = Object.entries(kind.moves).filter(([, move]) => move.from.includes(state))
  const offered = leadOn.map(([name]): OfferedMove => {
    const parties = offers.filter((offer) => offer.moves[name] === null).map((offer) => offer.party)
    // Of several reasons, the nearest: it is this person's to make, and something is missing.
    const reasons = offers.flatMap((offer) => offer.moves[name] ?? [])
    const refusal = reasons.find((reason) => reason.code !== 'may_not_move') ?? reasons[0] ?? null
    return { name, parties: [...new Set(parties)], refusal: parties.length > 0 ? null : refusal }
  })
  return { open: offered.filter((move) => move.parties.length > 0), shut: offered.filter((move) => move.parties.length === 0) }
}

/** Whether the field may be written now, for whichever party. */
export function mayWrite(offers: readonly Offers[], field: string): boolean {
  return offers.some((offer) => offer.fields[field] === null)
}

/** The parties for which a field may be written now. */
export function partiesFor(offers: readonly Offers[], field: string): Party[] {
  return [...new Set(offers.filter((offer) => offer.fields[field] === null).map((offer) => offer.party))]
}

/** The parties that a per-party field is for, in the order of the schema: the columns of a matter. */
export function partiesOf(schema: Schema, field: Field): Party[] {
  const parties = new Set(field.write.map((role) => schema.roles[role]?.party))
  return Object.keys(schema.parties).filter((party) => parties.has(party))
}

/** What a move still waits for of each party: the sign-offs that are to be there before it. */
export function awaitedSignOffs(kind: Kind): { move: MoveName; field: string; parties: Party[] }[] {
  return Object.entries(kind.moves).flatMap(([move, rule]) =>
    rule.needs.filter((need) => need.parties.length > 0).map((need) => ({ move, field: need.field, parties: need.parties })),
  )
}

/** Whether nothing more is waited for in this state. */
export const isDone = (kind: Kind | undefined, state: string): boolean => kind?.states[state]?.done ?? false

/** How warm a state is to be shown. */
export function toneOf(kind: Kind | undefined, state: string): 'calm' | 'lead' | 'warn' | 'plain' {
  if (!kind) return 'plain'
  if (isDone(kind, state)) return 'calm'
  if (state === kind.initial) return 'lead'
  const into = Object.values(kind.moves).filter((move) => move.to === state)
  const sentBack = into.length > 0 && into.every((move) => move.weight === 'reject' || move.weight === 'stop_work')
  return sentBack ? 'warn' : 'lead'
}

/** Whose ordinary move a state waits for. Stopping, sending back and escalating are not what a record waits for. */
export function waitsFor(kind: Kind, state: string): Role[] {
  const next = Object.values(kind.moves).filter((move) => move.from.includes(state) && (move.weight === 'progress' || move.weight === 'close'))
  return [...new Set(next.flatMap((move) => move.by))]
}
