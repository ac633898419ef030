// Problems on their way between worker and tab.

import { DeviceProblem, type ProblemCode } from './face'
import type { ProblemData } from './requests'
import type { Refusal } from './views'

export function problem(code: ProblemCode, zh: string, en: string, refusal: Refusal | null = null): ProblemData {
  return { code, zh, en, refusal }
}

/** Whatever was thrown, as data. The core throws its problems as JSON text. */
export function toProblem(thrown: unknown): ProblemData {
  if (thrown instanceof DeviceProblem) return problem(thrown.code, thrown.zh, thrown.en, thrown.refusal)
  if (typeof thrown === 'string') {
    try {
      return JSON.parse(thrown) as ProblemData
    } catch {
      return problem('broken', '程序出错，请刷新页面', thrown)
    }
  }
  return problem('broken', '程序出错，请刷新页面', thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown))
}

export function toError(data: ProblemData): DeviceProblem {
  return new DeviceProblem(data.code, data.zh, data.en, data.refusal)
}
