// What a record once held, on its way from where it is read to where it can be written again: in the address of the record's
// page, so that it can be handed to whoever may write it.

/** A field, or an entry of one, and what stood there: `null` where nothing did. */
export interface Former {
  field: string
  key: string | null
  value: FormerValue
}

export type FormerValue = string | number | boolean | null | { [part: string]: string | number | boolean | null }

const NAME = 'again'

/** The query of a record's page that says what is to be written again. */
export function formerQuery(former: readonly Former[]): Record<string, string> {
  return { [NAME]: JSON.stringify(former.map(({ field, key, value }) => [field, key, value])) }
}

/** What such a query says. Whatever it does not say in this form is left out: anybody can write an address. */
export function readFormer(query: URLSearchParams): Former[] {
  let said: unknown
  try {
    said = JSON.parse(query.get(NAME) ?? '[]')
  } catch {
    return []
  }
  return Array.isArray(said) ? said.flatMap(one) : []
}

function one(said: unknown): Former[] {
  if (!Array.isArray(said) || said.length !== 3) return []
  const [field, key, value] = said as unknown[]
  const named = typeof field === 'string' && (key === null || typeof key === 'string')
  return named && isValue(value) ? [{ field, key, value }] : []
}

const isScalar = (value: unknown): boolean => value === null || ['string', 'number', 'boolean'].includes(typeof value)

function isValue(value: unknown): value is FormerValue {
  return isScalar(value) || (typeof value === 'object' && !Array.isArray(value) && Object.values(value as object).every(isScalar))
}
