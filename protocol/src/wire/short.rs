//! Frames in short: without what both ends of a connection know from its greeting.
//!
//! A device says [`ShortHello`] where [`Hello`] would say the same in twice the bytes, and from then on both ends leave out
//! whose device it is, which feed is meant where a number does, and times where a difference does. A short frame means
//! exactly what its long form means: it is made of one and turned into one at the edge, and nothing else of either end
//! knows of it. Whoever is greeted with a long hello answers in long frames.

use minicbor::{Decode, Encode};

use super::{
    Cursor, Frame, Grant, Hello, List, PackedItems, PackedPush, Receipt, RosterVersion, Ruled, Ruling, Seen, VERSION, Welcome,
};
use crate::batch::RawBatch;
use crate::chain::Mark;
use crate::id::{Audience, ChangeHash, CommunityId, DeviceId, Epoch, FeedId, Link, Seq};
use crate::key::Signature;
use crate::limits;
use crate::time::{SpanMs, UnixMs};

/// [`Hello`] of a device whose token says who it is, and whose positions are all of one epoch.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct ShortHello {
    /// [`Hello::schema`].
    #[n(0)]
    pub schema: u32,
    /// [`Hello::device_time`].
    #[n(1)]
    pub device_time: UnixMs,
    /// [`Hello::dictionary`].
    #[n(2)]
    pub dictionary: u32,
    /// The first four bytes of [`Hello::calendar`].
    #[n(3)]
    pub calendar: u32,
    /// Which life of the server's store the positions belong to; nothing where there are none.
    #[n(4)]
    pub epoch: Option<Epoch>,
    /// What it follows, by community.
    #[n(5)]
    pub communities: List<Stand, { limits::FEEDS }>,
    /// [`Hello::snapshots`].
    #[n(6)]
    pub snapshots: Option<u32>,
    /// [`Hello::open_only`].
    #[n(7)]
    pub open_only: Option<bool>,
    /// [`Hello::unsent`].
    #[n(8)]
    pub unsent: Option<u32>,
}

/// A community as a device has it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Stand {
    /// Which.
    #[n(0)]
    pub community: CommunityId,
    /// How far each of its feeds is stored, in the order of [`Audience::ALL`]; nothing where one is not followed.
    #[n(1)]
    pub positions: List<Option<Seq>, { Audience::ALL.len() }>,
    /// The version of its roster, if the device has one.
    #[n(2)]
    pub roster: Option<u64>,
}

/// [`Welcome`] as an answer to [`ShortHello`], in the first version of the protocol.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct ShortWelcome {
    /// [`Welcome::server_time`].
    #[n(0)]
    pub server_time: UnixMs,
    /// [`Welcome::epoch`], where it is not the device's.
    #[n(1)]
    pub epoch: Option<Epoch>,
    /// [`Welcome::schema`], where it is not the device's.
    #[n(2)]
    pub schema: Option<u32>,
    /// For each feed of the hello, in its order: by how much the last position is beyond the device's; nothing where it may
    /// not be read. Left out where every feed may be read and holds nothing new.
    #[n(3)]
    pub heads: Option<List<Option<i64>, { limits::FEEDS }>>,
    /// [`Welcome::past`].
    #[n(4)]
    pub past: Option<u64>,
}

/// [`PackedPush`] of the device's own whole batch, packed by the dictionary of its hello.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct ShortPush {
    /// [`RawBatch::number`].
    #[n(0)]
    pub number: u64,
    /// The feed, by its place in the hello, from 0.
    #[n(1)]
    pub feed: u32,
    /// When it was signed, after the device's time in the hello.
    #[n(2)]
    pub signed: SpanMs,
    /// [`RawBatch::signature`].
    #[n(3)]
    pub signature: Signature,
    /// [`PackedPush::pack`].
    #[cbor(n(4), with = "minicbor::bytes")]
    pub pack: Vec<u8>,
}

/// [`Seen`] of this life of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ShortSeen {
    /// The feed, by its place in the hello, from 0.
    #[n(0)]
    pub feed: u32,
    /// Up to where.
    #[n(1)]
    pub upto: Seq,
}

/// [`Receipt`] of a push of this connection.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct ShortReceipt {
    /// [`Receipt::number`].
    #[n(0)]
    pub number: u64,
    /// What became of the changes, in the batch's order.
    #[n(1)]
    pub runs: List<Run, { limits::BATCH_CHANGES }>,
    /// When the batch came, after the server's time in the welcome.
    #[n(2)]
    pub received: SpanMs,
    /// [`Receipt::skew`], where it is not the server's time in the welcome minus the device's in the hello.
    #[n(3)]
    pub skew: Option<SpanMs>,
    /// [`Receipt::mark`].
    #[n(4)]
    pub mark: Option<Mark>,
}

