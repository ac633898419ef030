// Moments as the history shows them: short in a line, to the second where one looks closely.
import { locale } from '../../shared/language'

const formats = new Map<string, Intl.DateTimeFormat>()

function written(name: string, options: Intl.DateTimeFormatOptions, at: number): string {
  const key = `${name} ${locale()}`
  let found = formats.get(key)
  if (!found) formats.set(key, (found = new Intl.DateTimeFormat(locale(), options)))
  return found.format(at)
}

/** `11-25 14:05`: every line the same width. */
export function clock(at: number): string {
  return written('line', { month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }, at)
}

/** To the second, with the year. */
export function fullMoment(at: number): string {
  return written('full', { dateStyle: 'medium', timeStyle: 'medium' }, at)
}

/** What a `datetime-local` field holds, as a moment; `null` where it is empty. */
export function typed(text: string): number | null {
  const at = new Date(text).getTime()
  return Number.isNaN(at) ? null : at
}
