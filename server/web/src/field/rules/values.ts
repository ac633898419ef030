// What people type and what a record holds. The rules judge; here only what cannot be a value at all is noticed, so that a
// form says so beside the control.
import type { EntryParts, Scalar, Value } from '../../device/face'

/** What stands in a control: text, or a choice between yes and no. */
export type Typed = string | boolean | null

/** Why something typed is no value; words for it are the form's to choose. */
export type Fault =
  | { fault: 'needed' }
  | { fault: 'too_long'; max: number }
  | { fault: 'no_number' }
  | { fault: 'out_of_bounds'; min: number; max: number }

export const isFault = (read: Value | Fault): read is Fault => read !== null && typeof read === 'object'

/** The value that was typed, or why it is none. */
export function readTyped(scalar: Scalar, needed: boolean, typed: Typed | undefined): Value | Fault {
  if (typeof typed === 'boolean') return typed
  const text = (typed ?? '').trim()
  if (text === '') return needed ? { fault: 'needed' } : null
  switch (scalar.type) {
    case 'text':
      return length(text) > scalar.max ? { fault: 'too_long', max: scalar.max } : text
    case 'whole':
      return readWhole(scalar, text)
    default:
      return text
  }
}

/** Grouping is how people write long numbers, and full-width digits are how some phones do. */
function readWhole({ min, max }: { min: number; max: number }, text: string): Value | Fault {
  const digits = text.normalize('NFKC').replace(/[\s,_]/g, '')
  if (!/^[+-]?\d+$/.test(digits)) return { fault: 'no_number' }
  const whole = Number(digits)
  return whole < min || whole > max ? { fault: 'out_of_bounds', min, max } : whole
}

/** Characters as the rules count them. */
export const length = (text: string): number => [...text].length

/** A value as it stands in its control. */
export function toTyped(scalar: Scalar, value: Value | undefined): Typed {
  if (scalar.type === 'yes_no') return typeof value === 'boolean' ? value : null
  return value === null || value === undefined ? '' : String(value)
}

/** What was typed for the parts of an entry: the entry, or the faults by part. */
export function readEntry(
  parts: Record<string, Scalar & { needed: boolean }>,
  typed: Record<string, Typed>,
): { entry: EntryParts } | { faults: Record<string, Fault> } {
  const entry: EntryParts = {}
  const faults: Record<string, Fault> = {}
  for (const [name, part] of Object.entries(parts)) {
    const read = readTyped(part, part.needed, typed[name])
    if (isFault(read)) faults[name] = read
    else if (read !== null) entry[name] = read
  }
  return Object.keys(faults).length > 0 ? { faults } : { entry }
}

/** Whether nothing was typed at all. */
export function isBlank(typed: Record<string, Typed> | undefined): boolean {
  return Object.values(typed ?? {}).every((one) => one === null || (typeof one === 'string' && one.trim() === ''))
}
