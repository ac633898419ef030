//! Any interleaving, and any grouping into pushes, of the same edits gives the same state and the same fold: on the server
//! and on every device.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index as Pick;
use renolog_protocol::batch::Batch;
use renolog_protocol::change::Change;
use renolog_protocol::id::{ActorId, Audience, CommunityId, DeviceId, EntryId, Epoch, FeedId, PersonId, RecordId};
use renolog_protocol::key::DeviceKey;
use renolog_protocol::record::{Act, Created, Record, Stamp, creation};
use renolog_protocol::roster::Roster;
use renolog_protocol::rules::{Author, judge};
use renolog_protocol::schema::{FieldName, KindName, MoveName, Role, Schema, Value};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_server::command::{AddCommunity, Command, Duty, Enrol, Found, Guest, Invite, Push, Stamped};
use renolog_server::ingest::Ingest;
use renolog_server::reception;
use renolog_server::store::{ALL, ChangeRow, Column, Fate, Memory, Read, RecordRow};
use renolog_tests::world::MORNING;

const COMMUNITY: CommunityId = CommunityId([1; 16]);
const FEED: FeedId = FeedId { community: COMMUNITY, audience: Audience::Parties };
const ROLES: [&str; 4] = ["property_manager", "owners_committee", "residents_committee", "street"];

/// Someone with a device that is offline all the time.
struct Writer {
    role: Role,
    device: DeviceId,
    key: DeviceKey,
    actor: ActorId,
    person: PersonId,
    seen: Record,
}

/// What someone tries next, and whose words they have read before.
#[derive(Debug, Clone)]
struct Try {
    who: usize,
    reads: Option<usize>,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Note,
    Subject(u8),
    Opinion(u8),
    SignOff(bool),
    Move(Pick),
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let what = prop_oneof![
        Just(What::Note),
        any::<u8>().prop_map(What::Subject),
        any::<u8>().prop_map(What::Opinion),
        any::<bool>().prop_map(What::SignOff),
        any::<Pick>().prop_map(What::Move),
        any::<Pick>().prop_map(What::Move),
    ];
    let one = (0..ROLES.len(), prop::option::of(0..ROLES.len()), what).prop_map(|(who, reads, what)| Try { who, reads, what });
    prop::collection::vec(one, 4..28)
}

fn field(name: &str) -> FieldName {
    FieldName::parse(name).unwrap()
}

