// What is asked of the core, as JSON, and what goes between tabs and workers. `client-core/web/src/request.rs` says the
// same in Rust.

import type { News, ProblemCode } from './face'
import type {
  Act,
  CommunityId,
  EntryParts,
  FieldName,
  Filter,
  KindName,
  MoveName,
  Party,
  PersonId,
  RecordId,
  Refusal,
  Role,
  Value,
} from './views'

/** A question to the core: nothing is changed by it, so it may be asked again. */
export type Question =
  | { ask: 'me' | 'before' | 'schema' | 'communities' | 'status' | 'conflicts' | 'drafts' | 'unfinished' }
  | { ask: 'list'; filter: Filter }
  | { ask: 'listed' | 'read' | 'writers' | 'history' | 'sync_state' | 'due' | 'offers'; record: RecordId }
  | { ask: 'overdue'; community: CommunityId | null; role: Role | null; party: Party | null; limit: number }
  | { ask: 'waiting'; limit: number }
  | { ask: 'tally'; motion: RecordId }
  | { ask: 'creatable'; community: CommunityId }
  | {
      ask: 'typed'
      community: CommunityId
      kind: KindName
      field: FieldName
      part: FieldName | null
      text: string
    }
  | { ask: 'changed_since'; revision: number; limit: number }
  | { ask: 'invitation'; link: string }
  | { ask: 'answer_text'; challenge: string }

type For = { party: Party | null }

/** Something to be done by the core. */
export type Deed =
  | ({ ask: 'create'; community: CommunityId; kind: KindName; values: [FieldName, Value][] } & For)
  | { ask: 'set'; record: RecordId; field: FieldName; value: Value }
  | ({ ask: 'put'; record: RecordId; field: FieldName; key: string | null; entry: EntryParts } & For)
  | ({ ask: 'edit'; record: RecordId; acts: Act[] } & For)
  | ({ ask: 'transition'; record: RecordId; name: MoveName; reason: string | null } & For)
  | ({ ask: 'note'; record: RecordId; text: string } & For)
  | ({ ask: 'pause'; record: RecordId; untilDay: string; reason: string } & For)
  | ({ ask: 'strike_out'; record: RecordId; target: string; reason: string } & For)
  | { ask: 'retry' | 'discard'; draft: number }
  | { ask: 'keep_unfinished'; form: string; typed: string }
  | { ask: 'drop_unfinished'; form: string }
  | { ask: 'save_data'; saves: boolean }
  | { ask: 'enrolled'; server: string; person: PersonId; name: string; communities: CommunityId[] }

/** What a tab asks of whoever owns the store. */
export type Wish =
  | { wish: 'question'; question: Question }
  | { wish: 'deed'; deed: Deed }
  | { wish: 'enrol'; server: string; code: string; deviceName: string }
  | { wish: 'start' | 'stop' | 'nudge' }

/** A wish on its way, named by whoever has it. */
export interface Asked {
  number: number
  wish: Wish
}

/** What came of it: an answer as JSON text, or a problem. */
export type Answered = { number: number; answer: string } | { number: number; problem: ProblemData }

export interface ProblemData {
  code: ProblemCode
  zh: string
  en: string
  refusal: Refusal | null
}

/** From a tab to its worker: the core, compiled, or word that the worker must do it; then what is asked. */
export type ToWorker = { core: WebAssembly.Module | null } | Asked

/** From a worker to its tab. */
export type ToTab = { answered: Answered } | { news: News } | { failed: ProblemData }

/** Between workers. */
export type Between =
  /** A worker asks who owns the store. */
  | { who: true }
  /** The owner says that it does. */
  | { owner: string }
  | { to: string; from: string; asked: Asked }
  /** The owner has heard it, and is about to do it. */
  | { back: string; taken: number }
  | { back: string; answered: Answered }
  | { news: News }
