//! People who write apart, on devices that are offline all the time, and a server that hears of it in any order.

use std::collections::BTreeMap;

use renolog_protocol::batch::Batch;
use renolog_protocol::change::Change;
use renolog_protocol::id::{ActorId, CommunityId, DeviceId, EntryId, Epoch, FeedId, PersonId, RecordId};
use renolog_protocol::key::DeviceKey;
use renolog_protocol::record::{Act, Created, Record, Stamp, creation};
use renolog_protocol::roster::Roster;
use renolog_protocol::rules::{Author, judge};
use renolog_protocol::schema::{FieldName, KindName, Role, Schema, Value};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_server::command::{AddCommunity, Command, Duty, Enrol, Found, Guest, Invite, Push, Stamped};
use renolog_server::ingest::{Ingest, Outcome, Pushed};
use renolog_server::reception;
use renolog_server::store::Memory;
use renolog_tests::world::MORNING;

pub(crate) const COMMUNITY: CommunityId = CommunityId([1; 16]);

pub(crate) fn field(name: &str) -> FieldName {
    FieldName::parse(name).unwrap()
}

/// Someone with a device.
pub(crate) struct Writer {
    pub(crate) role: Role,
    device: DeviceId,
    key: DeviceKey,
    actor: ActorId,
    person: PersonId,
    seen: BTreeMap<RecordId, Record>,
}

/// One change, and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) by: usize,
    pub(crate) record: RecordId,
    pub(crate) feed: FeedId,
    pub(crate) change: Change,
}

/// What the writers wrote, in the order in which they did.
pub(crate) struct Writers {
    pub(crate) people: Vec<Writer>,
    /// What the rules allow.
    pub(crate) stands: Vec<Written>,
    /// What they do not: as a device would write it that knows no rules, in an actor of its own so that nothing rests on it.
    pub(crate) refused: Vec<Written>,
    roster: Roster,
    made: u8,
}

impl Writers {
    /// One of each of these roles.
    pub(crate) fn of(roles: &[&str]) -> Self {
        let writer = |(number, role): (u8, &&str)| Writer {
            role: Role::parse(role).unwrap(),
            device: DeviceId([number; 16]),
            key: DeviceKey::from_seed([number; 32]),
            actor: ActorId([number; 16]),
            person: PersonId([number; 16]),
            seen: BTreeMap::new(),
        };
        let people: Vec<Writer> = (1..).zip(roles).map(writer).collect();
        let roster = reception::roster(server(&people).store(), COMMUNITY).unwrap();
        Self { people, stands: Vec::new(), refused: Vec::new(), roster, made: 0 }
    }

    /// A server that knows them, and has heard nothing.
    pub(crate) fn server(&self) -> Ingest<Memory> {
        server(&self.people)
    }

    /// A new record.
    pub(crate) fn make(&mut self, who: usize, kind: &str, values: Vec<(FieldName, Value)>) -> RecordId {
        self.made += 1;
        let record = RecordId::from_parts(MORNING, [self.made; 10]);
        let (schema, now) = (Schema::built_in(), self.now());
        let writer = &self.people[who];
        let created = Created {
            kind: KindName::parse(kind).unwrap(),
            schema: schema.version,
            person: writer.person,
            party: schema.roles[&writer.role].party.clone(),
            device: writer.device,
            device_time: now,
        };
        let acts = creation(created, &schema.kinds[kind], values);
        self.write(who, Record::empty(record), kind, &acts);
        record
    }

    /// Says something in a record, as its writer has it: from its beginning on, and whatever they have read since.
    pub(crate) fn say(&mut self, who: usize, record: RecordId, act: impl FnOnce(&Writer, &Record, EntryId) -> Act) {
        let Some(first) = self.stands.iter().find(|written| written.record == record).cloned() else { return };
        let seen = self.people[who].seen.get(&record).cloned().unwrap_or_else(|| {
            let mut record = Record::empty(record);
            record.apply(&first.change).unwrap();
            record
        });
        let kind = seen.created().unwrap().kind.clone();
        let act = act(&self.people[who], &seen, self.draw());
        self.write(who, seen, kind.as_str(), &[act]);
    }

