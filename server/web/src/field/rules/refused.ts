// Refused work as it is put before its writer again.
import type { Draft, Kind } from '../../device/face'
import { hasEntries } from './kinds'
import { toTyped, type Typed } from './values'

/** Whether the draft made a record: then it is written again in the form for new ones. */
export const madeRecord = (draft: Draft): boolean => draft.acts.some((act) => act.act === 'create')

/** What a draft said, as it stands in the form for a new record; nothing without a draft. */
export function saidBefore(kind: Kind, draft: Draft | undefined): Record<string, Typed> {
  const typed: Record<string, Typed> = {}
  for (const act of draft?.acts ?? []) {
    if (act.act === 'write') typed[act.field] = act.text
    if (act.act !== 'set') continue
    const field = kind.fields[act.field]
    if (field && !hasEntries(field) && field.shape === 'register') typed[act.field] = toTyped(field, act.value)
  }
  return typed
}
