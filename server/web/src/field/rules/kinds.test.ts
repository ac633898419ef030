import { expect, test } from 'vitest'

import type { Field, Kind, Offers, Refusal } from '../../device/face'
import { awaitedSignOffs, formFields, mayWrite, movesFrom, partiesFor, toneOf, waitsFor } from './kinds'

const label = { zh: '', en: '' }
const rules = { label, help: null, needed: false, once: false, writable_in: [] as string[], conflict: 'settle' as const }
const text = (write: string[], more: Partial<Field> = {}): Field =>
  ({ ...rules, shape: 'register', type: 'text', max: 40, write, ...more }) as Field
const move = (from: string, to: string, by: string[], weight: Kind['moves'][string]['weight'] = 'progress') => ({
  label,
  from: [from],
  to,
  by,
  weight,
  reason: false,
  needs: [],
  freezes: [],
})

const KIND: Kind = {
  name: 'rectification',
  label,
  help: null,
  audience: 'open',
  create: ['captain'],
  title: 'location',
  initial: 'raised',
  fields: {
    remark: text(['captain']),
    location: text(['captain'], { needed: true }),
    due: text(['supervisor']),
    verdict: text(['captain'], { writable_in: ['fixing'] }),
    findings: { ...rules, shape: 'log', parts: {}, write: ['captain'] },
    opinions: { ...rules, shape: 'per_party', parts: {}, write: ['captain'] },
  },
  states: {
    raised: { label, done: false },
    fixing: { label, done: false },
    rejected: { label, done: false },
    verified: { label, done: true },
  },
  moves: {
    fix: move('raised', 'fixing', ['contractor']),
    verify: {
      ...move('fixing', 'verified', ['supervisor'], 'close'),
      needs: [{ field: 'opinions', parties: ['builders'], when: null }],
    },
    reject: move('fixing', 'rejected', ['supervisor'], 'reject'),
  },
  deadlines: [],
  not_by: null,
}

test('a form asks for what may be written from the start, the needed first', () => {
  expect(formFields(KIND, ['captain']).map(([name]) => name)).toEqual(['location', 'remark', 'findings'])
  expect(formFields(KIND, ['supervisor']).map(([name]) => name)).toEqual(['due'])
  expect(formFields(KIND, [])).toEqual([])
})

const refusal = (code: string): Refusal => ({ code, zh: code, en: code })
const offers = (party: string, moves: Record<string, Refusal | null>, fields: Record<string, Refusal | null> = {}): Offers => ({
  party,
  role: 'x',
  fields,
  moves,
  void: null,
})

test('a move is open for the parties that may make it, and shut with the nearest reason', () => {
  const offered = [
    offers('volunteers', { verify: refusal('may_not_move'), reject: refusal('may_not_move'), fix: null }),
    offers('builders', { verify: refusal('sign_offs_missing'), reject: null, fix: null }),
  ]
  const { open, shut } = movesFrom(KIND, 'fixing', offered)
  expect(open).toEqual([{ name: 'reject', parties: ['builders'], refusal: null }])
  expect(shut.map((move) => [move.name, move.refusal?.code])).toEqual([['verify', 'sign_offs_missing']])
  expect(movesFrom(KIND, 'verified', offered)).toEqual({ open: [], shut: [] })
})

test('a field may be written for whoever is offered it', () => {
  const offered = [offers('volunteers', {}, { location: refusal('may_not_write') }), offers('builders', {}, { location: null })]
  expect(mayWrite(offered, 'location')).toBe(true)
  expect(partiesFor(offered, 'location')).toEqual(['builders'])
  expect(mayWrite(offered, 'due')).toBe(false)
})

test('a state waits for the ordinary moves on from it', () => {
  expect(waitsFor(KIND, 'fixing')).toEqual(['supervisor'])
  expect(waitsFor(KIND, 'raised')).toEqual(['contractor'])
  expect(waitsFor(KIND, 'rejected')).toEqual([])
  expect(awaitedSignOffs(KIND)).toEqual([{ move: 'verify', field: 'opinions', parties: ['builders'] }])
})

test('what was sent back looks like it', () => {
  expect(['raised', 'fixing', 'rejected', 'verified', 'unheard_of'].map((state) => toneOf(KIND, state))).toEqual([
    'lead',
    'lead',
    'warn',
    'calm',
    'lead',
  ])
})
