//! Everything a device is, but for the clock and the sockets.
//!
//! A [`Client`] owns the store and the engine. People's work goes in through [`Client::create`], [`Client::edit`] and the
//! like, and is on disk when the call returns. The link goes in through [`Client::handle`] and out through
//! [`Client::poll_output`], so that a driver with real sockets and a simulation with none look the same from here.

mod arrive;
mod deadlines;
mod doubt;
mod draft;
mod erasure;
mod error;
mod history;
mod key_lost;
mod link;
mod offers;
mod outgoing;
mod packing;
mod read;
mod receipt;
mod record;
mod renewal;
mod replay;
mod snapshot;
mod tally;
mod typed;
mod unfinished;
mod usage;
mod write;

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use lru::LruCache;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use renolog_protocol::calendar::Calendar;
use renolog_protocol::id::{ActorId, Audience, CommunityId, DeviceId, EntryId, FeedId, PersonId, RecordId};
use renolog_protocol::key::{DeviceKey, PublicKey, answer_text};
use renolog_protocol::record::Record;
use renolog_protocol::roster::Roster;
use renolog_protocol::schema::Schema;
use renolog_protocol::sorted::{SortedMap, SortedSet};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::Begun;
use zeroize::Zeroizing;

pub use deadlines::{Overdue, OverdueFilter};
pub use doubt::Doubt;
pub use error::ClientError;
pub use history::{HistoryEntry, Mark};
pub use link::{Input, Output};
pub use read::{Conflict, Fate, Made, Status, SyncState, Writer};
pub use typed::Unclear;
pub use usage::{Bytes, Usage};

use crate::engine::{self, Engine};
use crate::store::{Before, Community, Enrolled, FeedState, Identity, Key, Place, Store};

/// Records kept open. One of ten changes takes about 50 kB in memory.
const HOT_RECORDS: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");

/// See the module. Times handed in are the device's clock.
#[derive(Debug)]
pub struct Client {
    store: Store,
    engine: Engine,
    rng: ChaCha8Rng,
    out: VecDeque<Output>,
    // What the store holds too; read again from there when a write fails.
    me: Identity,
    schema: Arc<Schema>,
    calendar: Arc<Calendar>,
    communities: SortedMap<CommunityId, Community>,
    feeds: SortedMap<FeedId, FeedState>,
    begun: SortedMap<FeedId, Begun>,
    incomplete: SortedSet<RecordId>,
    /// When to show more records anew, while some were last shown under an older schema.
    renew_at: Option<UnixMs>,
    hot: LruCache<RecordId, Record>,
    // What holds for one connection.
    in_flight: SortedSet<u64>,
    asked_to_sign: SortedSet<u64>,
    rested: SortedSet<u64>,
    caution: outgoing::Caution,
    /// The latest moment that was chosen because an earlier one was taken; see `compose_new`.
    made_alike: UnixMs,
    usage: Usage,
    /// Whether everything travels as it is, because a pack was of no use.
    plainly: bool,
    /// Whether feeds come by pages from their beginning, because a snapshot was of no use.
    by_pages: bool,
}

