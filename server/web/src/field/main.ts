// The field face: for whoever stands in a stairwell.
import '../shared/tokens.css'
import '../shared/base.css'
import { mount } from 'svelte'

import { applySettings } from '../shared/settings.svelte'
import App from './App.svelte'

applySettings()
mount(App, { target: document.body })
