import { expect, test } from 'vitest'

import type { Status } from '../../device/face'
import { standing } from './standing'

const NONE = { up: 0, down: 0 }
const SETTLED: Status = {
  on: true,
  connected: true,
  caught_up: true,
  unsent: 0,
  held: 0,
  unsent_since: null,
  drafts: 0,
  last_contact: 0,
  clock_offset: 0,
  bytes_up: 0,
  bytes_down: 0,
  usage: { greeting: NONE, own_work: NONE, others_work: NONE, snapshots: NONE, signs_of_life: NONE, overhead: NONE },
  saves_data: false,
  left_out: 0,
  last_bye: null,
  next_attempt: null,
}

test('all is safe only when nothing at all is missing', () => {
  expect(standing(SETTLED)).toEqual({ is: 'all_safe' })
  for (const but of [
    { connected: false },
    { caught_up: false },
    { unsent: 1 },
    { held: 1 },
    { drafts: 1 },
    { on: false, connected: false },
  ]) {
    expect(standing({ ...SETTLED, ...but }).is, JSON.stringify(but)).not.toBe('all_safe')
  }
})

test('a page that was only just opened does not say yet that there is no signal', () => {
  const unreached = { ...SETTLED, connected: false }
  expect([standing(unreached, true).is, standing(unreached).is]).toEqual(['connecting', 'offline'])
  expect(standing({ ...unreached, on: false }, true).is).toBe('off')
})

test.each<[Partial<Status>, string]>([
  [{ connected: false, unsent: 2 }, 'offline'],
  [{ connected: false, on: false }, 'off'],
  [{ connected: false, last_bye: { code: 'revoked', zh: '', en: '' } }, 'turned_away'],
  [{ caught_up: false, unsent: 3 }, 'sending'],
  [{ caught_up: false, drafts: 1 }, 'receiving'],
  [{ drafts: 1, held: 1 }, 'refused'],
  [{ held: 1 }, 'held'],
])('%o is said to be %s', (but, is) => {
  expect(standing({ ...SETTLED, ...but }).is).toBe(is)
})
