// What was written here and is on no server yet, as a file that anybody can read.
import { moment } from '../../shared/format'
import { said } from '../../shared/language'
import { kindName } from '../parts/names'
import { words } from '../words'
import { session } from './session.svelte'

/** Hands it to the browser to be kept. */
export async function saveUnsent(name: string): Promise<void> {
  const blob = new Blob([await unsentText(name)], { type: 'text/plain;charset=utf-8' })
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = `${words().unsentFile}.txt`
  link.click()
  // The browser has taken hold of it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

async function unsentText(name: string): Promise<string> {
  const { device } = session
  const records = (await device.list()).filter((record) => record.unsent > 0)
  const parts = [`${words().unsentFile} · ${name} · ${moment(device.now())}`]
  for (const record of records) {
    const community = session.community(record.feed.community)?.name ?? ''
    parts.push('', [community, kindName(record.kind), record.title, record.id].filter(Boolean).join(' · '))
    for (const entry of await device.history(record.id)) {
      if (entry.received === null) parts.push(`  ${moment(entry.device_time)}  ${entry.words.map(said).join(words().comma)}`)
    }
  }
  return `\uFEFF${parts.join('\r\n')}\r\n`
}
