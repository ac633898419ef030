//! A community with one seat for every role, and records in every state, which all have on their devices.

use std::collections::VecDeque;

use renolog_client_core::client::{Client, ClientError};
use renolog_protocol::id::{ActorId, CommunityId, DeviceId, EntryId, FeedId, PersonId, RecordId};
use renolog_protocol::key::DeviceKey;
use renolog_protocol::record::{Act, Stamp};
use renolog_protocol::schema::{FieldName, Kind, MoveName, Party, Role, Schema, StateName, Value};
use renolog_protocol::time::UnixMs;
use renolog_server::command::{Command, Duty, EndRole, GiveRole};
use renolog_server::reception;
use renolog_tests::world::{PhoneId, World};

use super::values::{Which, fill, needed};

/// A role that reads everything. Everyone holds it until the records have come: so also those devices have a record, and
/// can be asked about it, whose people may not read it any more.
const READER: &str = "street";

/// A person who speaks in one role for one party, and their device.
pub(crate) struct Seat {
    pub(crate) role: Role,
    pub(crate) party: Party,
    /// All the roles of whoever sits here.
    pub(crate) roles: Vec<Role>,
    /// Whoever sits here holds another role for another party besides. They must be told what this other seat is told,
    /// where that role is all there is.
    pub(crate) like: Option<usize>,
    pub(crate) phone: PhoneId,
    pub(crate) person: PersonId,
    pub(crate) device: DeviceId,
    pub(crate) key: DeviceKey,
    actor: ActorId,
}

impl Seat {
    pub(crate) fn stamp(&self, device_time: UnixMs) -> Stamp {
        Stamp { actor: self.actor, party: self.party.clone(), device_time }
    }
}

/// See the module.
pub(crate) struct Scene<'a> {
    pub(crate) kind: &'a Kind,
    pub(crate) schema: std::sync::Arc<Schema>,
    pub(crate) world: World,
    pub(crate) community: CommunityId,
    pub(crate) seats: Vec<Seat>,
    /// Someone with every role, who prepares the records.
    hand: PhoneId,
    drawn: u32,
}

impl<'a> Scene<'a> {
    pub(crate) fn set(kind: &'a Kind) -> Self {
        let schema = Schema::built_in();
        let mut world = World::new(1);
        let community = world.community("desheng", "德胜新村");
        let hand = world.enrol(community, READER, "多面手");
        let mut scene = Self { kind, schema: schema.clone(), world, community, seats: Vec::new(), hand, drawn: 0 };
        for (role, rules) in &schema.roles {
            scene.give(hand, role, &rules.party);
            scene.sit(role, &rules.party, None);
        }
        // A community that manages itself: the owners' committee is its own property manager.
        scene.sit(&Role::parse("property_manager").unwrap(), &Party::parse("owners_committee").unwrap(), None);
        // The head of the residents' committee lives here, too: two parties, spoken for one at a time.
        for (role, other) in [("captain", "residents_committee"), ("residents_committee", "captain")] {
            let (number, role, rules) = schema.roles.get_full(role).unwrap();
            let (_, other, other_rules) = schema.roles.get_full(other).unwrap();
            let phone = scene.sit(role, &rules.party, Some(number));
            scene.give(phone, other, &other_rules.party);
            scene.seats.last_mut().unwrap().roles.push(other.clone());
        }
        scene.world.run_until_quiet();
        scene
    }

    fn sit(&mut self, role: &Role, party: &Party, like: Option<usize>) -> PhoneId {
        let phone = self.world.enrol(self.community, READER, role.as_str());
        self.give(phone, role, party);
        let identity = self.world.client(phone).store().identity().unwrap().unwrap();
        let (person, device, key) = (identity.enrolled.unwrap().person, identity.device, self.world.key(phone));
        let (role, party) = (role.clone(), party.clone());
        let (roles, actor) = (vec![role.clone()], identity.actor);
        self.seats.push(Seat { role, party, roles, like, phone, person, device, key, actor });
        phone
    }

    fn give(&mut self, phone: PhoneId, role: &Role, party: &Party) {
        let person = self.world.client(phone).enrolment().unwrap().person;
        let duty = Duty { role: role.clone(), party: party.clone(), communities: vec![self.community] };
        self.world.operate(Command::GiveRole(GiveRole { person, duty, from: None, until: None })).unwrap();
    }

