//! Every bound that both ends obey, in one place.
//!
//! A bound is here because something can grow: a frame, a list in it, a record, a queue. What crosses one is refused with
//! a code, never cut short. Sizes are bytes unless the name says otherwise.

use crate::time::SpanMs;

/// Longest frame. A websocket message or one HTTP body; checked before it is read whole.
pub const FRAME_BYTES: usize = 1 << 20;
/// Longest single change: a volunteer's longest note with room to spare, and small enough to judge in a millisecond.
pub const CHANGE_BYTES: usize = 64 << 10;
/// Most changes in one push.
pub const BATCH_CHANGES: usize = 256;
/// Most bytes of changes in one push; two such frames fit where one may be in flight and one arriving.
pub const BATCH_BYTES: usize = 256 << 10;
/// Pushes a device may have unanswered on one connection.
pub const PUSHES_IN_FLIGHT: usize = 4;
/// Bytes of changes in one `Items` frame: at 64 kbit/s a page lands every four seconds, so progress is visible.
pub const PAGE_BYTES: usize = 32 << 10;
/// Most changes in one `Items` frame.
pub const PAGE_ITEMS: usize = 512;
/// A feed with fewer entries comes in pages to a device that has nothing of it.
pub const SNAPSHOT_ENTRIES: u64 = 256;
/// Most entries in one chunk of a snapshot.
pub const CHUNK_ITEMS: usize = 8_192;
/// Most bytes of changes in one chunk of a snapshot, once they are put together again: what a phone holds at once.
pub const CHUNK_BYTES: usize = 4 << 20;
/// Most bytes that a chunk of a snapshot unfolds to, before its changes are put together.
pub const CHUNK_UNFOLDED: usize = 4 << 20;
/// Most feeds one device may follow: a district official's 225 communities, three audiences each, and room.
pub const FEEDS: usize = 1024;
/// Most members of one community's roster.
pub const MEMBERS: usize = 4096;
/// Longest schema text, and longest pack of one.
pub const SCHEMA_BYTES: usize = 512 << 10;
/// Longest calendar text; a year of holidays takes 600.
pub const CALENDAR_BYTES: usize = 64 << 10;
/// Operations in one change.
pub const CHANGE_OPS: usize = 20_000;
/// Dependencies of one change: ends that many devices left side by side. A record with more of them could not be written any
/// more, so this is more people than ever write one record apart; the next change makes one end of them again.
pub const CHANGE_DEPS: usize = 250;
/// Changes in one record. A record is one matter, not a diary; a new one costs nothing.
pub const RECORD_CHANGES: usize = 10_000;
/// Moves in one record. A rectification that is rejected every week for years has some hundreds; the fold may have to look
/// at each of them as often as people moved it apart.
pub const RECORD_MOVES: usize = 500;
/// Longest register or entry text, in characters, where the schema names no smaller figure.
pub const TEXT_CHARS: usize = 4_000;
/// Longest jointly drafted text, in characters.
pub const PROSE_CHARS: usize = 20_000;
/// Longest key of an entry, in characters (a building number, a content hash).
pub const KEY_CHARS: usize = 80;
/// Most moves that one move may name as followed: concurrent ends of a record's history.
pub const FOLLOWS: usize = 16;
/// Changes the server holds for one device while what they depend on is missing.
pub const HELD_PER_DEVICE: usize = 1_000;
/// Longest name of a person, device or community, in characters.
pub const NAME_CHARS: usize = 120;
/// Longest sentence in a refusal or a farewell, in characters.
pub const SENTENCE_CHARS: usize = 400;
/// An answer over HTTP takes up no further page once it is this long: at 64 kbit/s it takes ten seconds, which a background
/// task has; what is left is asked for again.
pub const VISIT_BYTES: usize = 64 << 10;
/// Frames the server queues to one connection before it stops reading from that connection.
pub const FRAMES_QUEUED: usize = 8;

/// A connection on which no byte moves either way for this long is asked for a sign of life …
pub const QUIET: SpanMs = SpanMs::from_secs(45);
/// … and given up when none came within this long. A link that moves a byte is alive, however slow.
pub const SILENT: SpanMs = SpanMs::from_secs(60);
/// First wait before connecting again; doubled each time, with full jitter.
pub const BACKOFF_FIRST: SpanMs = SpanMs::from_secs(1);
/// Longest wait before connecting again.
pub const BACKOFF_MAX: SpanMs = SpanMs::from_secs(120);
/// How long a device waits for quiet before it tells the server how far it has stored its feeds.
pub const SEEN_AFTER: SpanMs = SpanMs::from_secs(5);
/// Most years for which a kind may say that its records are kept.
pub const KEEP_YEARS: u32 = 100;