impl Client {
    /// Opens a device's store, or makes a new device in it. The seed feeds every random draw; a real device passes 32
    /// fresh random bytes each time, a simulation the same ones. Two copies of one store must be given different seeds.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn open(place: &Place, seed: [u8; 32], now: UnixMs) -> Result<Self, ClientError> {
        Self::open_store(place, seed, now, None)
    }

    /// The same for a device whose key is kept where it cannot be read: it is asked for signatures with [`Output::Sign`].
    ///
    /// # Errors
    /// [`ClientError::AnotherKey`]; [`ClientError::Store`].
    pub fn open_with_key_elsewhere(place: &Place, key: PublicKey, seed: [u8; 32], now: UnixMs) -> Result<Self, ClientError> {
        Self::open_store(place, seed, now, Some(key))
    }

    fn open_store(place: &Place, seed: [u8; 32], now: UnixMs, key: Option<PublicKey>) -> Result<Self, ClientError> {
        let store = Store::open(place)?;
        let mut rng = ChaCha8Rng::from_seed(seed);
        let mut me = match store.identity()? {
            Some(me) if key.is_some_and(|key| key != me.key.public()) => return Err(ClientError::AnotherKey),
            Some(me) => me,
            None => new_device(&mut rng, now, key),
        };
        me.opened += 1;
        rng.set_stream(me.opened);
        store.set_identity(&me)?;
        let engine = Engine::new(ChaCha8Rng::from_rng(&mut rng));
        let mut client = Self {
            schema: Schema::built_in(),
            calendar: Calendar::built_in(),
            store,
            engine,
            rng,
            out: VecDeque::new(),
            me,
            communities: SortedMap::new(),
            feeds: SortedMap::new(),
            begun: SortedMap::new(),
            incomplete: SortedSet::new(),
            renew_at: Some(now),
            hot: LruCache::new(HOT_RECORDS),
            in_flight: SortedSet::new(),
            asked_to_sign: SortedSet::new(),
            rested: SortedSet::new(),
            caution: outgoing::Caution::default(),
            made_alike: UnixMs(0),
            usage: Usage::default(),
            plainly: false,
            by_pages: false,
        };
        client.recall()?;
        client.renew_quietly(now);
        Ok(client)
    }

    /// The device's id.
    pub fn device(&self) -> DeviceId {
        self.me.device
    }

    /// What the server knows the device by.
    pub fn public_key(&self) -> PublicKey {
        self.me.key.public()
    }

    /// What enrolment gave, if there was one.
    pub fn enrolment(&self) -> Option<&Enrolled> {
        self.me.enrolled.as_ref()
    }

    /// Whose device it was before its key was lost, until it is enrolled again.
    pub fn before(&self) -> Option<&Before> {
        self.me.before.as_ref()
    }

    /// The rules in force here.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The working days in force here: the server's, as last heard.
    pub fn calendar(&self) -> &Arc<Calendar> {
        &self.calendar
    }

    /// The communities that are known, with their members.
    pub fn communities(&self) -> &SortedMap<CommunityId, Community> {
        &self.communities
    }

    /// The feeds that are followed, and how far each is stored.
    pub fn feeds(&self) -> impl Iterator<Item = &FeedState> {
        self.feeds.values()
    }

    /// Takes in what enrolment gave. The communities are to be [followed](Self::follow) next.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn enrolled(&mut self, enrolled: Enrolled) -> Result<(), ClientError> {
        self.atomically(|me| {
            let before = me.me.before.take().filter(|before| before.person != enrolled.person);
            me.me.enrolled = Some(enrolled);
            before.map_or(Ok(()), |before| me.set_aside_of(&before))
        })
    }

    /// The secret it signs with, if that is kept in the store.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn key(&self) -> Option<&DeviceKey> {
        self.me.key.here()
    }

    /// What its key signs to answer a server's challenge.
    pub fn answer_text(&self, challenge: &str) -> Vec<u8> {
        answer_text(self.me.device, challenge)
    }

    /// Takes in another token for the next connections.
    fn signed_in(&mut self, token: String) -> Result<(), ClientError> {
        self.atomically(|me| {
            if let Some(enrolled) = &mut me.me.enrolled {
                enrolled.token = token;
            }
            Ok(())
        })
    }

    /// Another address for the same server. Counts from the next connection on.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`], [`ClientError::Store`].
    pub fn set_server(&mut self, server: &str) -> Result<(), ClientError> {
        self.atomically(|me| {
            me.me.enrolled.as_mut().ok_or(ClientError::NotEnrolled)?.server = server.to_owned();
            Ok(())
        })
    }

    /// Follows a community: asks for every one of its feeds. Those that the person's roles may not read are asked for
    /// again with each connection, since a role may come.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn follow(&mut self, now: UnixMs, community: CommunityId) -> Result<(), ClientError> {
        let missing: Vec<FeedId> = Audience::ALL
            .into_iter()
            .map(|audience| FeedId { community, audience })
            .filter(|feed| !self.feeds.contains_key(feed))
            .collect();
        self.atomically(|me| {
            for feed in &missing {
                me.set_feed(FeedState::new(*feed))?;
            }
            Ok(())
        })?;
        for feed in missing {
            self.engine.handle(now, engine::Input::Follow(self.feeds[&feed].cursor, self.feeds[&feed].link));
        }
        self.pump(now)
    }

    /// Takes in who is who in a community, as the server does with the first connection.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn set_roster(&mut self, community: CommunityId, name: &str, roster: Roster) -> Result<(), ClientError> {
        self.atomically(|me| {
            let known = Community { name: name.to_owned(), roster };
            me.store.set_community(community, &known)?;
            me.communities.insert(community, known);
            Ok(())
        })
    }

    /// Takes in what happened to the link.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`] for [`Input::Start`]; [`ClientError::Store`] when what arrived could not be stored:
    /// then the connection is being ended already, and what was not stored will be sent again.
    pub fn handle(&mut self, now: UnixMs, input: Input<'_>) -> Result<(), ClientError> {
        let input = match input {
            Input::Start if self.me.enrolled.is_none() => return Err(ClientError::NotEnrolled),
            Input::Start => engine::Input::Start,
            Input::Stop => engine::Input::Stop,
            Input::SignedIn(token) => return self.signed_in(token),
            Input::Signed(number, signature) => {
                self.signed(number, signature)?;
                engine::Input::OutboxGrew
            }
            Input::Connected => {
                self.begin_connection();
                engine::Input::Connected(self.greeting(now)?)
            }
            Input::Frame(bytes) => return self.frame(now, bytes),
            Input::Disconnected => engine::Input::Disconnected,
            Input::Visited => engine::Input::Visited,
            Input::TurnedAway(bye) => engine::Input::TurnedAway(bye),
            Input::LinkMoved => engine::Input::LinkMoved,
            Input::Nudge => {
                self.caution = outgoing::Caution::default();
                engine::Input::Nudge
            }
            Input::Timeout => engine::Input::Timeout,
        };
        let timeout = matches!(input, engine::Input::Timeout);
        self.engine.handle(now, input);
        if timeout {
            self.renew_quietly(now);
        }
        self.pump(now)
    }

    /// The next thing to do with the link, if any.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to call [`Client::handle`] with [`Input::Timeout`], if nothing else happens before.
    pub fn poll_timeout(&self) -> Option<UnixMs> {
        let renewal = self.renew_at.filter(|_| self.engine.is_on());
        self.engine.poll_timeout().into_iter().chain(renewal).min()
    }

    /// Writes a copy of the store to a new file, as a phone's backup would.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn backup(&self, to: &Path) -> Result<(), ClientError> {
        Ok(self.store.backup(to)?)
    }

    /// The store, for what only it can answer.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Does what the engine asks for until it asks for nothing more.
    fn frame(&mut self, now: UnixMs, bytes: &[u8]) -> Result<(), ClientError> {
        self.usage.received(bytes);
        let unfolded = self.unpacked(bytes);
        self.engine.handle(
            now,
            match &unfolded {
                Ok(Some(bytes)) => engine::Input::Frame(bytes),
                // The connection ends, and the next one begins where this one was.
                Ok(None) | Err(_) => engine::Input::NotStored,
            },
        );
        let pumped = self.pump(now);
        unfolded.and(pumped)
    }

    fn pump(&mut self, now: UnixMs) -> Result<(), ClientError> {
        loop {
            let (mut events, mut fill) = (Vec::new(), false);
            while let Some(output) = self.engine.poll_output() {
                match output {
                    engine::Output::Connect => self.out.push_back(Output::Connect),
                    engine::Output::Send(bytes) => {
                        let bytes = self.packed(bytes);
                        self.usage.sent(&bytes);
                        self.out.push_back(Output::Send(bytes));
                    }
                    engine::Output::Disconnect => self.out.push_back(Output::Disconnect),
                    engine::Output::Deliver(event) => events.push(event),
                    engine::Output::Fill => fill = true,
                }
            }
            if events.is_empty() && !fill {
                return Ok(());
            }
            let done = self.settle(now, events).and_then(|()| if fill { self.fill(now) } else { Ok(()) });
            if let Err(error) = done {
                self.engine.handle(now, engine::Input::NotStored);
                while let Some(output) = self.engine.poll_output() {
                    if output == engine::Output::Disconnect {
                        self.out.push_back(Output::Disconnect);
                    }
                }
                return Err(error);
            }
        }
    }

    /// Does several writes that stand or fall together. On an error nothing of them is left, in the store or in memory.
    fn atomically<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, ClientError>) -> Result<T, ClientError> {
        self.store.begin()?;
        let done = work(self).and_then(|value| {
            self.store.set_identity(&self.me)?;
            self.store.commit()?;
            Ok(value)
        });
        if done.is_err() {
            self.store.rollback();
            self.recall()?;
        }
        done
    }

    /// Reads again what is kept in memory beside the store.
    fn recall(&mut self) -> Result<(), ClientError> {
        self.hot.clear();
        if let Some(me) = self.store.identity()? {
            self.me = me;
        }
        self.schema = schema_of(self.store.given_schema()?.as_deref());
        self.calendar = calendar_of(self.store.given_calendar()?.as_deref());
        self.communities = self.store.communities()?;
        self.feeds = self.store.feeds()?;
        self.begun = self.store.begun()?;
        self.incomplete = self.store.incomplete()?;
        Ok(())
    }

    fn set_feed(&mut self, state: FeedState) -> Result<(), ClientError> {
        self.store.set_feed(&state)?;
        self.feeds.insert(state.cursor.feed, state);
        Ok(())
    }

    /// The device's best guess of the server's clock: never before it was last heard, or a phone whose clock fell back to
    /// 1970 in a flat battery would take its person's roles for not yet begun.
    fn server_time(&self, now: UnixMs) -> UnixMs {
        self.me.last_contact.map_or(now, |heard| heard.max(now)) + self.me.clock_offset
    }

    fn person(&self) -> Result<PersonId, ClientError> {
        self.me.enrolled.as_ref().map(|enrolled| enrolled.person).ok_or(ClientError::NotEnrolled)
    }

    /// The next revision; every record that is touched takes one of its own, so that a watcher can stop between any two.
    fn bump(&mut self) -> u64 {
        self.me.revision += 1;
        self.me.revision
    }

    fn draw<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    fn draw_entry(&mut self) -> EntryId {
        EntryId::from_random(self.draw())
    }

    fn draw_actor(&mut self) {
        self.me.actor = ActorId(self.draw());
    }
}