/// Changes of which the same became: where they were accepted, in the same role and one place after the other.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Run {
    /// How many.
    #[n(0)]
    pub count: u32,
    /// What became of the first.
    #[n(1)]
    pub first: Ruling,
}

/// [`PackedItems`] that go on where the device is, packed by the dictionary of its hello.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct ShortItems {
    /// The feed, by its place in the hello, from 0.
    #[n(0)]
    pub feed: u32,
    /// How many positions the stretch is long.
    #[n(1)]
    pub length: u64,
    /// [`PackedItems::link`].
    #[n(2)]
    pub link: Option<Link>,
    /// [`PackedItems::pack`].
    #[cbor(n(3), with = "minicbor::bytes")]
    pub pack: Vec<u8>,
}

/// A short frame that means nothing on this connection. The sender is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a short frame refers to what this connection does not know")]
pub struct Senseless;

/// What both ends of a connection know from its greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Common {
    device: DeviceId,
    device_time: UnixMs,
    schema: u32,
    dictionary: u32,
    asked: Vec<Cursor>,
    /// Of the welcome.
    server: Option<(UnixMs, Epoch)>,
}

impl ShortItems {
    /// A stretch in short, for a device that is where it begins and named its feed at this place.
    pub fn of(place: u32, items: PackedItems) -> Self {
        let length = items.upto.0.saturating_sub(items.after.0);
        Self { feed: place, length, link: items.link, pack: items.pack }
    }
}

impl ShortHello {
    /// A hello in short, if it can be said so: by a device that reads packs, knows the calendar, has all its positions in one
    /// epoch, and no part of a snapshot.
    pub fn of(hello: &Hello) -> Option<Self> {
        let epoch = hello.feeds.iter().find(|cursor| cursor.seq > Seq(0)).map(|cursor| cursor.epoch);
        let one_epoch = hello.feeds.iter().all(|cursor| cursor.seq == Seq(0) || Some(cursor.epoch) == epoch);
        let speaks = hello.oldest == VERSION && hello.newest == VERSION && hello.begun.is_none();
        let short = Self {
            schema: hello.schema,
            device_time: hello.device_time,
            dictionary: hello.dictionary?,
            calendar: (hello.calendar? >> 32) as u32,
            epoch,
            communities: stands(hello)?.try_into().ok()?,
            snapshots: hello.snapshots,
            open_only: hello.open_only,
            unsent: hello.unsent,
        };
        // Feeds in another order, or twice, are told as they are.
        let asked = |hello: &Hello| hello.feeds.iter().map(|cursor| (cursor.feed, cursor.seq)).collect::<Vec<_>>();
        (one_epoch && speaks && asked(&short.in_full(hello.device)?) == asked(hello)).then_some(short)
    }

    /// The hello that it stands for. Of the calendar's fingerprint only the first half is there; see [`knows`].
    pub fn in_full(&self, device: DeviceId) -> Option<Hello> {
        let epoch = self.epoch.unwrap_or_default();
        let cursors = |stand: &Stand| {
            let community = stand.community;
            let cursor = move |(audience, seq): (Audience, Option<Seq>)| {
                seq.map(|seq| Cursor { feed: FeedId { community, audience }, epoch, seq })
            };
            Audience::ALL.into_iter().zip(stand.positions.to_vec()).filter_map(cursor)
        };
        let roster = |stand: &Stand| stand.roster.map(|version| RosterVersion { community: stand.community, version });
        Some(Hello {
            oldest: VERSION,
            newest: VERSION,
            device,
            schema: self.schema,
            device_time: self.device_time,
            feeds: self.communities.iter().flat_map(cursors).collect::<Vec<_>>().try_into().ok()?,
            rosters: self.communities.iter().filter_map(roster).collect::<Vec<_>>().try_into().ok()?,
            calendar: Some(u64::from(self.calendar) << 32),
            dictionary: Some(self.dictionary),
            snapshots: self.snapshots,
            begun: None,
            open_only: self.open_only,
            unsent: self.unsent,
        })
    }
}

/// Whether a device that says so of its calendar has the one with this fingerprint. The second half of it may be left out:
/// two calendars of one server that share the first are four thousand million to one, and a device's deadlines are a hint.
pub fn knows(said: u64, calendar: u64) -> bool {
    said == calendar || said == calendar >> 32 << 32
}

