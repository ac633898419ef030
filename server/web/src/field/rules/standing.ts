// How the device stands, as one line: the most important thing that is true. "All is on the server" is said only when
// everything is.
import type { Status } from '../../device/face'

export type Standing =
  | { is: 'refused'; count: number }
  | { is: 'offline'; unsent: number }
  | { is: 'connecting' }
  | { is: 'off'; unsent: number }
  | { is: 'turned_away' }
  | { is: 'receiving' }
  | { is: 'sending'; count: number }
  | { is: 'held'; count: number }
  | { is: 'all_safe' }

/**
 * What is said first. Refused work comes before all else but the lack of signal, which explains itself. `hopeful`: the page
 * was only just opened, and the network has not had the time to answer.
 */
export function standing(status: Status, hopeful = false): Standing {
  if (!status.connected) {
    if (status.last_bye) return { is: 'turned_away' }
    if (hopeful && status.on) return { is: 'connecting' }
    return status.on ? { is: 'offline', unsent: status.unsent } : { is: 'off', unsent: status.unsent }
  }
  if (status.unsent > 0) return { is: 'sending', count: status.unsent }
  if (!status.caught_up) return { is: 'receiving' }
  if (status.drafts > 0) return { is: 'refused', count: status.drafts }
  if (status.held > 0) return { is: 'held', count: status.held }
  return { is: 'all_safe' }
}