    fn write(&mut self, who: usize, mut seen: Record, kind: &str, acts: &[Act]) {
        let (schema, now, record) = (Schema::built_in(), self.now(), seen.id());
        let own = ActorId([100 + u8::try_from(self.refused.len()).unwrap(); 16]);
        let writer = &mut self.people[who];
        let feed = FeedId { community: COMMUNITY, audience: schema.kinds[kind].audience };
        let (party, before) = (schema.roles[&writer.role].party.clone(), seen.clone());
        let stamp = |actor| Stamp { actor, party: party.clone(), device_time: now };
        // What no change can say is no change.
        let Ok(change) = seen.write(acts, &stamp(writer.actor)) else { return };
        let author = Author { person: writer.person, device: writer.device, at: now };
        if judge(&schema, &self.roster, &before, feed.audience, author, &change).is_ok() {
            writer.seen.insert(record, seen);
            self.stands.push(Written { by: who, record, feed, change });
        } else {
            let change = before.clone().write(acts, &stamp(own)).unwrap();
            self.refused.push(Written { by: who, record, feed, change });
        }
    }

    /// `who` reads everything that `other` has.
    pub(crate) fn read(&mut self, who: usize, other: usize) {
        for Written { record, change, .. } in &self.stands {
            let has = |writer: &Writer| writer.seen.get(record).is_some_and(|record| record.holds(change.hash()));
            if has(&self.people[other]) && !has(&self.people[who]) {
                let seen = &mut self.people[who].seen;
                seen.entry(*record).or_insert_with(|| Record::empty(*record)).apply(change).unwrap();
            }
        }
    }

    /// Signs these for one push; all are of one writer and one feed.
    pub(crate) fn sign(&self, number: u64, group: &[Written]) -> Batch {
        let writer = &self.people[group[0].by];
        let changes = group.iter().map(|written| (written.record, written.change.clone())).collect();
        Batch::sign(&writer.key, writer.device, number, group[0].feed, MORNING, changes).unwrap()
    }

    fn now(&self) -> UnixMs {
        MORNING + SpanMs(1000 * (self.stands.len() + self.refused.len()) as i64)
    }

    fn draw(&self) -> EntryId {
        let [.., high, low] = (self.stands.len() + self.refused.len()).to_be_bytes();
        EntryId::from_random([0, 0, 0, high, low])
    }
}

/// Hands a server one batch.
pub(crate) fn push(ingest: &mut Ingest<Memory>, batch: Batch) -> Pushed {
    let push = Push { carrier: batch.device(), batch, skew: SpanMs(0) };
    let Ok(Outcome::Pushed(pushed)) = ingest.apply(&Stamped::new(MORNING, Command::Push(push))) else {
        panic!("a push that is not judged")
    };
    ingest.commit().unwrap();
    pushed
}

/// These in an order given by `keys`, in groups that end where `cuts` says, or where another writer or feed begins.
pub(crate) fn grouped(written: &[Written], keys: &[u32], cuts: &[bool]) -> Vec<Vec<Written>> {
    let mut order: Vec<usize> = (0..written.len()).collect();
    order.sort_by_key(|number| keys[number % keys.len()]);
    let mut groups: Vec<Vec<Written>> = Vec::new();
    for number in order {
        let next = written[number].clone();
        match groups.last_mut() {
            Some(group) if (group[0].by, group[0].feed) == (next.by, next.feed) && !cuts[number % cuts.len()] => group.push(next),
            _ => groups.push(vec![next]),
        }
    }
    groups
}

fn server(people: &[Writer]) -> Ingest<Memory> {
    let mut ingest = Ingest::new(Memory::new(), Schema::built_in()).unwrap();
    let mut apply = |command| ingest.apply(&Stamped::new(MORNING, command)).map(drop).unwrap();
    apply(Command::Found(Found { epoch: Epoch(1) }));
    apply(Command::AddCommunity(AddCommunity { id: COMMUNITY, slug: "desheng".into(), name: "德胜新村".into() }));
    for writer in people {
        let code_hash = writer.device.as_bytes().to_vec();
        apply(Command::Invite(Invite {
            code_hash: code_hash.clone(),
            guest: Guest::New(writer.role.to_string()),
            duty: Some(Duty {
                role: writer.role.clone(),
                party: Schema::built_in().roles[&writer.role].party.clone(),
                communities: vec![COMMUNITY],
            }),
            administrator: false,
            expires: UnixMs(MORNING.0 + 1),
        }));
        apply(Command::Enrol(Enrol {
            code_hash,
            person: writer.person,
            device: writer.device,
            public_key: writer.key.public(),
            device_name: String::new(),
            was: None,
        }));
    }
    ingest.commit().unwrap();
    ingest
}
