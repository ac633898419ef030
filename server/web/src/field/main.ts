// The field face: for whoever stands in a stairwell. Opens the device of this browser, then draws the page.
import '../shared/tokens.css'
import '../shared/base.css'
import { mount } from 'svelte'

import { openDevice } from '../device/device'
import { applySettings } from '../shared/settings.svelte'
import App from './App.svelte'
import CannotOpen from './views/CannotOpen.svelte'
import { takeInvitation } from './invitation'
import { asProblem } from './state/live.svelte'
import { session } from './state/session.svelte'
import { update } from './state/update.svelte'

applySettings()
const code = takeInvitation()
try {
  await session.open(openDevice())
  mount(App, { target: document.body, props: { code } })
} catch (error) {
  mount(CannotOpen, { target: document.body, props: { problem: asProblem(error) } })
}
void update.watch().catch((error: unknown) => console.warn('no service worker', error))
