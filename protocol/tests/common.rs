//! People, devices and a record that they work on.

use std::sync::Arc;

use automerge::Automerge;
use proptest::test_runner::Config;
use renolog_protocol::change::Change;
use renolog_protocol::id::{ActorId, Audience, CommunityId, DeviceId, EntryId, FeedId, PersonId, RecordId};
use renolog_protocol::record::{Act, Created, EntryParts, Record, RecordView, Stamp, creation};
use renolog_protocol::refusal::Code;
use renolog_protocol::roster::{Member, Roster};
use renolog_protocol::rules::{Allowed, Author, Objection, judge};
use renolog_protocol::schema::{FieldName, Kind, KindName, MoveName, Party, Role, Scalar, Schema, Shape, Value};
use renolog_protocol::time::{SpanMs, UnixMs};

/// The first day of 2026, noon in Hangzhou.
pub(crate) const NOON: UnixMs = UnixMs(1_767_240_000_000);

pub(crate) fn field(name: &str) -> FieldName {
    FieldName::parse(name).unwrap()
}

pub(crate) fn entry_id(number: u16) -> EntryId {
    let [high, low] = number.to_be_bytes();
    EntryId::from_random([7, 0, 0, high, low])
}

pub(crate) fn parts<const N: usize>(parts: [(&str, Value); N]) -> EntryParts {
    parts.into_iter().map(|(name, value)| (field(name), value)).collect()
}

pub(crate) fn set(name: &str, value: impl Into<Value>) -> Act {
    Act::Set { field: field(name), value: value.into() }
}

pub(crate) fn put<const N: usize>(name: &str, key: &str, entry: [(&str, Value); N]) -> Act {
    Act::Put { field: field(name), key: key.to_owned(), entry: parts(entry) }
}

pub(crate) fn write(name: &str, text: &str) -> Act {
    Act::Write { field: field(name), text: text.to_owned() }
}

pub(crate) fn community() -> CommunityId {
    CommunityId::from_parts(NOON, [1; 10])
}

pub(crate) fn feed(audience: Audience) -> FeedId {
    FeedId { community: community(), audience }
}

/// One person in one role, on one device.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(crate) role: Role,
    pub(crate) party: Party,
    pub(crate) person: PersonId,
    pub(crate) device: DeviceId,
    pub(crate) actor: ActorId,
}

pub(crate) fn who(role: &str) -> Who {
    let schema = Schema::built_in();
    let (number, name, rules) = schema.roles.get_full(role).unwrap();
    let number = 1 + u8::try_from(number).unwrap();
    Who {
        role: name.clone(),
        party: rules.party.clone(),
        person: PersonId::from_parts(NOON, [number; 10]),
        device: DeviceId::from_parts(NOON, [number; 10]),
        actor: ActorId([number; 16]),
    }
}

impl Who {
    /// The same person, on a device of their own with this number.
    pub(crate) fn on_device(mut self, number: u8) -> Self {
        self.device = DeviceId::from_parts(NOON, [number; 10]);
        self.actor = ActorId([number; 16]);
        self
    }

    pub(crate) fn stamp(&self, device_time: UnixMs) -> Stamp {
        Stamp { actor: self.actor, party: self.party.clone(), device_time }
    }

    pub(crate) fn author(&self) -> Author {
        Author { person: self.person, device: self.device, at: NOON }
    }
}

/// One person in every role of the schema.
pub(crate) fn roster() -> Roster {
    let member = |role: &Role| {
        let who = who(role.as_str());
        Member { person: who.person, name: role.to_string(), role: who.role, party: who.party, from: UnixMs(0), until: None }
    };
    Roster { version: 1, members: Schema::built_in().roles.keys().map(member).collect() }
}

/// A value that fits.
pub(crate) fn sample(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Text { .. } => "3幢2单元".into(),
        Scalar::Whole { min, max } => Value::Whole((*max).min((*min).max(1))),
        Scalar::Day => "2026-11-22".into(),
        Scalar::YesNo => true.into(),
        Scalar::Person => who("resident").person.to_string().as_str().into(),
        Scalar::Party => "volunteers".into(),
        Scalar::Record { .. } => RecordId::from_parts(NOON, [8; 10]).to_string().as_str().into(),
        Scalar::Choice { choices } => choices.keys().next().unwrap().as_str().into(),
    }
}

/// A record on the desk, and everything that was accepted into it.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) schema: Arc<Schema>,
    pub(crate) kind: Kind,
    pub(crate) record: Record,
    pub(crate) changes: Vec<Change>,
    drawn: u16,
}

pub(crate) fn created(kind: &str, by: &Who) -> Created {
    Created {
        kind: KindName::parse(kind).unwrap(),
        schema: Schema::built_in().version,
        person: by.person,
        party: by.party.clone(),
        device: by.device,
        device_time: NOON,
    }
}

/// The acts that make a record of this kind with no more than it needs.
pub(crate) fn making(kind: &str, by: &Who) -> Vec<Act> {
    let schema = Schema::built_in();
    let rules = &schema.kinds[kind];
    let value = |shape: &Shape| match shape {
        Shape::Register(scalar) => sample(scalar),
        _ => "停车位".into(),
    };
    let needed = rules.fields.iter().filter(|(_, field)| field.needed).map(|(name, field)| (name.clone(), value(&field.shape)));
    creation(created(kind, by), rules, needed.collect())
}

