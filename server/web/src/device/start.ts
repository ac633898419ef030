// What takes longest of opening the device, begun as soon as this file is there: its worker, and the core compiled for it.
// The build has the field page load it before everything else (`build/first.ts`).

import type { ToWorker } from './requests'
import coreUrl from './core/renolog_client_web_bg.wasm?url'

export const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'renolog' })

// Where the store's files are, the browser looks up meanwhile: the first time takes it longest.
void navigator.storage?.getDirectory?.().catch(() => {})

/** The core, compiled while the worker is being made; nothing where that fails: the worker tries again, and says why it cannot. */
async function compiled(): Promise<WebAssembly.Module | null> {
  try {
    return await WebAssembly.compileStreaming(fetch(coreUrl))
  } catch {
    return null
  }
}

void compiled().then((core) => worker.postMessage({ core } satisfies ToWorker))
