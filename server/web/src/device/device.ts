// The device of this tab: asks its worker, and hands answers on as promises.

import { DeviceProblem, type Device, type Invitation, type News } from './face'
import { toError } from './problem'
import type { Answered, Asked, Deed, Question, ToTab, Wish } from './requests'
import { worker } from './start'
import type { Enrolment, Filter, Unfinished } from './views'

interface Waiting {
  kept(answer: unknown): void
  broken(problem: DeviceProblem): void
}

/** The device of this browser. What is asked before it is open is answered then; where it cannot be opened, every answer is why. */
export function openDevice(server: string = location.origin): Device {
  const waiting = new Map<number, Waiting>()
  const listeners = new Set<(news: News) => void>()
  let last: News | null = null
  let failed: DeviceProblem | null = null
  let count = 0

  const wish = <T>(wish: Wish): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      if (failed !== null) return reject(failed)
      count += 1
      waiting.set(count, { kept: (answer) => resolve(answer as T), broken: reject })
      worker.postMessage({ number: count, wish } satisfies Asked)
    })

  const fail = (problem: DeviceProblem) => {
    failed = problem
    for (const one of waiting.values()) one.broken(problem)
    waiting.clear()
  }

  worker.onmessage = ({ data }: MessageEvent<ToTab>) => {
    if ('news' in data) {
      last = data.news
      for (const listener of listeners) listener(data.news)
    } else if ('answered' in data) answer(waiting, data.answered)
    else fail(toError(data.failed))
  }
  worker.onerror = (event) => fail(new DeviceProblem('broken', '程序出错，请刷新页面', event.message))

  // Now is a better time than any to look for the network.
  const nudge = () => void wish({ wish: 'nudge' }).catch(() => {})
  addEventListener('online', nudge)
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') nudge()
  })

  return face(server, wish, {
    add(listener) {
      listeners.add(listener)
      if (last !== null) listener(last)
    },
    remove: (listener) => void listeners.delete(listener),
  })
}

function answer(waiting: Map<number, Waiting>, answered: Answered): void {
  const one = waiting.get(answered.number)
  waiting.delete(answered.number)
  if ('problem' in answered) one?.broken(toError(answered.problem))
  else one?.kept(JSON.parse(answered.answer))
}

interface Listeners {
  add(listener: (news: News) => void): void
  remove(listener: (news: News) => void): void
}

function face(server: string, wish: <T>(wish: Wish) => Promise<T>, listeners: Listeners): Device {
  // A question under way is not asked a second time: its answer is not older than what was heard until it comes.
  const underWay = new Map<string, Promise<unknown>>()
  const ask = <T>(question: Question): Promise<T> => {
    const words = JSON.stringify(question)
    const asked = underWay.get(words) ?? wish({ wish: 'question', question }).finally(() => underWay.delete(words))
    underWay.set(words, asked)
    return asked as Promise<T>
  }
  const do_ = <T>(deed: Deed) => wish<T>({ wish: 'deed', deed })
  const nothing = (deed: Deed) => do_<null>(deed).then(() => undefined)

  return {
    me: () => ask({ ask: 'me' }),
    before: () => ask({ ask: 'before' }),
    enrol: async (invitation, deviceName) => {
      const code = await codeOf(server, invitation, ask)
      const enrolment = await wish<Enrolment>({ wish: 'enrol', server, code, deviceName })
      // Asked for when there is something to keep; a browser that says no keeps it for as long as it has room.
      void navigator.storage.persist().catch(() => false)
      return enrolment
    },

    schema: () => ask({ ask: 'schema' }),
    communities: () => ask({ ask: 'communities' }),
    status: () => ask({ ask: 'status' }),
    list: (filter: Filter = {}) => ask({ ask: 'list', filter }),
    listed: (record) => ask({ ask: 'listed', record }),
    read: (record) => ask({ ask: 'read', record }),
    writers: (record) => ask({ ask: 'writers', record }),
    history: (record) => ask({ ask: 'history', record }),
    syncState: (record) => ask({ ask: 'sync_state', record }),
    due: (record) => ask({ ask: 'due', record }),
    overdue: ({ community = null, role = null, party = null } = {}, limit = 0) =>
      ask({ ask: 'overdue', community, role, party, limit }),
    waiting: (limit = 0) => ask({ ask: 'waiting', limit }),
    conflicts: () => ask({ ask: 'conflicts' }),
    tally: (motion) => ask({ ask: 'tally', motion }),
    offers: (record) => ask({ ask: 'offers', record }),
    creatable: (community) => ask({ ask: 'creatable', community }),
    typed: (community, kind, field, part, text) => ask({ ask: 'typed', community, kind, field, part, text }),
    changedSince: (revision, limit) => ask({ ask: 'changed_since', revision, limit }),

    create: (community, kind, values, party) => do_({ ask: 'create', community, kind, values, party: party ?? null }),
    set: (record, field, value) => nothing({ ask: 'set', record, field, value }),
    put: (record, field, key, entry, party) => nothing({ ask: 'put', record, field, key, entry, party: party ?? null }),
    edit: (record, acts, party) => nothing({ ask: 'edit', record, acts, party: party ?? null }),
    transition: (record, name, reason, party) =>
      do_({ ask: 'transition', record, name, reason: reason ?? null, party: party ?? null }),
    note: (record, text, party) => do_({ ask: 'note', record, text, party: party ?? null }),
    pause: (record, untilDay, reason, party) =>
      do_({ ask: 'pause', record, untilDay, reason, party: party ?? null }),
    strikeOut: (record, target, reason, party) =>
      do_({ ask: 'strike_out', record, target, reason, party: party ?? null }),

    drafts: () => ask({ ask: 'drafts' }),
    retry: (draft) => do_({ ask: 'retry', draft }),
    discard: (draft) => nothing({ ask: 'discard', draft }),

    unfinished: () => ask<Unfinished[]>({ ask: 'unfinished' }),
    keepUnfinished: (form, typed) => nothing({ ask: 'keep_unfinished', form, typed: JSON.stringify(typed) }),
    dropUnfinished: (form) => nothing({ ask: 'drop_unfinished', form }),
    saveData: (saves) => nothing({ ask: 'save_data', saves }),

    start: () => wish<null>({ wish: 'start' }).then(() => undefined),
    stop: () => wish<null>({ wish: 'stop' }).then(() => undefined),
    nudge: () => wish<null>({ wish: 'nudge' }).then(() => undefined),

    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.remove(listener)
    },
    now: () => Date.now(),
  }
}

/** The code of an invitation to this very server: the browser's cookie is of use nowhere else. */
async function codeOf(
  server: string,
  invitation: Invitation,
  ask: <T>(question: Question) => Promise<T>,
): Promise<string> {
  if ('code' in invitation) return invitation.code
  const named = await ask<{ server: string; code: string }>({ ask: 'invitation', link: invitation.link })
  if (new URL(named.server).origin !== new URL(server).origin) {
    const zh = '这个邀请属于另一个网站，请直接打开邀请链接'
    throw new DeviceProblem('bad_invitation', zh, `this invitation leads to ${named.server}: open its link itself`)
  }
  return named.code
}
