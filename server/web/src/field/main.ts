// The field face: for whoever stands in a stairwell. Opens the device of this browser, then draws the page.
import '../shared/tokens.css'
import '../shared/base.css'
import { mount } from 'svelte'

import { openDevice } from '../device/device'
import { router } from '../shared/router.svelte'
import { applySettings } from '../shared/settings.svelte'
import App from './App.svelte'
import { takeInvitation } from './invitation'
import { asProblem } from './state/live.svelte'
import { session } from './state/session.svelte'
import { update } from './state/update.svelte'
import CannotOpen from './views/CannotOpen.svelte'
import { foresee as askForHome } from './views/Home.svelte'
import { foresee as askForRecords } from './views/Records.svelte'

applySettings()
const code = takeInvitation()
try {
  const device = openDevice()
  const opened = session.open(device)
  // The first view's answers are there by the time it is drawn.
  const first = { '': askForHome, records: askForRecords }[router.path[0] ?? '']
  first?.(device).forEach((answer: Promise<unknown>) => answer.catch(() => {}))
  await opened
  mount(App, { target: document.body, props: { code } })
} catch (error) {
  mount(CannotOpen, { target: document.body, props: { problem: asProblem(error) } })
}
void update.watch().catch((error: unknown) => console.warn('no service worker', error))