/// The feeds and rosters of a hello by community, in the hello's order; `None` if they cannot be told apart so.
fn stands(hello: &Hello) -> Option<Vec<Stand>> {
    let mut stands: Vec<Stand> = Vec::new();
    for cursor in hello.feeds.iter() {
        let community = cursor.feed.community;
        if stands.last().is_none_or(|stand| stand.community != community) {
            let roster = hello.rosters.iter().find(|roster| roster.community == community).map(|roster| roster.version);
            stands.push(Stand { community, positions: List::default(), roster });
        }
        let stand = stands.last_mut()?;
        let mut positions = std::mem::take(&mut stand.positions).to_vec();
        let place = usize::from(cursor.feed.audience.code());
        positions.resize(positions.len().max(place), None);
        positions.push(Some(cursor.seq));
        stand.positions = positions.try_into().ok()?;
    }
    for roster in
        hello.rosters.iter().filter(|roster| !stands.iter().any(|stand| stand.community == roster.community)).collect::<Vec<_>>()
    {
        stands.push(Stand { community: roster.community, positions: List::default(), roster: Some(roster.version) });
    }
    Some(stands)
}

impl Common {
    /// Of a hello that was said in short.
    pub fn of(hello: &Hello) -> Self {
        Self {
            device: hello.device,
            device_time: hello.device_time,
            schema: hello.schema,
            dictionary: hello.dictionary.unwrap_or_default(),
            asked: hello.feeds.to_vec(),
            server: None,
        }
    }

    fn place_of(&self, feed: FeedId) -> Option<u32> {
        self.asked.iter().position(|cursor| cursor.feed == feed).and_then(|place| u32::try_from(place).ok())
    }

    fn feed(&self, place: u32) -> Result<FeedId, Senseless> {
        self.asked.get(place as usize).map(|cursor| cursor.feed).ok_or(Senseless)
    }

    fn skew(&self, server_time: UnixMs) -> SpanMs {
        server_time - self.device_time
    }

    /// The answer to the hello; from here on both ends know the server's time and epoch as well.
    pub fn welcome(&mut self, welcome: Welcome) -> Frame {
        self.server = Some((welcome.server_time, welcome.epoch));
        let beyond = |(cursor, grant): (&Cursor, &Grant)| grant.head.map(|head| head.0.wrapping_sub(cursor.seq.0).cast_signed());
        let heads: Vec<Option<i64>> = self.asked.iter().zip(welcome.feeds.iter()).map(beyond).collect();
        let in_order = self.asked.iter().map(|cursor| cursor.feed).eq(welcome.feeds.iter().map(|grant| grant.feed));
        if !in_order || welcome.version != VERSION {
            return welcome.into();
        }
        let Ok(heads) = List::<Option<i64>, { limits::FEEDS }>::try_from(heads) else { return welcome.into() };
        let known = self.asked.iter().find(|cursor| cursor.seq > Seq(0)).map(|cursor| cursor.epoch);
        Frame::from(ShortWelcome {
            server_time: welcome.server_time,
            epoch: (known != Some(welcome.epoch)).then_some(welcome.epoch),
            schema: (welcome.schema != self.schema).then_some(welcome.schema),
            heads: heads.iter().any(|head| *head != Some(0)).then_some(heads),
            past: welcome.past,
        })
    }

    /// The answer that was meant.
    ///
    /// # Errors
    /// [`Senseless`].
    pub fn welcomed(&mut self, short: ShortWelcome) -> Result<Welcome, Senseless> {
        let known = self.asked.iter().find(|cursor| cursor.seq > Seq(0)).map(|cursor| cursor.epoch);
        let epoch = short.epoch.or(known).ok_or(Senseless)?;
        let heads = match short.heads {
            Some(heads) if heads.len() == self.asked.len() => heads.to_vec(),
            Some(_) => return Err(Senseless),
            None => vec![Some(0); self.asked.len()],
        };
        let grant = |(cursor, beyond): (&Cursor, Option<i64>)| Grant {
            feed: cursor.feed,
            head: beyond.map(|beyond| Seq(cursor.seq.0.wrapping_add(beyond.cast_unsigned()))),
        };
        let feeds: Vec<Grant> = self.asked.iter().zip(heads).map(grant).collect();
        self.server = Some((short.server_time, epoch));
        Ok(Welcome {
            version: VERSION,
            server_time: short.server_time,
            epoch,
            schema: short.schema.unwrap_or(self.schema),
            feeds: feeds.try_into().map_err(|_| Senseless)?,
            past: short.past,
        })
    }

    /// A push as it leaves.
    pub fn push(&self, push: PackedPush) -> Frame {
        let RawBatch { device, number, feed, device_time, ref changes, signature, ref absent } = push.batch;
        let own = device == self.device && changes.is_empty() && absent.is_none() && push.dictionary == self.dictionary;
        let signed = device_time - self.device_time;
        // A clock so far off that the difference is no number.
        let exact = self.device_time + signed == device_time;
        match self.place_of(feed).filter(|_| own && exact) {
            Some(feed) => ShortPush { number, feed, signed, signature, pack: push.pack }.into(),
            None => push.into(),
        }
    }

