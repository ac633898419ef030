// Behind each tab stands one of these. One of them owns the store, by a lock that the browser gives to one at a time and
// takes back when a tab is gone; the others pass on what their tabs wish. What is asked while ownership moves is asked
// again, if it changes nothing.

import type { News } from './face'
import { Owner } from './owner'
import { problem, toProblem } from './problem'
import type { Answered, Asked, Between, ToTab, ToWorker } from './requests'

declare const self: DedicatedWorkerGlobalScope

const LOCK = 'renolog-device'
const me = crypto.randomUUID()
const others = new BroadcastChannel('renolog-device')

let own: Owner | null = null
/** Who owns the store, as far as is known here. */
let ownerId: string | null = null
/** Wishes of this tab that are not answered, and whether an owner has begun with them. */
const pending = new Map<number, { asked: Asked; taken: boolean }>()

/** The core, as soon as the tab has compiled it. */
let takeCore: (core: WebAssembly.Module | null) => void
const core = new Promise<WebAssembly.Module | null>((resolve) => (takeCore = resolve))

const toTab = (message: ToTab) => self.postMessage(message)
const toOthers = (message: Between) => others.postMessage(message)

function tell(news: News): void {
  toTab({ news })
  toOthers({ news })
}

async function fulfil(owner: Owner, { number, wish }: Asked): Promise<Answered> {
  try {
    return { number, answer: await owner.fulfil(wish) }
  } catch (thrown) {
    return { number, problem: toProblem(thrown) }
  }
}

function answered(answer: Answered): void {
  if (pending.delete(answer.number)) toTab({ answered: answer })
}

function pass(asked: Asked): void {
  if (own !== null) {
    pending.set(asked.number, { asked, taken: true })
    void fulfil(own, asked).then(answered)
  } else {
    pending.set(asked.number, { asked, taken: false })
    if (ownerId !== null) toOthers({ to: ownerId, from: me, asked })
  }
}

/** Does what another tab wishes. */
function serve(owner: Owner, from: string, asked: Asked): void {
  toOthers({ back: from, taken: asked.number })
  void fulfil(owner, asked).then((answer) => toOthers({ back: from, answered: answer }))
}

/** Another owns the store now. */
function ownedBy(id: string): void {
  if (ownerId === id) return
  ownerId = id
  for (const [number, { asked, taken }] of [...pending]) {
    const mayAskAgain = asked.wish.wish !== 'deed' && asked.wish.wish !== 'enrol'
    if (!taken || mayAskAgain) pass(asked)
    else {
      const zh = '另一个窗口刚刚关闭，请查看是否已经写入'
      answered({ number, problem: problem('interrupted', zh, 'another window was just closed: look whether it was written') })
    }
  }
}

self.onmessage = ({ data }: MessageEvent<ToWorker>) => ('core' in data ? takeCore(data.core) : pass(data))

others.onmessage = ({ data }: MessageEvent<Between>) => {
  if ('news' in data) toTab({ news: data.news })
  else if ('owner' in data) ownedBy(data.owner)
  else if ('who' in data) {
    if (own !== null) {
      toOthers({ owner: me })
      tell(own.news())
    }
  } else if ('to' in data) {
    if (data.to === me && own !== null) serve(own, data.from, data.asked)
  } else if (data.back === me) {
    if ('answered' in data) answered(data.answered)
    else {
      const wish = pending.get(data.taken)
      if (wish !== undefined) wish.taken = true
    }
  }
}

toOthers({ who: true })
void navigator.locks.request(LOCK, async () => {
  try {
    own = await Owner.open(core, tell)
  } catch (thrown) {
    toTab({ failed: toProblem(thrown) })
    return
  }
  ownedBy(me)
  toOthers({ owner: me })
  // The lock is kept for as long as this worker lives.
  await new Promise(() => {})
})
