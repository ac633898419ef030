import { expect, it } from 'vitest'

import type { Kind } from '../../api/types'
import { HEIGHT, lay, WIDTH } from './diagram'

const label = { zh: '', en: '' }
const state = { label, done: false }
const move = (from: string[], to: string) => ({ label, from, to, by: [], weight: 'progress', reason: false, needs: [], freezes: [] })

it('sets every state once, apart from the others, and draws every way of every move', () => {
  const kind = {
    initial: 'raised',
    states: { raised: state, issued: state, stopped: state, done: state },
    moves: { issue: move(['raised'], 'issued'), stop: move(['raised', 'issued'], 'stopped'), resume: move(['stopped'], 'issued'), close: move(['issued'], 'done') },
  } as unknown as Kind
  const { boxes, lines } = lay(kind)
  expect(boxes.map((box) => box.state).sort()).toEqual(['done', 'issued', 'raised', 'stopped'])
  for (const [at, one] of boxes.entries())
    for (const other of boxes.slice(at + 1)) expect(Math.abs(one.x - other.x) >= WIDTH || Math.abs(one.y - other.y) >= HEIGHT).toBe(true)
  expect(lines.map((line) => `${line.from}>${line.to}`).sort()).toEqual(['issued>done', 'issued>stopped', 'raised>issued', 'raised>stopped', 'stopped>issued'])
  expect(boxes.find((box) => box.state === 'raised')!.x).toBe(0)
})
