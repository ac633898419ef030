// How this person wants the page: language, text size, colours, care with data. Kept in this browser, and the same in
// every tab of it. What other people should see belongs into records, not here.

export const LANGUAGES = ['zh', 'en'] as const
export const TEXT_SIZES = ['normal', 'large', 'largest'] as const
export const THEMES = ['system', 'light', 'dark'] as const

export type Language = (typeof LANGUAGES)[number]
export type TextSize = (typeof TEXT_SIZES)[number]
export type Theme = (typeof THEMES)[number]

export interface Settings {
  language: Language
  text: TextSize
  theme: Theme
  /** Connect only when there is something to send or someone asks. */
  saveData: boolean
}

const KEPT_AS = 'renolog.settings'

/** What was kept, as far as it makes sense; the rest as a new visitor gets it. */
export function parseSettings(kept: string | null, visitorsLanguages: readonly string[]): Settings {
  let said: Partial<Record<keyof Settings, unknown>> = {}
  try {
    const read: unknown = JSON.parse(kept ?? '{}')
    if (read !== null && typeof read === 'object') said = read
  } catch {
    // Not ours, or cut short: as if nothing had been kept.
  }
  const one = <T>(of: readonly T[], value: unknown, otherwise: T): T => of.find((known) => known === value) ?? otherwise
  return {
    language: one(LANGUAGES, said.language, firstLanguage(visitorsLanguages)),
    text: one(TEXT_SIZES, said.text, 'normal'),
    theme: one(THEMES, said.theme, 'system'),
    saveData: said.saveData === true,
  }
}

/** Chinese, unless the visitor's browser asks for English before it asks for Chinese. */
function firstLanguage(visitors: readonly string[]): Language {
  const first = visitors.find((tag) => /^(zh|en)\b/i.test(tag))
  return first?.toLowerCase().startsWith('en') ? 'en' : 'zh'
}

function recall(): string | null {
  try {
    return localStorage.getItem(KEPT_AS)
  } catch {
    return null
  }
}

/** Read it anywhere; change it by [`change`] only. */
export const settings: Settings = $state(parseSettings(recall(), globalThis.navigator?.languages ?? []))

export function change(wish: Partial<Settings>): void {
  Object.assign(settings, wish)
  try {
    localStorage.setItem(KEPT_AS, JSON.stringify(settings))
  } catch {
    // Forbidden or full: it holds until the tab is closed.
  }
  wear()
}

/** Puts the settings on the page. To be called once, before the page is drawn. */
export function applySettings(): void {
  wear()
  darkSystem().addEventListener('change', wear)
  addEventListener('storage', (event) => {
    if (event.key !== KEPT_AS) return
    Object.assign(settings, parseSettings(event.newValue, navigator.languages))
    wear()
  })
}

const darkSystem = () => matchMedia('(prefers-color-scheme: dark)')

function wear(): void {
  const page = document.documentElement
  const dark = settings.theme === 'dark' || (settings.theme === 'system' && darkSystem().matches)
  page.lang = settings.language === 'zh' ? 'zh-CN' : 'en'
  page.dataset.theme = dark ? 'dark' : 'light'
  page.dataset.text = settings.text
}
