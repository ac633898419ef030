// A page with nothing on it but the device, for tests to ask.
import { openDevice } from '../../../server/web/src/device/device'

Object.assign(globalThis, { device: openDevice() })
