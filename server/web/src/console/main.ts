// The console: for whoever sits at a desk.
import '../shared/tokens.css'
import '../shared/base.css'
import { applySettings } from '../shared/settings.svelte'

applySettings()