impl Desk {
    /// Nothing on it yet, but a record of this kind is to be made.
    pub(crate) fn empty(kind: &str) -> Self {
        let schema = Schema::built_in();
        let kind = schema.kinds[kind].clone();
        Self { schema, kind, record: Record::empty(RecordId::from_parts(NOON, [9; 10])), changes: Vec::new(), drawn: 0 }
    }

    /// A new record of this kind, made by someone who may.
    pub(crate) fn new(kind: &str) -> Self {
        let mut desk = Self::empty(kind);
        let maker = who(desk.kind.create.first().unwrap().as_str());
        desk.does(&maker, &making(kind, &maker)).unwrap();
        desk
    }

    pub(crate) fn judge(&self, who: &Who, change: &Change) -> Result<Allowed, Objection> {
        judge(&self.schema, &roster(), &self.record, self.kind.audience, who.author(), change)
    }

    /// Writes, asks, and keeps what may stand.
    pub(crate) fn does(&mut self, who: &Who, acts: &[Act]) -> Result<Change, Objection> {
        let change = self.record.clone().write(acts, &who.stamp(NOON)).unwrap();
        self.takes(who, &change)?;
        Ok(change)
    }

    /// Asks, and takes in what may stand.
    pub(crate) fn takes(&mut self, who: &Who, change: &Change) -> Result<Allowed, Objection> {
        let allowed = self.judge(who, change)?;
        self.record.apply(change).unwrap();
        self.changes.push(change.clone());
        Ok(allowed)
    }

    /// The move of that name as someone would make it now.
    pub(crate) fn a_move(&mut self, name: &str) -> Act {
        let reason = self.kind.moves[name].reason.then(|| "现场情况".to_owned());
        Act::Move { id: self.draw(), name: MoveName::parse(name).unwrap(), follows: self.record.latest_moves(), reason }
    }

    /// Makes moves by name, each by the first role that may.
    pub(crate) fn moved(mut self, names: &[&str]) -> Self {
        for name in names {
            let mover = who(self.kind.moves[*name].by.first().unwrap().as_str());
            self.sign_off(name);
            let act = self.a_move(name);
            self.does(&mover, &[act]).unwrap();
        }
        self
    }

    /// Everything a move waits for.
    pub(crate) fn sign_off(&mut self, name: &str) {
        for needs in self.kind.moves[name].needs.clone() {
            if self.view().fields.contains_key(&needs.field) {
                continue;
            }
            for party in &needs.parties {
                let signer = self.schema.roles.iter().find(|(_, rules)| rules.party == *party).unwrap().0.clone();
                let act = self.fill(&needs.field, party.as_str());
                self.does(&who(signer.as_str()), &[act]).unwrap();
            }
            if needs.parties.is_empty() {
                let writer = who(self.kind.fields[&needs.field].write.first().unwrap().as_str());
                let key = self.draw().to_string();
                let act = self.fill(&needs.field, &key);
                self.does(&writer, &[act]).unwrap();
            }
        }
    }

    /// Something that fits in a field; under this key, where it holds entries.
    pub(crate) fn fill(&self, field: &FieldName, key: &str) -> Act {
        let (field, key) = (field.clone(), key.to_owned());
        match &self.kind.fields[&field].shape {
            Shape::Register(scalar) => Act::Set { value: sample(scalar), field },
            Shape::Prose { .. } => Act::Write { field, text: "停车位和充电桩".into() },
            Shape::Log(entry) | Shape::PerParty(entry) | Shape::Set { entry, .. } => {
                let parts = entry.parts.iter().map(|(part, rules)| (part.clone(), sample(&rules.scalar))).collect();
                Act::Put { field, key, entry: parts }
            }
        }
    }

    pub(crate) fn draw(&mut self) -> EntryId {
        self.drawn += 1;
        entry_id(self.drawn)
    }

    pub(crate) fn view(&self) -> RecordView {
        self.record.view(&self.schema).unwrap()
    }

    /// The document itself, for those who do not go by the rules.
    pub(crate) fn document(&self, actor: ActorId) -> Automerge {
        let mut doc = Automerge::new().with_actor(automerge::ActorId::from(actor.0));
        let raw = self.changes.iter().map(|change| automerge::Change::from_bytes(change.bytes().to_vec()).unwrap());
        doc.apply_changes(raw.collect::<Vec<_>>()).unwrap();
        doc
    }
}

/// The code of a refusal; the name of any other objection.
pub(crate) fn code(objection: &Objection) -> &'static str {
    match objection {
        Objection::Refused(refusal) => refusal.code.as_str(),
        Objection::Missing(_) => "missing",
        Objection::Forked => "forked",
    }
}

/// That something was refused for this reason.
pub(crate) fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, Objection>, expected: Code) {
    match outcome {
        Err(Objection::Refused(refusal)) => assert_eq!(refusal.code, expected, "{refusal}"),
        other => panic!("expected {expected}, got {other:?}"),
    }
}

pub(crate) fn minutes(count: i64) -> SpanMs {
    SpanMs::from_secs(60 * count)
}

/// So many cases usually; as many as `PROPTEST_CASES` says for a longer look.
pub(crate) fn cases(usual: u32) -> Config {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    Config::with_cases(asked.unwrap_or(usual))
}