    pub(crate) fn feed(&self) -> FeedId {
        FeedId { community: self.community, audience: self.kind.audience }
    }

    /// The records come to every device; the devices go out of reach; from then on everyone is just what their seat says.
    pub(crate) fn everyone_takes_their_seat(&mut self) {
        self.world.run_until_quiet();
        for seat in &self.seats {
            self.world.offline(seat.phone);
        }
        self.world.run_until_quiet();
        let roster = reception::roster(self.world.store(), self.community).unwrap();
        for seat in &self.seats {
            let place = roster.members.iter().position(|member| member.person == seat.person).unwrap();
            assert_eq!(roster.members[place].role, *READER);
            let end = EndRole { community: self.community, number: place as u64 + 1, at: None };
            self.world.operate(Command::EndRole(end)).unwrap();
        }
        let roster = reception::roster(self.world.store(), self.community).unwrap();
        for seat in &self.seats {
            let (community, roster) = (self.community, roster.clone());
            self.world.with(seat.phone, |client, _| client.set_roster(community, "德胜新村", roster)).unwrap();
        }
    }

    /// A name for an entry or a move.
    pub(crate) fn draw(&mut self) -> EntryId {
        self.drawn += 1;
        let [a, b, c, d] = self.drawn.to_be_bytes();
        EntryId::from_random([1, a, b, c, d])
    }

    fn by_hand<T>(&mut self, work: impl FnOnce(&mut Client, UnixMs) -> Result<T, ClientError>) -> T {
        self.world.with(self.hand, work).unwrap()
    }

    /// Says something in a record, for this party or for whichever may.
    pub(crate) fn say(&mut self, record: RecordId, act: Act, party: Option<&Party>) {
        self.by_hand(|client, now| client.edit(now, record, &[act], party));
    }

    /// A new record, made in the first role that may, with these values instead of any that fit.
    pub(crate) fn make(&mut self, instead: &[(FieldName, Value)]) -> RecordId {
        let (kind, community) = (self.kind, self.community);
        let mut values = needed(kind);
        values.retain(|(name, _)| instead.iter().all(|(other, _)| name != other));
        values.extend_from_slice(instead);
        let party = self.schema.roles[kind.create.first().unwrap()].party.clone();
        self.by_hand(|client, now| client.create(now, community, &kind.name, values, Some(&party)))
    }

    /// A record that was brought to this state by the shortest way.
    pub(crate) fn make_in(&mut self, state: &StateName, instead: &[(FieldName, Value)]) -> RecordId {
        let record = self.make(instead);
        for name in self.way_to(state) {
            self.fulfil(record, &name);
            let reason = self.kind.moves[&name].reason.then_some("现场情况");
            self.by_hand(|client, now| client.transition(now, record, &name, reason, None));
        }
        assert_eq!(self.by_hand(|client, _| client.read(record)).state, *state);
        record
    }

    fn way_to(&self, to: &StateName) -> Vec<MoveName> {
        let kind = self.kind;
        let mut ways: VecDeque<(&StateName, Vec<MoveName>)> = [(&kind.initial, Vec::new())].into();
        let mut been = vec![&kind.initial];
        while let Some((state, way)) = ways.pop_front() {
            if state == to {
                return way;
            }
            for (name, rule) in kind.moves.iter().filter(|(_, rule)| rule.from.contains(state)) {
                if !been.contains(&&rule.to) {
                    been.push(&rule.to);
                    ways.push_back((&rule.to, [way.clone(), vec![name.clone()]].concat()));
                }
            }
        }
        panic!("a {} has no way to {to}", kind.name)
    }

    /// Everything that a move waits for.
    pub(crate) fn fulfil(&mut self, record: RecordId, name: &MoveName) {
        let kind = self.kind;
        for needs in &kind.moves[name].needs {
            for party in &needs.parties {
                self.say(record, fill(kind, &needs.field, party.as_str(), Which::Prepared), Some(party));
            }
            let there = self.by_hand(|client, _| client.read(record)).fields.contains_key(&needs.field);
            if needs.parties.is_empty() && !there {
                let key = self.draw();
                self.say(record, fill(kind, &needs.field, key.as_str(), Which::Prepared), None);
            }
        }
    }
}
