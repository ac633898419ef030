// What a form says when something typed is no value.
import { number } from '../../shared/format'
import type { Fault } from '../rules/values'
import { words } from '../words'

export function faultText(fault: Fault | undefined): string | null {
  switch (fault?.fault) {
    case undefined:
      return null
    case 'needed':
      return words().mustFill
    case 'too_long':
      return words().tooLong(fault.max)
    case 'no_number':
      return words().noNumber
    case 'out_of_bounds':
      return words().outOfBounds(number(fault.min), number(fault.max))
  }
}
