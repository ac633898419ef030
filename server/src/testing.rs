//! A small district for tests: a write path in memory, and people who sign what they push to it.

use std::collections::HashMap;

use renolog_protocol::batch::Batch;
use renolog_protocol::change::Change;
use renolog_protocol::id::{ActorId, CommunityId, DeviceId, EntryId, Epoch, FeedId, PersonId, RecordId};
use renolog_protocol::key::DeviceKey;
use renolog_protocol::record::{Act, Created, EntryParts, Record, Stamp, creation};
use renolog_protocol::schema::{FieldName, KindName, MoveName, Party, Role, Schema, Value};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::Ruling;

use crate::command::{AddCommunity, Command, Duty, Enrol, Found, Guest, Invite, Push, Stamped, UseSchema};
use crate::ingest::{Ingest, IngestError, Outcome};
use crate::store::Memory;

/// Monday, 2 November 2026, nine in the morning in Hangzhou.
pub(crate) const MONDAY: UnixMs = UnixMs(1_793_581_200_000);

pub(crate) const HOUR: SpanMs = SpanMs::from_secs(3600);

/// See the module.
pub(crate) struct District {
    pub(crate) ingest: Ingest<Memory>,
    pub(crate) now: UnixMs,
    records: HashMap<RecordId, (Record, FeedId)>,
    drawn: u64,
}

/// One person in one role, on one device.
pub(crate) struct Member {
    pub(crate) person: PersonId,
    pub(crate) party: Party,
    device: DeviceId,
    key: DeviceKey,
    actor: ActorId,
}

pub(crate) fn field(name: &str) -> FieldName {
    FieldName::parse(name).expect("a name")
}

pub(crate) fn put(name: &str, key: &str, parts: &[(&str, Value)]) -> Act {
    let entry: EntryParts = parts.iter().map(|(name, value)| (field(name), value.clone())).collect();
    Act::Put { field: field(name), key: key.into(), entry }
}

/// So many buildings, numbered from 1.
pub(crate) fn buildings(count: usize) -> Vec<Act> {
    (1..=count).map(|number| put("buildings", &format!("{number}幢"), &[])).collect()
}

impl District {
    pub(crate) fn new() -> Self {
        let schema = Schema::built_in();
        let ingest = Ingest::new(Memory::new(), schema.clone()).expect("memory");
        let mut district = Self { ingest, now: MONDAY, records: HashMap::new(), drawn: 0 };
        district.command(Command::Found(Found { epoch: Epoch(1) })).expect("it is new");
        let text = schema.text().to_owned();
        district.command(Command::UseSchema(UseSchema { version: schema.version, text })).expect("it is the first");
        district
    }

    pub(crate) fn command(&mut self, command: Command) -> Result<Outcome, IngestError> {
        let outcome = self.ingest.apply(&Stamped::new(self.now, command))?;
        self.ingest.commit()?;
        Ok(outcome)
    }

    pub(crate) fn draw<const N: usize>(&mut self) -> [u8; N] {
        self.drawn += 1;
        let mut bytes = [0; N];
        let number = self.drawn.to_be_bytes();
        let (from, to) = (number.len().saturating_sub(N), N.saturating_sub(number.len()));
        bytes[to..].copy_from_slice(&number[from..]);
        bytes
    }

    pub(crate) fn community(&mut self, slug: &str) -> CommunityId {
        let id = CommunityId::from_parts(self.now, self.draw());
        let command = AddCommunity { id, slug: slug.into(), name: slug.into() };
        self.command(Command::AddCommunity(command)).expect("a new name");
        id
    }