    /// The push that was meant.
    ///
    /// # Errors
    /// [`Senseless`].
    pub fn pushed(&self, short: ShortPush) -> Result<PackedPush, Senseless> {
        let batch = RawBatch {
            device: self.device,
            number: short.number,
            feed: self.feed(short.feed)?,
            device_time: self.device_time + short.signed,
            changes: List::default(),
            signature: short.signature,
            absent: None,
        };
        Ok(PackedPush { batch, dictionary: self.dictionary, pack: short.pack })
    }

    /// How far a feed is stored, as it leaves.
    pub fn see(&self, seen: Seen) -> Frame {
        let current = self.server.is_some_and(|(_, epoch)| epoch == seen.upto.epoch);
        match self.place_of(seen.upto.feed).filter(|_| current) {
            Some(feed) => ShortSeen { feed, upto: seen.upto.seq }.into(),
            None => seen.into(),
        }
    }

    /// How far the device has come.
    ///
    /// # Errors
    /// [`Senseless`].
    pub fn seen(&self, short: ShortSeen) -> Result<Seen, Senseless> {
        let (_, epoch) = self.server.ok_or(Senseless)?;
        Ok(Seen { upto: Cursor { feed: self.feed(short.feed)?, epoch, seq: short.upto } })
    }

    /// The receipt of a push of this connection, of which every change that was brought has its ruling in it, in order.
    pub fn receipt(&self, receipt: Receipt) -> Frame {
        let exact = |(server_time, _): &(UnixMs, Epoch)| *server_time + (receipt.received - *server_time) == receipt.received;
        let short = self.server.filter(|server| receipt.device == self.device && exact(server));
        let Some((server_time, _)) = short else { return receipt.into() };
        let mut runs: Vec<Run> = Vec::new();
        for Ruled { ruling, .. } in receipt.rulings.iter() {
            match runs.last_mut().filter(|run| nth(&run.first, run.count) == *ruling) {
                Some(run) => run.count += 1,
                None => runs.push(Run { count: 1, first: ruling.clone() }),
            }
        }
        Frame::from(ShortReceipt {
            number: receipt.number,
            runs: runs.try_into().expect("no more than rulings"),
            received: receipt.received - server_time,
            skew: (receipt.skew != self.skew(server_time)).then_some(receipt.skew),
            mark: receipt.mark,
        })
    }

    /// The receipt that was meant, of a batch with these changes.
    ///
    /// # Errors
    /// [`Senseless`].
    pub fn received(&self, short: ShortReceipt, names: &[ChangeHash]) -> Result<Receipt, Senseless> {
        let (server_time, _) = self.server.ok_or(Senseless)?;
        let mut rulings = Vec::with_capacity(names.len());
        for run in short.runs.iter() {
            for place in 0..run.count {
                let hash = *names.get(rulings.len()).ok_or(Senseless)?;
                rulings.push(Ruled { hash, ruling: nth(&run.first, place) });
            }
        }
        if rulings.len() != names.len() {
            return Err(Senseless);
        }
        Ok(Receipt {
            device: self.device,
            number: short.number,
            rulings: rulings.try_into().map_err(|_| Senseless)?,
            received: server_time + short.received,
            skew: short.skew.unwrap_or_else(|| self.skew(server_time)),
            mark: short.mark,
        })
    }

    /// The place of a feed, where what is packed by this dictionary may be told in short.
    pub fn place(&self, feed: FeedId, dictionary: u32) -> Option<u32> {
        self.place_of(feed).filter(|_| dictionary == self.dictionary)
    }

    /// The stretch that was meant, to a device that is there in its feeds.
    ///
    /// # Errors
    /// [`Senseless`].
    pub fn arrived(&self, short: ShortItems, at: impl Fn(FeedId) -> Option<Seq>) -> Result<PackedItems, Senseless> {
        let feed = self.feed(short.feed)?;
        // A feed that was given up while its page was under way: whoever reads it passes over it.
        let after = at(feed).unwrap_or_default();
        let upto = Seq(after.0.checked_add(short.length).ok_or(Senseless)?);
        Ok(PackedItems { feed, after, upto, link: short.link, dictionary: self.dictionary, pack: short.pack })
    }
}

/// The ruling so many places after the first of its run.
fn nth(first: &Ruling, places: u32) -> Ruling {
    match first {
        Ruling::Accepted(seq, role) => Ruling::Accepted(Seq(seq.0.wrapping_add(places.into())), role.clone()),
        same => same.clone(),
    }
}