fn new_device(rng: &mut ChaCha8Rng, now: UnixMs, key: Option<PublicKey>) -> Identity {
    let (mut device, mut actor, mut seed) = ([0; 10], [0; 16], Zeroizing::new([0; 32]));
    rng.fill_bytes(&mut device);
    rng.fill_bytes(&mut actor);
    rng.fill_bytes(&mut *seed);
    Identity {
        device: DeviceId::from_parts(now, device),
        key: key.map_or_else(|| Key::Here(DeviceKey::from_seed(*seed)), Key::Elsewhere),
        actor: ActorId(actor),
        next_batch: 1,
        revision: 0,
        opened: 0,
        clock_offset: SpanMs(0),
        last_contact: None,
        enrolled: None,
        saves_data: false,
        before: None,
    }
}

/// The schema in force: the stored one if it can be read and is newer than the one built in.
fn schema_of(given: Option<&[u8]>) -> Arc<Schema> {
    let built_in = Schema::built_in();
    match given.map(Schema::unpack) {
        Some(Ok(stored)) if stored.version > built_in.version => Arc::new(stored),
        _ => built_in,
    }
}

/// The calendar in force: the stored one if it can be read, or else the one built in.
fn calendar_of(given: Option<&[u8]>) -> Arc<Calendar> {
    match given.map(Calendar::unpack) {
        Some(Ok(stored)) => Arc::new(stored),
        _ => Calendar::built_in(),
    }
}
