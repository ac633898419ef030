//! A small world for stories: clients, and a server that judges by the real rules and talks through the real session,
//! without sockets, files or a clock that runs.

#![expect(unreachable_pub, reason = "shared by the stories of this folder")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use renolog_client_core::client::{Client, Input, Output};
use renolog_client_core::store::{Enrolled, Place};
use renolog_protocol::batch::{Batch, RawBatch};
use renolog_protocol::calendar::Calendar;
use renolog_protocol::chain::{Brought, Mark};
use renolog_protocol::codec::{Known, actor_of};
use renolog_protocol::id::{ActorId, Audience, ChangeHash, CommunityId, DeviceId, Epoch, FeedId, Link, PersonId, RecordId, Seq};
use renolog_protocol::key::PublicKey;
use renolog_protocol::record::Record;
use renolog_protocol::refusal::{Code, Refusal};
use renolog_protocol::roster::{Member, Roster};
use renolog_protocol::rules::{Author, Objection, judge};
use renolog_protocol::schema::{FieldName, KindName, MoveName, Role, Schema, Value};
use renolog_protocol::session::ByeCode;
use renolog_protocol::session::server::{self, Body, CommunityStanding, FeedEntry, Introduction, ServerSession};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::{Receipt, Ruled, Ruling, Visit};

pub const START: UnixMs = UnixMs(1_767_225_600_000);

pub struct Phone {
    pub client: Client,
    pub person: PersonId,
    pub session: Option<ServerSession>,
    /// Let through so many more messages each way, then cut.
    pub cut_after: Option<usize>,
    /// How far its clock is off.
    pub skew: SpanMs,
    /// The rules that the server gives it.
    pub given: Arc<Schema>,
}

#[derive(Default)]
pub struct Server {
    pub epoch: Epoch,
    pub feeds: BTreeMap<FeedId, Vec<FeedEntry>>,
    pub records: BTreeMap<RecordId, Record>,
    pub refused: BTreeMap<ChangeHash, Refusal>,
    pub keys: BTreeMap<DeviceId, (PersonId, PublicKey)>,
    pub roster: Arc<Roster>,
    /// Refuse the next changes with these codes, whatever the rules say.
    pub whims: VecDeque<Code>,
    pub pushes: Vec<RawBatch>,
    /// Numbers of batches that cannot be taken at all.
    pub not_taken: BTreeSet<u64>,
    /// The rules it judges by, where they are newer than those built in.
    pub newer: Option<Arc<Schema>>,
    /// The working days it counts by, where they are not those built in.
    pub calendar: Option<Arc<Calendar>>,
}

pub struct World {
    pub now: UnixMs,
    pub community: CommunityId,
    pub server: Server,
    pub phones: Vec<Phone>,
    /// Phones may fail to store what arrives.
    pub failing: bool,
}

pub fn role(name: &str) -> Role {
    Role::parse(name).expect("a role")
}

pub fn field(name: &str) -> FieldName {
    FieldName::parse(name).expect("a field")
}

pub fn a_move(name: &str) -> MoveName {
    MoveName::parse(name).expect("a move")
}

pub fn kind(name: &str) -> KindName {
    KindName::parse(name).expect("a kind")
}

impl World {
    pub fn new(roles: &[(&str, &str)]) -> Self {
        let community = CommunityId::from_parts(START, [9; 10]);
        let mut world = Self {
            now: START,
            community,
            server: Server { epoch: Epoch(1), ..Server::default() },
            phones: vec![],
            failing: false,
        };
        let schema = Schema::built_in();
        let mut members = Vec::new();
        for (number, (name, held)) in roles.iter().enumerate() {
            let person = PersonId::from_parts(START, [number as u8 + 1; 10]);
            let role = role(held);
            let party = schema.roles[&role].party.clone();
            members.push(Member { person, name: (*name).into(), role, party, from: UnixMs(0), until: None });
            world.add_phone(person, name, [number as u8 + 1; 32], &Place::Memory);
        }
        world.server.roster = Arc::new(Roster { version: 1, members });
        world
    }

    pub fn add_phone(&mut self, person: PersonId, name: &str, seed: [u8; 32], place: &Place) -> usize {
        let mut client = Client::open(place, seed, self.now).expect("a store");
        if client.enrolment().is_none() {
            let enrolled = Enrolled { server: "http://sim".into(), person, name: name.into(), token: "t".into() };
            client.enrolled(enrolled).expect("stored");
            client.follow(self.now, self.community).expect("stored");
        }
        self.server.keys.insert(client.device(), (person, client.public_key()));
        let given = Schema::built_in();
        self.phones.push(Phone { client, person, session: None, cut_after: None, skew: SpanMs(0), given });
        self.phones.len() - 1
    }

