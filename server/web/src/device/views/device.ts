// Whose device it is, what it knows, and how it is doing.
import type {
  Audience,
  CommunityId,
  DeviceId,
  KindName,
  Party,
  PersonId,
  RecordId,
  Role,
  SpanMs,
  StateName,
  UnixMs,
} from './names'
import type { Refusal } from './records'

export interface Me {
  device: DeviceId
  person: PersonId
  name: string
  /** The address of the server. */
  server: string
  /** Of the program. */
  version: string
}

/** Whose device it was before the key that it signed with was lost. */
export interface Before {
  person: PersonId
  name: string
}

export interface Community {
  id: CommunityId
  name: string
  /** Who is who, and from when until when, by the server's clock. Empty until the first connection. */
  members: Member[]
  /** What of the community is followed and may be read. */
  audiences: Audience[]
  /** What this person is there now. */
  mine: { role: Role; party: Party }[]
}

export interface Member {
  person: PersonId
  name: string
  role: Role
  party: Party
  from: UnixMs
  until: UnixMs | null
}

export interface Bytes {
  up: number
  down: number
}

export interface Usage {
  greeting: Bytes
  own_work: Bytes
  others_work: Bytes
  snapshots: Bytes
  signs_of_life: Bytes
  overhead: Bytes
}

/** How the device is doing. */
export interface Status {
  /** Whether it wants to be connected. */
  on: boolean
  connected: boolean
  /** Whether everything that was there when the server answered has come. */
  caught_up: boolean
  /** Changes that the server has not answered. */
  unsent: number
  /** Changes that the server keeps until others have come. */
  held: number
  /** When the oldest of the unsent was written, by the device's clock. */
  unsent_since: UnixMs | null
  /** Refused work. */
  drafts: number
  /** When the server was last heard, by the device's clock. */
  last_contact: UnixMs | null
  /** The server's clock minus the device's. */
  clock_offset: SpanMs
  /** Bytes of frames since the store was opened. */
  bytes_up: number
  bytes_down: number
  /** The same by what they were for. */
  usage: Usage
  /** Whether the device saves data. */
  saves_data: boolean
  /** Feeds of which records that are done were left on the server, to save data. */
  left_out: number
  /** Why the server last hung up, until it answers again. */
  last_bye: Refusal | null
  /** When it connects or asks next, by the device's clock. */
  next_attempt: UnixMs | null
}

/** What enrolment brought. */
export interface Enrolment {
  person: PersonId
  name: string
  communities: { id: CommunityId; name: string }[]
}

/** Which records a list has. Everything left out is not asked for. */
export interface Filter {
  community?: CommunityId
  kind?: KindName
  state?: StateName
  /** Only with these words in a field, an entry or a note. */
  text?: string
  /** Only those that come after this one in the list: `[updated, id]` of the last row. */
  after?: [UnixMs, RecordId]
  /** At most so many; 0 for no bound. */
  limit?: number
}

export interface OverdueFilter {
  community?: CommunityId
  /** Only those that concern this role … */
  role?: Role
  /** … or a role of this party. */
  party?: Party
}