    pub(crate) fn member(&mut self, communities: &[CommunityId], role: &str) -> Member {
        let role = Role::parse(role).expect("a role");
        let party = Schema::built_in().roles[&role].party.clone();
        let (code_hash, expires, name) = (self.draw::<32>().to_vec(), self.now + HOUR, role.to_string());
        let duty = Some(Duty { role, party: party.clone(), communities: communities.to_vec() });
        let guest = Guest::New(name);
        let invite = Invite { code_hash: code_hash.clone(), guest, duty, administrator: false, expires };
        self.command(Command::Invite(invite)).expect("a role of the schema");
        let key = DeviceKey::from_seed(self.draw());
        let (person, device) = (PersonId::from_parts(self.now, self.draw()), DeviceId::from_parts(self.now, self.draw()));
        let enrol = Enrol { code_hash, person, device, public_key: key.public(), device_name: "手机".into(), was: None };
        self.command(Command::Enrol(enrol)).expect("a good code");
        Member { person, party, device, key, actor: ActorId(self.draw()) }
    }

    /// Makes a record, which must be allowed.
    pub(crate) fn make(
        &mut self,
        who: &Member,
        community: CommunityId,
        kind: &str,
        values: &[(&str, Value)],
        more: Vec<Act>,
    ) -> RecordId {
        let schema = self.ingest.schema().clone();
        let rules = &schema.kinds[kind];
        let created = Created {
            kind: KindName::parse(kind).expect("a kind"),
            schema: schema.version,
            person: who.person,
            party: who.party.clone(),
            device: who.device,
            device_time: self.now,
        };
        let values = values.iter().map(|(name, value)| (field(name), value.clone())).collect();
        let mut acts = creation(created, rules, values);
        acts.extend(more);
        let id = RecordId::from_parts(self.now, self.draw());
        let feed = FeedId { community, audience: rules.audience };
        self.records.insert(id, (Record::empty(id), feed));
        self.act(who, id, &acts);
        id
    }

    /// Says something in a record, which must be allowed.
    pub(crate) fn act(&mut self, who: &Member, id: RecordId, acts: &[Act]) {
        let mut record = self.copy(id);
        let change = self.write(who, &mut record, acts);
        self.accepted(who, id, &change);
    }

    /// Makes a move as someone sees the record, which must be allowed.
    pub(crate) fn go(&mut self, who: &Member, id: RecordId, name: &str) {
        let act = self.a_move(id, name);
        self.act(who, id, &[act]);
    }

    pub(crate) fn a_move(&mut self, id: RecordId, name: &str) -> Act {
        let follows = self.records[&id].0.latest_moves();
        let (id, name) = (EntryId::from_random(self.draw()), MoveName::parse(name).expect("a move"));
        Act::Move { id, name, follows, reason: Some("现场情况".into()) }
    }

    pub(crate) fn community_of(&self, id: RecordId) -> CommunityId {
        self.records[&id].1.community
    }

    /// The record as a phone has it that goes out of reach now.
    pub(crate) fn copy(&self, id: RecordId) -> Record {
        self.records[&id].0.clone()
    }

    pub(crate) fn write(&self, who: &Member, record: &mut Record, acts: &[Act]) -> Change {
        let stamp = Stamp { actor: who.actor, party: who.party.clone(), device_time: self.now };
        record.write(acts, &stamp).expect("it says something")
    }

    pub(crate) fn accepted(&mut self, who: &Member, id: RecordId, change: &Change) {
        let ruling = self.push(who, id, change);
        assert!(matches!(ruling, Ruling::Accepted(..)), "{ruling:?}");
        self.records.get_mut(&id).expect("it was made").0.apply(change).expect("it was accepted");
    }

    pub(crate) fn push(&mut self, who: &Member, id: RecordId, change: &Change) -> Ruling {
        let (feed, changes) = (self.records[&id].1, vec![(id, change.clone())]);
        let batch = Batch::sign(&who.key, who.device, self.drawn, feed, self.now, changes).expect("one change");
        match self.command(Command::Push(Push { batch, carrier: who.device, skew: SpanMs(0) })).expect("it can be judged") {
            Outcome::Pushed(pushed) => pushed.receipt.rulings.iter().next().expect("one ruling a change").ruling.clone(),
            other => panic!("a push came to {other:?}"),
        }
    }
}
