// An answer of the device that is asked again whenever something changed.
import { DeviceProblem } from '../../device/face'
import { session } from './session.svelte'

export interface Live<Answer> {
  /** Undefined until the first answer; then always the latest. */
  readonly answer: Answer | undefined
  /** Why the last question was not answered. */
  readonly problem: DeviceProblem | null
}

/**
 * Asks at once, again when the device has heard or said something, and when something that `ask` reads before it waits has changed.
 * To be called while a component is made; ends with it.
 */
export function live<Answer>(ask: () => Promise<Answer>): Live<Answer> {
  let answer: Answer | undefined = $state.raw()
  let problem: DeviceProblem | null = $state.raw(null)
  let latest = 0
  $effect(() => {
    void session.heard
    const mine = ++latest
    ask().then(
      (answered) => {
        if (mine !== latest) return
        answer = answered
        problem = null
      },
      (error: unknown) => {
        if (mine === latest) problem = asProblem(error)
      },
    )
    // What comes after its question is not asked any more is not an answer.
    return () => void (latest += 1)
  })
  return {
    get answer() {
      return answer
    },
    get problem() {
      return problem
    },
  }
}

/** Whatever was thrown, in words for people. */
export function asProblem(error: unknown): DeviceProblem {
  if (error instanceof DeviceProblem) return error
  console.error(error)
  return new DeviceProblem('broken', '程序出错，请再试一次', `a fault of ours: ${String(error)}`)
}
