// A figure's amount as people read it, and as a chart draws it.
import type { Figure } from '../../api/types'
import { number, span } from '../../shared/format'
import { settings } from '../../shared/settings.svelte'
import { words } from '../words'

type Amount = Figure['value']

const UNITS: Record<Figure['unit'], [string, string]> = {
  communities: ['个小区', ''],
  households: ['户', 'households'],
  buildings: ['幢', 'buildings'],
  square_metres: ['㎡', 'm²'],
  records: ['件', ''],
  places: ['处', ''],
  yuan: ['元', 'yuan'],
  points: ['分', 'points'],
  milliseconds: ['', ''],
}

/** With its unit; unknown stays unknown. */
export function amount(figure: Figure): string {
  const { value, unit } = figure
  if (value === null || value === undefined) return words().unknown
  if (typeof value === 'number') return unit === 'milliseconds' ? span(value) : withUnit(number(value), unit)
  if ('percent' in value) return `${value.percent} %`
  return withUnit(value.mean, unit)
}

function withUnit(text: string, unit: Figure['unit']): string {
  const [zh, en] = UNITS[unit]
  return settings.language === 'zh' ? `${text} ${zh}`.trim() : `${text} ${en}`.trim()
}

/** `220 / 225`, of what is a share or a mean. */
export function share(value: Amount): string {
  if (value === null || value === undefined || typeof value === 'number') return ''
  return `${number(value.numerator)} / ${number(value.denominator)}`
}

/** One number, to draw a bar as long. */
export function plain(value: Amount): number {
  if (value === null || value === undefined) return 0
  if (typeof value === 'number') return value
  return 'percent' in value ? Number(value.percent) : Number(value.mean)
}