/// A server that knows the writers.
fn server(writers: &[Writer]) -> Ingest<Memory> {
    let mut ingest = Ingest::new(Memory::new(), Schema::built_in()).unwrap();
    let mut apply = |command| ingest.apply(&Stamped::new(MORNING, command)).map(drop).unwrap();
    apply(Command::Found(Found { epoch: Epoch(1) }));
    apply(Command::AddCommunity(AddCommunity { id: COMMUNITY, slug: "desheng".into(), name: "德胜新村".into() }));
    for writer in writers {
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

fn writers(record: RecordId) -> Vec<Writer> {
    let writer = |(number, role): (usize, &&str)| {
        let number = number as u8 + 1;
        Writer {
            role: Role::parse(role).unwrap(),
            device: DeviceId([number; 16]),
            key: DeviceKey::from_seed([number; 32]),
            actor: ActorId([number; 16]),
            person: PersonId([number; 16]),
            seen: Record::empty(record),
        }
    };
    ROLES.iter().enumerate().map(writer).collect()
}

/// What the writers write that may stand: each change with its writer, in the order in which it was written.
struct Written {
    writers: Vec<Writer>,
    record: RecordId,
    changes: Vec<(usize, Change)>,
}

fn write(tries: &[Try]) -> Written {
    let record = RecordId::from_parts(MORNING, [9; 10]);
    let mut written = Written { writers: writers(record), record, changes: Vec::new() };
    let roster = reception::roster(server(&written.writers).store(), COMMUNITY).unwrap();
    let values = vec![(field("subject"), Value::from("停车位"))];
    written.say(0, &roster, |writer, schema, now| {
        let created = Created {
            kind: KindName::parse("matter").unwrap(),
            schema: schema.version,
            person: writer.person,
            party: schema.roles[&writer.role].party.clone(),
            device: writer.device,
            device_time: now,
        };
        creation(created, &schema.kinds["matter"], values.clone())
    });
    for one in tries {
        one.reads.into_iter().for_each(|other| written.read(one.who, other));
        written.read_the_beginning(one.who);
        let number = written.changes.len() as u16;
        written.say(one.who, &roster, |writer, schema, _| vec![one.what.act(writer, schema, number)]);
    }
    written
}

impl What {
    fn act(&self, writer: &Writer, schema: &Schema, number: u16) -> Act {
        let [high, low] = number.to_be_bytes();
        let id = EntryId::from_random([0, 0, 0, high, low]);
        let party = schema.roles[&writer.role].party.to_string();
        let put = |name, part, value| Act::Put { field: field(name), key: party.clone(), entry: [(field(part), value)].into() };
        match self {
            Self::Note => Act::note(id, &format!("第{number}句")),
            Self::Subject(text) => {
                Act::Write { field: field("subject"), text: format!("停车位{}", "划线".repeat(1 + usize::from(text % 3))) }
            }
            Self::Opinion(text) => put("opinions", "text", Value::Text(format!("意见{}", text % 3))),
            Self::SignOff(agreed) => put("sign_offs", "agreed", Value::YesNo(*agreed)),
            Self::Move(pick) => {
                let moves: Vec<&MoveName> = schema.kinds["matter"].moves.keys().collect();
                let name = (*pick.get(&moves)).clone();
                let reason = schema.kinds["matter"].moves[&name].reason.then(|| "情况有变".to_owned());
                Act::Move { id, name, follows: writer.seen.latest_moves(), reason }
            }
        }
    }
}

impl Written {
    /// Writes what the rules allow; forgets the rest.
    fn say(&mut self, who: usize, roster: &Roster, acts: impl FnOnce(&Writer, &Schema, UnixMs) -> Vec<Act>) {
        let schema = Schema::built_in();
        let now = MORNING + SpanMs(1000 * self.changes.len() as i64);
        let writer = &mut self.writers[who];
        let acts = acts(writer, &schema, now);
        let party = schema.roles[&writer.role].party.clone();
        let before = writer.seen.clone();
        let Ok(change) = writer.seen.write(&acts, &Stamp { actor: writer.actor, party, device_time: now }) else { return };
        let author = Author { person: writer.person, device: writer.device, at: now };
        match judge(&schema, roster, &before, FEED.audience, author, &change) {
            Ok(_) => self.changes.push((who, change)),
            Err(_) => writer.seen = before,
        }
    }

    /// `who` reads everything that `other` has.
    fn read(&mut self, who: usize, other: usize) {
        for (_, change) in &self.changes {
            if self.writers[other].seen.holds(change.hash()) && !self.writers[who].seen.holds(change.hash()) {
                self.writers[who].seen.apply(change).unwrap();
            }
        }
    }

    fn read_the_beginning(&mut self, who: usize) {
        if self.writers[who].seen.is_empty() {
            self.writers[who].seen.apply(&self.changes[0].1).unwrap();
        }
    }

    /// The changes in an order given by `keys`, in batches that end where `cuts` says, or where another device begins.
    fn batches(&self, keys: &[u32], cuts: &[bool]) -> Vec<Batch> {
        let mut order: Vec<usize> = (0..self.changes.len()).collect();
        order.sort_by_key(|number| keys[number % keys.len()]);
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for number in order {
            match groups.last_mut() {
                Some(group) if self.changes[group[0]].0 == self.changes[number].0 && !cuts[number % cuts.len()] => {
                    group.push(number)
                }
                _ => groups.push(vec![number]),
            }
        }
        let sign = |(count, group): (usize, Vec<usize>)| {
            let writer = &self.writers[self.changes[group[0]].0];
            let changes = group.into_iter().map(|number| (self.record, self.changes[number].1.clone())).collect();
            Batch::sign(&writer.key, writer.device, count as u64 + 1, FEED, MORNING, changes).unwrap()
        };
        groups.into_iter().enumerate().map(sign).collect()
    }

    /// The record as a device shows it that received the changes in this order, each as soon as it fits.
    fn shown_after(&self, order: impl Iterator<Item = Change>) -> String {
        let mut record = Record::empty(self.record);
        let mut waiting: Vec<Change> = order.collect();
        while !waiting.is_empty() {
            let next = waiting.iter().position(|change| change.deps().all(|dep| record.holds(dep))).unwrap();
            record.apply(&waiting.remove(next)).unwrap();
        }
        serde_json::to_string(&record.view(&Schema::built_in()).unwrap()).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_any_grouping_give_the_same_record(
        tries in tries(),
        keys in prop::collection::vec(any::<u32>(), 32),
        cuts in prop::collection::vec(any::<bool>(), 32),
    ) {
        let written = write(&tries);
        let expected = written.shown_after(written.changes.iter().map(|(_, change)| change.clone()));

        let mut ingest = server(&written.writers);
        for batch in written.batches(&keys, &cuts) {
            let push = Push { carrier: batch.device(), batch, skew: SpanMs(0) };
            ingest.apply(&Stamped::new(MORNING, Command::Push(push))).unwrap();
            ingest.commit().unwrap();
        }
        let rows: Vec<ChangeRow> = ingest.store().list_by(ChangeRow::BY_FEED, &[FEED.to_cell()], None, ALL).unwrap();
        let fates: BTreeSet<Fate> = rows.iter().map(|row| row.fate).collect();
        prop_assert_eq!(fates, BTreeSet::from([Fate::Accepted]));
        prop_assert_eq!(rows.len(), written.changes.len());
        let row: RecordRow = ingest.store().get(&[written.record.to_cell()]).unwrap().unwrap();
        prop_assert_eq!(&row.view, &expected, "the server");

        let in_the_feed = rows.iter().map(|row| Change::parse(&row.bytes).unwrap());
        prop_assert_eq!(&written.shown_after(in_the_feed), &expected, "a device that reads the feed");
        let any_order = written.batches(&keys, &[true]).into_iter().flat_map(|batch| -> Vec<Change> {
            batch.changes().map(|(.., change)| change.clone()).collect()
        });
        prop_assert_eq!(&written.shown_after(any_order), &expected, "a device that hears them anyhow");
    }
}
