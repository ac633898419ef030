// The console: for whoever sits at a desk.
import '../shared/tokens.css'
import '../shared/base.css'
import './desk.css'
import { mount } from 'svelte'

import { applySettings } from '../shared/settings.svelte'
import App from './App.svelte'

applySettings()
mount(App, { target: document.body })
