// Moments, spans, sizes and numbers as people read them, in the language that is set.
import { locale } from './language'
import { settings } from './settings.svelte'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const formats = new Map<string, Intl.DateTimeFormat>()

function format(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale() + JSON.stringify(options)
  let found = formats.get(key)
  if (!found) formats.set(key, (found = new Intl.DateTimeFormat(locale(), options)))
  return found
}

/** `11月25日 14:05`; with the year where it is not this one. */
export function moment(at: number, now = Date.now()): string {
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear()
  const day: Intl.DateTimeFormatOptions = { month: settings.language === 'zh' ? 'long' : 'short', day: 'numeric' }
  return format({ ...day, ...(sameYear ? {} : { year: 'numeric' }), hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(at)
}

/** `14:05` today, `11月25日` this year, else with the year: for lists. */
export function shortMoment(at: number, now = Date.now()): string {
  const [then, today] = [new Date(at), new Date(now)]
  if (then.toDateString() === today.toDateString()) return format({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(at)
  const sameYear = then.getFullYear() === today.getFullYear()
  return format({ month: 'short', day: 'numeric', ...(sameYear ? {} : { year: 'numeric' }) }).format(at)
}

/** A calendar day that is written `2026-11-22`. */
export function day(text: string): string {
  const at = new Date(`${text}T00:00:00`)
  if (Number.isNaN(at.getTime())) return text
  return format({ year: 'numeric', month: settings.language === 'zh' ? 'long' : 'short', day: 'numeric' }).format(at)
}

/** A day of the person's own calendar, as the schema writes it: `2026-11-22`. */
export function dayText(at: number): string {
  const then = new Date(at)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${then.getFullYear()}-${two(then.getMonth() + 1)}-${two(then.getDate())}`
}

/** A span in its largest unit: `3 小时`, `2 days`. */
export function span(ms: number): string {
  const [count, zh, en] = largest(Math.abs(ms))
  return settings.language === 'zh' ? `${count} ${zh}` : `${count} ${en}${count === 1 ? '' : 's'}`
}

function largest(ms: number): [number, string, string] {
  if (ms >= 2 * DAY) return [Math.floor(ms / DAY), '天', 'day']
  if (ms >= HOUR) return [Math.floor(ms / HOUR), '小时', 'hour']
  if (ms >= MINUTE) return [Math.floor(ms / MINUTE), '分钟', 'minute']
  return [Math.floor(ms / SECOND), '秒', 'second']
}

/** `12 kB`, `3.4 MB`; one thousand to a unit, as mobile networks count. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`
  if (count < 1e6) return `${(count / 1e3).toFixed(count < 1e4 ? 1 : 0)} kB`
  return `${(count / 1e6).toFixed(count < 1e7 ? 1 : 0)} MB`
}

export function number(count: number): string {
  return new Intl.NumberFormat(locale()).format(count)
}
