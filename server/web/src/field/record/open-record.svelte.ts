// One record, and everything that its page shows of it: read together, so that its parts never tell of different moments.
import type { Due, Kind, ListedRecord, Offers, RecordId, RecordView, SyncState, Writer } from '../../device/face'
import { live, type Live } from '../state/live.svelte'
import { session } from '../state/session.svelte'

export interface OpenRecord {
  listed: ListedRecord
  view: RecordView
  /** Unknown where the schema does not have its kind any more. */
  kind: Kind | undefined
  community: string
  writers: Record<string, Writer>
  offers: Offers[]
  due: Due[]
  sync: SyncState
}

export function openRecord(id: () => RecordId): Live<OpenRecord> {
  return live(async () => {
    const { device, schema } = session
    const record = id()
    const [listed, view, writers, offers, due, sync] = await Promise.all([
      device.listed(record),
      device.read(record),
      device.writers(record),
      // Who has no part in the community any more may still read what is here.
      device.offers(record).catch((): Offers[] => []),
      device.due(record),
      device.syncState(record),
    ])
    return { listed, view, kind: schema.kinds[listed.kind], community: listed.feed.community, writers, offers, due, sync }
  })
}
