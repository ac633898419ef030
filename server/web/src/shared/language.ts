// Words in both languages. Chinese is written first and is the form; English must have every word of it, with the same
// things to fill in, or the build fails.
import { settings } from './settings.svelte'

/** A word, or a sentence with things to fill in. */
type Word = string | ((...given: never[]) => string)

/** The same words in the other language. */
export type Translation<Words> = {
  [Key in keyof Words]: Words[Key] extends (...given: infer Given) => string ? (...given: Given) => string : string
}

/**
 * A dictionary. Ask it for its words each time they are shown, so that they follow the language:
 *
 *     export const words = dictionary({ save: '保存', left: (n: number) => `还剩 ${n} 项` }, { save: 'Save', left: (n) => `${n} left` })
 *     words().save
 */
export function dictionary<const Words extends Record<string, Word>>(zh: Words, en: Translation<Words>): () => Translation<Words> {
  return () => (settings.language === 'zh' ? (zh as unknown as Translation<Words>) : en)
}

/** A name of the schema, a refusal's sentence: whatever carries both languages. */
export function said(label: { zh: string; en: string }): string {
  return label[settings.language]
}

/** The locale by which numbers and dates are written. */
export function locale(): string {
  return settings.language === 'zh' ? 'zh-CN' : 'en-GB'
}
