//! People at random: they write what they may and what they may not, walk in and out of coverage, copy their phones, have
//! wrong clocks; links and servers die around them.

use rand::Rng;
use renolog_client_core::client::ClientError;
use renolog_protocol::id::{CommunityId, RecordId};
use renolog_protocol::record::EntryParts;
use renolog_protocol::schema::{Field, FieldName, KeySource, Kind, KindName, Move, Role, Scalar, Schema, Shape, Value};
use renolog_protocol::time::SpanMs;
use renolog_server::store::Memory;

use crate::world::{Crash, PhoneId, World};

const ROLES: [&str; 7] =
    ["captain", "property_manager", "owners_committee", "residents_committee", "supervisor", "contractor", "street"];

/// Who plays, and what they have done so far.
#[derive(Debug)]
pub struct Play {
    community: CommunityId,
    phones: Vec<(PhoneId, Role)>,
    said: u32,
    copies: u32,
    /// Either phones are copied or the server's disk is. Where both happen, a writer may take back in one life of the server
    /// what stood in another, and work of others on top of it stays held until someone settles it.
    copies_phones: bool,
    /// A copy of the server's disk, until the server needs it.
    backup: Option<Memory>,
}

impl Play {
    /// A world in which `steps` random things have happened, and which has come to rest. With an even seed phones are
    /// copied; with an odd one the server is restored from a backup.
    pub fn of(seed: u64, steps: u32) -> World {
        let (mut world, mut play) = Self::begin(seed);
        (0..steps).for_each(|_| play.step(&mut world));
        for (phone, _) in &play.phones {
            world.slow(*phone, 20..=200);
            world.online(*phone);
        }
        world.run_until_quiet();
        world
    }

    fn begin(seed: u64) -> (World, Self) {
        let mut world = World::new(seed);
        let community = world.community("desheng", "德胜新村");
        let phones: Vec<(PhoneId, Role)> =
            ROLES.iter().map(|role| (world.enrol(community, role, role), Role::parse(role).expect("a role"))).collect();
        world.run_until_quiet();
        let mut play = Self { community, phones, said: 0, copies: 0, copies_phones: seed.is_multiple_of(2), backup: None };
        for (phone, role) in play.phones.clone() {
            play.create(&mut world, phone, &role);
        }
        world.run_until_quiet();
        (world, play)
    }

    fn step(&mut self, world: &mut World) {
        let (phone, role) = pick(world, &self.phones).expect("there are phones");
        match below(world, 100) {
            0..3 => self.create(world, phone, &role),
            3..62 => self.write(world, phone, &role),
            62..68 => world.offline(phone),
            68..76 => world.online(phone),
            76..80 => world.cut(phone),
            80..83 => {
                let late = SpanMs(below(world, 900_000) as i64);
                world.cut_and_deliver_late(phone, late);
            }
            83 => world.link_dies_silently(phone),
            84 => world.restart_server(),
            85 => {
                let (at, crash) =
                    (world.commits() + below(world, 4) as u64, pick(world, &[Crash::BeforeTheCommit, Crash::AfterTheCommit]));
                world.crash_at_commit(at, crash.expect("two"));
            }
            86 => {
                let delay = 1 + below(world, 15_000) as i64;
                world.slow(phone, delay..=2 * delay);
            }
            87 if self.copies_phones && self.copies < 3 => {
                let copy = world.back_up(phone);
                self.phones.push((world.restore(copy), role));
                self.copies += 1;
            }
            88 => {
                let hours = below(world, 20_000) as i64 - 10_000;
                world.set_clock_ahead(phone, SpanMs::from_secs(hours * 3600));
            }
            89 if !self.copies_phones => match self.backup.take() {
                None => self.backup = Some(world.back_up_server()),
                Some(copy) => world.restore_server(copy),
            },
            _ => {
                let longest = pick(world, &[200, 2_000, 60_000, 3_600_000]).expect("four");
                let span = SpanMs(below(world, longest) as i64);
                world.pass(span);
            }
        }
    }

    fn words(&mut self) -> String {
        self.said += 1;
        format!("第{}句", self.said)
    }

    fn create(&mut self, world: &mut World, phone: PhoneId, role: &Role) {
        let schema = Schema::built_in();
        let open = ["rectification", "matter", "whistle"];
        let may = |kind: &&str| schema.kinds[*kind].create.contains(role);
        let Some(kind) = pick(world, &open.into_iter().filter(may).collect::<Vec<_>>()) else { return };
        let kind = KindName::parse(kind).expect("a kind");
        let needed = schema.kinds[&kind].fields.iter().filter(|(_, field)| field.needed);
        let values = needed.map(|(name, field)| (name.clone(), self.value(world, &field.shape))).collect();
        let community = self.community;
        let made = world.try_to(phone, |client, now| client.create(now, community, &kind, values, None));
        expected(made.map(drop));
    }