    pub fn clock(&self, phone: usize) -> UnixMs {
        self.now + self.phones[phone].skew
    }

    pub fn feed(&self, audience: Audience) -> FeedId {
        FeedId { community: self.community, audience }
    }

    pub fn raise(&mut self, phone: usize, location: &str) -> RecordId {
        let now = self.clock(phone);
        let values = vec![(field("item"), Value::from("safety")), (field("location"), Value::from(location))];
        self.phones[phone].client.create(now, self.community, &kind("rectification"), values, None).expect("may raise")
    }

    pub fn connect(&mut self, phone: usize) {
        let now = self.clock(phone);
        self.phones[phone].client.handle(now, Input::Start).expect("enrolled");
        self.run();
    }

    /// The link is cut; both ends notice.
    pub fn cut(&mut self, phone: usize) {
        let now = self.clock(phone);
        self.phones[phone].session = None;
        self.phones[phone].cut_after = None;
        self.phones[phone].client.handle(now, Input::Disconnected).expect("stored");
    }

    pub fn offline(&mut self, phone: usize) {
        let now = self.clock(phone);
        self.phones[phone].session = None;
        self.phones[phone].client.handle(now, Input::Stop).expect("stored");
        while self.phones[phone].client.poll_output().is_some() {}
    }

    pub fn wait(&mut self, seconds: i64) {
        self.now = self.now + SpanMs::from_secs(seconds);
        for phone in 0..self.phones.len() {
            let now = self.clock(phone);
            if self.phones[phone].client.poll_timeout().is_some_and(|due| due <= now) {
                self.phones[phone].client.handle(now, Input::Timeout).expect("stored");
            }
        }
        self.run();
    }

    /// Until nobody has anything more to say.
    pub fn run(&mut self) {
        for _ in 0..10_000 {
            let moved = (0..self.phones.len()).any(|phone| self.step(phone));
            if !moved {
                return;
            }
        }
        panic!("they never stop talking");
    }

