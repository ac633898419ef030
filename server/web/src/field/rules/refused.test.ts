import { expect, test } from 'vitest'

import type { Act, Draft, Kind } from '../../device/face'
import { madeRecord, saidBefore } from './refused'

const KIND = {
  fields: {
    item: { shape: 'register', type: 'choice', choices: {} },
    units: { shape: 'register', type: 'whole', min: 1, max: 9 },
    agreed: { shape: 'register', type: 'yes_no' },
    text: { shape: 'prose', max: 100 },
    findings: { shape: 'log', parts: {} },
  },
} as unknown as Kind
const draft = (...acts: unknown[]) => ({ acts: acts as Act[] }) as Draft

test('what was refused stands in its form again', () => {
  const refused = draft(
    { act: 'create', kind: 'rectification' },
    { act: 'set', field: 'item', value: 'safety' },
    { act: 'set', field: 'units', value: 3 },
    { act: 'set', field: 'agreed', value: false },
    { act: 'write', field: 'text', text: '同意' },
    { act: 'put', field: 'findings', key: 'k', entry: { text: '裂缝' } },
    { act: 'set', field: 'no_more', value: 'x' },
  )
  expect(saidBefore(KIND, refused)).toEqual({ item: 'safety', units: '3', agreed: false, text: '同意' })
  expect(madeRecord(refused)).toBe(true)
  expect(madeRecord(draft({ act: 'move', name: 'verify' }))).toBe(false)
  expect(saidBefore(KIND, undefined)).toEqual({})
})
