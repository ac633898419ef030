// Which form something unfinished belongs to, and where it is. The names are given where the forms are made.
import type { Unfinished } from '../../device/face'
import { to } from '../../shared/router.svelte'
import { kindName } from '../parts/names'
import { words } from '../words'

export const formNames = {
  /** `draft`: the refused work that is written again in it. */
  newRecord: (community: string, kind: string, draft?: number) => ['new', community, kind, ...(draft === undefined ? [] : [draft])].join('/'),
  /** Anything that is said in a record: an entry of a field, a note, a move's reason. */
  inRecord: (record: string, ...what: string[]) => `record/${record}/${what.join('/')}`,
}

export interface FormPlace {
  form: string
  name: string
  address: string
  at: number
}

/** Where the person goes on writing; `null` for a form that this page does not know. */
export function formPlace({ form, at }: Unfinished): FormPlace | null {
  const [what, first, second, third] = form.split('/')
  if (!first || !second) return null
  if (what === 'new') return { form, at, name: words().newOf(kindName(second)), address: to(['new', second], { community: first, draft: third }) }
  if (what === 'record') return { form, at, name: words().goOn, address: to(['record', first]) }
  return null
}
