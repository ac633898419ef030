// What a person asked for: whether it is under way, and why it did not come about.
import type { DeviceProblem } from '../../device/face'
import { asProblem } from './live.svelte'

export class Attempt {
  /** What is under way, by its name; empty while nothing is. */
  underWay = $state('')
  problem: DeviceProblem | null = $state.raw(null)

  get busy(): boolean {
    return this.underWay !== ''
  }

  /** Tries, and says whether it came about. */
  async at(work: () => Promise<unknown>, name = 'it'): Promise<boolean> {
    this.underWay = name
    this.problem = null
    try {
      await work()
      return true
    } catch (error) {
      this.problem = asProblem(error)
      return false
    } finally {
      this.underWay = ''
    }
  }
}
