// Names of the schema, of people and of moments, as this person reads them. What the schema does not have any more keeps
// its own name.
import type { Entry, EntryParts, FieldName, Kind, KindName, Party, Role, Scalar, StateName, Value, Writer } from '../../device/face'
import { day, number } from '../../shared/format'
import { said } from '../../shared/language'
import { words as common } from '../../shared/words'
import { session } from '../state/session.svelte'
import { words } from '../words'

export const kindOf = (kind: KindName): Kind | undefined => session.schema.kinds[kind]

export const kindName = (kind: KindName): string => nameOr(kindOf(kind)?.label, kind)

export const stateName = (kind: KindName, state: StateName): string => nameOr(kindOf(kind)?.states[state]?.label, state)

export const partyName = (party: Party): string => nameOr(session.schema.parties[party], party)

export const roleName = (role: Role): string => nameOr(session.schema.roles[role]?.label, role)

export const fieldName = (kind: KindName, field: FieldName): string =>
  field === 'notes' ? words().notes : nameOr(kindOf(kind)?.fields[field]?.label, field)

function nameOr(label: { zh: string; en: string } | undefined, otherwise: string): string {
  return label ? said(label) : otherwise
}

export function writerName(writer: Writer | undefined | null): string {
  if (!writer) return words().unknownPerson
  if (writer.person === session.me?.person) return words().you
  return writer.name ?? words().unknownPerson
}

/** Names one after the other. */
export const names = (of: readonly string[]): string => of.join(words().comma)

/** A value in words. Records and people are named by `title` where it is known. */
export function valueText(scalar: Scalar, value: Value | undefined, community: string, title?: (record: string) => string | undefined): string {
  if (value === null || value === undefined || value === '') return common().unknown
  if (typeof value === 'boolean') return value ? common().yes : common().no
  if (typeof value === 'number') return number(value)
  switch (scalar.type) {
    case 'choice':
      return nameOr(scalar.choices[value], value)
    case 'day':
      return day(value)
    case 'party':
      return partyName(value)
    case 'person':
      return session.nameOf(community, value) ?? words().unknownPerson
    case 'record':
      return title?.(value) ?? value.slice(-8)
    default:
      return value
  }
}

/** An entry in words, its parts one after the other. */
export function entryText(field: Entry, entry: EntryParts, community: string): string {
  const texts = Object.entries(entry).map(([name, part]) => (field.parts[name] ? valueText(field.parts[name], part, community) : String(part)))
  return texts.join(' · ')
}