    fn allowed(&mut self, phone: usize) -> bool {
        match &mut self.phones[phone].cut_after {
            None => true,
            Some(0) => {
                self.cut(phone);
                false
            }
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    fn step(&mut self, phone: usize) -> bool {
        let now = self.clock(phone);
        if let Some(output) = self.phones[phone].client.poll_output() {
            match output {
                Output::Connect => {
                    self.phones[phone].session = Some(ServerSession::new(self.phones[phone].client.device()));
                    self.phones[phone].client.handle(now, Input::Connected).expect("stored");
                }
                Output::Send(bytes) => {
                    if self.phones[phone].session.is_some()
                        && self.allowed(phone)
                        && let Some(session) = &mut self.phones[phone].session
                    {
                        session.handle(server::Input::Frame(&bytes));
                    }
                }
                Output::Disconnect => self.phones[phone].session = None,
            }
            return true;
        }
        let Some(output) = self.phones[phone].session.as_mut().and_then(ServerSession::poll_output) else { return false };
        self.serve(phone, output);
        true
    }

    fn serve(&mut self, phone: usize, output: server::Output) {
        let answer = match output {
            server::Output::Share(bytes) => return self.serve(phone, server::Output::Send(bytes.to_vec())),
            server::Output::Send(bytes) => {
                if self.allowed(phone) {
                    let now = self.clock(phone);
                    let stored = self.phones[phone].client.handle(now, Input::Frame(&bytes));
                    assert!(stored.is_ok() || self.failing, "{stored:?}");
                }
                return;
            }
            server::Output::Introduce { .. } => server::Input::Introduced(self.introduction(&self.phones[phone])),
            server::Output::Submit(parcel) => {
                let Ok(raw) = parcel.open(&self.server) else {
                    let session = self.phones[phone].session.as_mut().expect("it asked");
                    return session.handle(server::Input::NotTaken(ByeCode::Unpackable, "what does it stand on?".into()));
                };
                if self.server.not_taken.contains(&raw.number) {
                    let session = self.phones[phone].session.as_mut().expect("it asked");
                    return session.handle(server::Input::NotTaken(ByeCode::BadBatch, "no".into()));
                }
                self.server.pushes.push(raw.clone());
                let feed = raw.feed;
                let before = self.server.mark(feed).map_or(0, |mark| mark.seq.0);
                let receipt = self.server.judge(self.now, raw);
                self.tell_everyone();
                let after = self.server.mark(feed).map_or(0, |mark| mark.seq.0);
                server::Input::Judged { receipt, placed: (before + 1..=after).map(Seq).collect() }
            }
            server::Output::Read { feed, after } => {
                let entries = self.server.feeds.get(&feed).map(Vec::as_slice).unwrap_or_default();
                let page = entries.iter().filter(|e| e.seq > after).take(3).cloned().collect();
                server::Input::Page { feed, entries: page, head: Seq(entries.len() as u64) }
            }
            // This server has no snapshots.
            server::Output::ReadChunk { feed, .. } => server::Input::Chunk { feed, chunk: None },
            server::Output::Saw { .. } => return,
            server::Output::Close => return self.cut(phone),
        };
        if let Some(session) = &mut self.phones[phone].session {
            session.handle(answer);
        }
    }

    fn standing(&self, person: PersonId) -> CommunityStanding {
        let roster = self.server.roster.clone();
        let roles: Vec<Role> = roster.roles_of(person, self.now).map(|m| m.role.clone()).collect();
        let readable = Audience::ALL.into_iter().filter(|audience| Schema::built_in().may_read(*audience, &roles));
        let feeds = readable.map(|audience| {
            let feed = self.feed(audience);
            (feed, Seq(self.server.feeds.get(&feed).map_or(0, |entries| entries.len() as u64)))
        });
        CommunityStanding { community: self.community, name: "德胜新村".into(), feeds: feeds.collect(), roster }
    }

    fn tell_everyone(&mut self) {
        for (feed, entries) in &self.server.feeds {
            let head = Seq(entries.len() as u64);
            for session in self.phones.iter_mut().filter_map(|phone| phone.session.as_mut()) {
                session.handle(server::Input::Grew(*feed, head));
            }
        }
    }

    /// An administrator lets a refused change stand after all.
    pub fn release(&mut self, hash: ChangeHash) {
        let holds = |raw: &&RawBatch| {
            raw.changes.iter().any(|raw| renolog_protocol::change::Change::parse(&raw.bytes).expect("sound").hash() == hash)
        };
        let raw = self.server.pushes.iter().find(holds).expect("it was pushed").clone();
        let (person, key) = self.server.keys[&raw.device];
        let batch = Batch::open(raw, &key).expect("a sound batch");
        let (_, record, change) = batch.changes().find(|(.., change)| change.hash() == hash).expect("found above");
        let known = self.server.records.entry(record).or_insert_with(|| Record::empty(record));
        known.understand(change).expect("it can be released");
        self.server.refused.remove(&hash).expect("it was refused");
        self.server.accept(self.now, &batch, person, record, change, role("street"));
        self.tell_everyone();
        self.run();
    }

    fn introduction(&self, phone: &Phone) -> Introduction {
        Introduction {
            server_time: self.now,
            epoch: self.server.epoch,
            schema: phone.given.clone(),
            calendar: self.server.calendar.clone().unwrap_or_else(Calendar::built_in),
            communities: vec![self.standing(phone.person)],
            links: BTreeMap::new(),
        }
    }

    /// A new roster, and everyone online is told.
    pub fn reroster(&mut self, change: impl FnOnce(&mut Roster)) {
        let mut roster = Roster::clone(&self.server.roster);
        roster.version += 1;
        change(&mut roster);
        self.server.roster = Arc::new(roster);
        for phone in 0..self.phones.len() {
            let standing = self.standing(self.phones[phone].person);
            if let Some(session) = &mut self.phones[phone].session {
                session.handle(server::Input::Standings(vec![standing]));
            }
        }
        self.run();
    }

    /// The server as it was: forgets everything after a position of the open feed, and begins another life.
    pub fn restore_backup(&mut self, keep: usize) {
        self.server.epoch = Epoch(self.server.epoch.0 + 1);
        let feeds: Vec<(FeedId, Vec<FeedEntry>)> = std::mem::take(&mut self.server.feeds).into_iter().collect();
        self.server.records.clear();
        for (feed, mut entries) in feeds {
            entries.truncate(keep);
            for entry in &entries {
                let Body::Change(bytes) = &entry.body else { continue };
                let change = renolog_protocol::change::Change::parse(bytes).expect("accepted");
                let record = self.server.records.entry(entry.record).or_insert_with(|| Record::empty(entry.record));
                record.apply(&change).expect("accepted");
            }
            self.server.feeds.insert(feed, entries);
        }
    }

    /// Everyone and the server hold the same, byte for byte, and nobody has anything unsent.
    pub fn assert_converged(&mut self) {
        let schema = Schema::built_in();
        let truth: BTreeMap<RecordId, String> = self
            .server
            .records
            .iter()
            .filter_map(|(id, record)| Some((*id, serde_json::to_string(&record.view(&schema)?).expect("json"))))
            .collect();
        for phone in &mut self.phones {
            let mine = phone.client.state_of_everything().expect("readable");
            assert_eq!(mine, truth, "{}", phone.person);
            assert_eq!(phone.client.status().expect("readable").unsent, 0);
        }
    }
}

impl Known for Server {
    type Error = std::convert::Infallible;

    fn begins(&self, prefix: &[u8]) -> Result<Option<(ChangeHash, RecordId)>, Self::Error> {
        let entries = self.feeds.values().flatten();
        let mut found = entries.filter(|entry| entry.hash.0.starts_with(prefix));
        Ok(found.next().map(|entry| (entry.hash, entry.record)))
    }

    fn actors(&self, record: RecordId) -> Result<Vec<ActorId>, Self::Error> {
        let of_record = self.feeds.values().flatten().filter(|entry| entry.record == record);
        let actor = |entry: &FeedEntry| if let Body::Change(bytes) = &entry.body { actor_of(bytes) } else { None };
        Ok(of_record.filter_map(actor).collect())
    }
}

impl Server {
    fn judge(&mut self, now: UnixMs, raw: RawBatch) -> Receipt {
        let (person, key) = self.keys[&raw.device];
        let batch = Batch::open(raw, &key).expect("a sound batch");
        let rulings: Vec<Ruled> = batch
            .changes()
            .map(|(_, record, change)| Ruled { hash: change.hash(), ruling: self.rule(now, &batch, person, record, change) })
            .collect();
        let (rulings, skew) = (rulings.try_into().expect("bounded"), now - batch.device_time());
        let mark = self.mark(batch.feed());
        Receipt { device: batch.device(), number: batch.number(), rulings, received: now, skew, mark }
    }

    fn mark(&self, feed: FeedId) -> Option<Mark> {
        self.feeds.get(&feed)?.last().map(|entry| Mark { seq: entry.seq, link: entry.link })
    }

    fn accept(
        &mut self,
        now: UnixMs,
        batch: &Batch,
        person: PersonId,
        id: RecordId,
        change: &renolog_protocol::change::Change,
        role: Role,
    ) -> Seq {
        self.records.entry(id).or_insert_with(|| Record::empty(id)).apply(change).expect("judged");
        let entries = self.feeds.entry(batch.feed()).or_default();
        let seq = Seq(entries.len() as u64 + 1);
        let (device, party, skew) = (batch.device(), change.party().clone(), now - batch.device_time());
        let visit = Visit { device, person, role, party, received: now, skew };
        let before = entries.last().map_or_else(|| Link::start(batch.feed()), |entry| entry.link);
        let link = before.then(seq, change.hash(), &Brought::from(&visit));
        entries.push(FeedEntry { seq, record: id, hash: change.hash(), body: Body::Change(change.bytes().into()), visit, link });
        seq
    }

    fn rule(
        &mut self,
        now: UnixMs,
        batch: &Batch,
        person: PersonId,
        id: RecordId,
        change: &renolog_protocol::change::Change,
    ) -> Ruling {
        let entries = self.feeds.entry(batch.feed()).or_default();
        if let Some(known) = entries.iter().find(|entry| entry.hash == change.hash()) {
            return Ruling::Accepted(known.seq, known.visit.role.clone());
        }
        if let Some(refusal) = self.refused.get(&change.hash()) {
            return Ruling::Refused(refusal.clone());
        }
        if let Some(code) = self.whims.pop_front() {
            let refusal = Refusal::new(code, "不行", "no");
            self.refused.insert(change.hash(), refusal.clone());
            return Ruling::Refused(refusal);
        }
        if change.deps().any(|dep| self.refused.contains_key(&dep)) {
            let refusal = Refusal::new(Code::DependsOnRefused, "前面的被拒绝", "what it depends on was refused");
            self.refused.insert(change.hash(), refusal.clone());
            return Ruling::Refused(refusal);
        }
        let record = self.records.entry(id).or_insert_with(|| Record::empty(id));
        let author = Author { person, device: batch.device(), at: now };
        match judge(
            &self.newer.clone().unwrap_or_else(Schema::built_in),
            &self.roster,
            record,
            batch.feed().audience,
            author,
            change,
        ) {
            Ok(allowed) => {
                let role = allowed.role.clone();
                Ruling::Accepted(self.accept(now, batch, person, id, change, allowed.role), role)
            }
            Err(Objection::Refused(refusal)) => {
                self.refused.insert(change.hash(), refusal.clone());
                Ruling::Refused(refusal)
            }
            Err(Objection::Missing(missing)) => Ruling::Held(missing.try_into().expect("bounded")),
            Err(Objection::Forked) => Ruling::Forked,
        }
    }
}