    fn value(&mut self, world: &mut World, shape: &Shape) -> Value {
        match shape {
            Shape::Register(scalar) => some_value(world, scalar),
            _ => Value::Text(["停车位", "停车位划线", "重新划线", "物业费"][below(world, 4)].into()),
        }
    }

    fn write(&mut self, world: &mut World, phone: PhoneId, role: &Role) {
        let records: Vec<RecordId> =
            world.client(phone).list(&Default::default()).expect("the store works").iter().map(|listed| listed.id).collect();
        let Some(record) = pick(world, &records) else { return };
        let schema = Schema::built_in();
        let view = world.client(phone).read(record).expect("it is in the list");
        let kind = &schema.kinds[&view.created.kind];
        match below(world, 10) {
            0..3 => {
                let words = self.words();
                let done = world.try_to(phone, |client, now| client.note(now, record, &words, None));
                if expected(done.map(drop)) {
                    world.remember(phone, &words);
                }
            }
            3..5 => self.set(world, phone, record, kind, |field| field.write.contains(role)),
            5 => self.set(world, phone, record, kind, |_| true),
            6..9 => self.move_on(world, phone, record, kind, |made| made.by.contains(role) && made.from.contains(&view.state)),
            _ => self.move_on(world, phone, record, kind, |_| true),
        }
    }

    /// Writes one of some fields.
    fn set(&mut self, world: &mut World, phone: PhoneId, record: RecordId, kind: &Kind, some: impl Fn(&Field) -> bool) {
        let names: Vec<FieldName> = kind.fields.iter().filter(|(_, field)| some(field)).map(|(name, _)| name.clone()).collect();
        let Some(name) = pick(world, &names) else { return };
        let shape = kind.fields[&name].shape.clone();
        let done = match &shape {
            Shape::Register(_) | Shape::Prose { .. } => {
                let value = self.value(world, &shape);
                world.try_to(phone, |client, now| client.set(now, record, &name, value))
            }
            _ => {
                let entry = kind.entry(name.as_str()).expect("it holds entries");
                let parts: EntryParts =
                    entry.parts.iter().map(|(part, holds)| (part.clone(), some_value(world, &holds.scalar))).collect();
                let key = matches!(shape, Shape::Set { key: KeySource::Given, .. }).then_some("城管");
                world.try_to(phone, |client, now| client.put(now, record, &name, key, parts, None))
            }
        };
        expected(done);
    }

    /// Makes one of some moves.
    fn move_on(&mut self, world: &mut World, phone: PhoneId, record: RecordId, kind: &Kind, some: impl Fn(&Move) -> bool) {
        let possible: Vec<_> = kind.moves.iter().filter(|(_, made)| some(made)).collect();
        let Some((name, made)) = pick(world, &possible) else { return };
        let reason = made.reason.then_some("情况有变");
        let done = world.try_to(phone, |client, now| client.transition(now, record, name, reason, None));
        expected(done.map(drop));
    }
}

fn some_value(world: &mut World, scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Choice { choices } => {
            let names: Vec<String> = choices.keys().cloned().collect();
            Value::Text(pick(world, &names).expect("choices"))
        }
        Scalar::Day => Value::Text(format!("2026-04-{:02}", 1 + below(world, 28))),
        Scalar::YesNo => Value::YesNo(below(world, 4) > 0),
        Scalar::Whole { min, .. } => Value::Whole(min + below(world, 50) as i64),
        Scalar::Text { .. } => Value::Text(format!("{}幢", 1 + below(world, 105))),
        Scalar::Party => Value::Text("street".into()),
        Scalar::Person | Scalar::Record { .. } => Value::Nothing,
    }
}

/// Whether it was done. People try what they may not, and say what is so already.
fn expected(done: Result<(), ClientError>) -> bool {
    match done {
        Ok(()) => true,
        Err(ClientError::Refused(_) | ClientError::Nothing) => false,
        Err(other) => panic!("{other}"),
    }
}

fn below(world: &mut World, bound: usize) -> usize {
    (world.rng().next_u64() % bound as u64) as usize
}

fn pick<T: Clone>(world: &mut World, from: &[T]) -> Option<T> {
    (!from.is_empty()).then(|| from[below(world, from.len())].clone())
}
