//! What people do in a world: move in, speak, copy their phones and lose them.

use renolog_client_core::client::{Client, ClientError, Input};
use renolog_client_core::store::{Enrolled, Place};
use renolog_protocol::id::{ChangeHash, CommunityId, DeviceId, PersonId, RecordId};
use renolog_protocol::key::PublicKey;
use renolog_protocol::record::EntryParts;
use renolog_protocol::roster::{Member, Roster};
use renolog_protocol::schema::{FieldName, KindName, MoveName, Role, Schema, Value};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_server::command::{AddCommunity, Command, Duty, Enrol, Guest, Invite};
use renolog_server::ingest::Outcome;
use renolog_server::store::Store;

use super::{PhoneId, World, community_id};

/// A copy of a phone's store.
#[derive(Debug, Clone)]
pub struct Backup {
    name: String,
    path: std::path::PathBuf,
    made: Vec<ChangeHash>,
}

impl<S: Store> World<S> {
    /// Adds a community.
    pub fn community(&mut self, slug: &str, name: &str) -> CommunityId {
        let id = community_id(slug);
        let add = AddCommunity { id, slug: slug.into(), name: name.into() };
        self.operate(Command::AddCommunity(add)).expect("a new short name");
        id
    }

    /// Invites a person and has them enrol a new phone, which is online at once.
    pub fn enrol(&mut self, community: CommunityId, role: &str, name: &str) -> PhoneId {
        let mut client = Client::open(&Place::Memory, self.draw(), self.now).expect("memory");
        let person = self.take_role((client.device(), client.public_key()), community, role, Guest::New(name.into()), name);
        let enrolled = Enrolled { server: "http://the.server".into(), person, name: name.into(), token: name.into() };
        client.enrolled(enrolled).expect("the store works");
        client.follow(self.now, community).expect("the store works");
        let phone = self.add_phone(name, client);
        self.tell(phone, Input::Start);
        phone
    }

    /// Brings a one-time code for this role to the server.
    fn take_role(
        &mut self,
        (device, public_key): (DeviceId, PublicKey),
        community: CommunityId,
        role: &str,
        guest: Guest,
        name: &str,
    ) -> PersonId {
        let role = Role::parse(role).expect("a role's name");
        let party = Schema::built_in().roles[&role].party.clone();
        let code_hash = self.draw::<32>().to_vec();
        let expires = self.now + SpanMs::from_secs(3600);
        let duty = Some(Duty { role, party, communities: vec![community] });
        let invite = Invite { code_hash: code_hash.clone(), guest, duty, administrator: false, expires };
        self.operate(Command::Invite(invite)).expect("it is made of known things");
        let enrol = Enrol {
            code_hash,
            person: PersonId::from_parts(self.now, self.draw()),
            device,
            public_key,
            device_name: format!("{name}的手机"),
            was: None,
        };
        match self.operate(Command::Enrol(enrol)) {
            Ok(Outcome::Enrolled(enrolled)) => enrolled.person,
            other => panic!("an enrolment came to {other:?}"),
        }
    }

    /// The person behind a phone takes on another role.
    pub fn also(&mut self, phone: PhoneId, community: CommunityId, role: &str) {
        let it = &self.phones[phone.0];
        let (name, key) = (it.name.clone(), (it.client.device(), it.client.public_key()));
        let person = it.client.enrolment().expect("it is enrolled").person;
        self.take_role(key, community, role, Guest::Known(person), &name);
        self.with(phone, |client, now| client.follow(now, community)).expect("the store works");
    }

    /// A phone believes that its person holds one role more. The server does not.
    pub fn takes_itself_for(&mut self, phone: PhoneId, community: CommunityId, role: &str) {
        let role = Role::parse(role).expect("a role's name");
        let party = Schema::built_in().roles[&role].party.clone();
        self.with(phone, |client, _| {
            let known = client.communities()[&community].clone();
            let person = client.enrolment().expect("it is enrolled").person;
            // Version 0: whatever the server has is newer.
            let mut roster = Roster { version: 0, ..known.roster };
            roster.members.push(Member { person, name: String::new(), role, party, from: UnixMs(0), until: None });
            client.set_roster(community, &known.name, roster).expect("the store works");
        });
    }

    /// Does something, and remembers what the phone says it made.
    ///
    /// # Errors
    /// Those of the client.
    pub fn try_to<T>(
        &mut self,
        phone: PhoneId,
        work: impl FnOnce(&mut Client, UnixMs) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let done = self.with(phone, work);
        self.note_what_was_made(phone);
        done
    }

    fn does<T>(&mut self, phone: PhoneId, work: impl FnOnce(&mut Client, UnixMs) -> Result<T, ClientError>) -> T {
        let done = self.try_to(phone, work);
        let (name, seed) = (self.name(phone), self.seed);
        done.unwrap_or_else(|why| panic!("seed {seed}: {name} cannot do that: {why}"))
    }

    /// Remembers every change that a phone ever made: none may vanish.
    pub(crate) fn note_what_was_made(&mut self, phone: PhoneId) {
        let it = &mut self.phones[phone.0];
        let made = it.client.made_here().expect("the store works");
        let known = &it.made;
        assert!(
            known.iter().zip(&made).all(|(known, made)| *known == made.hash) && made.len() >= known.len(),
            "{} forgot something that was made on it",
            it.name
        );
        it.made = made.into_iter().map(|made| made.hash).collect();
    }

    /// Makes a record with these texts.
    pub fn create(&mut self, phone: PhoneId, community: CommunityId, kind: &str, values: &[(&str, &str)]) -> RecordId {
        let kind = KindName::parse(kind).expect("a kind's name");
        let value = |(name, text): &(&str, &str)| (field(name), Value::from(*text));
        let values = values.iter().map(value).collect();
        self.does(phone, |client, now| client.create(now, community, &kind, values, None))
    }

    /// Raises a rectification about quality, safety or progress.
    pub fn raise(&mut self, phone: PhoneId, community: CommunityId, item: &str, location: &str) -> RecordId {
        self.create(phone, community, "rectification", &[("item", item), ("location", location)])
    }

    /// Opens a three-party matter.
    pub fn open_matter(&mut self, phone: PhoneId, community: CommunityId, subject: &str) -> RecordId {
        self.create(phone, community, "matter", &[("subject", subject)])
    }

    /// Adds a note. Nobody else says the same words, so that a word lost or said twice is found.
    pub fn note(&mut self, phone: PhoneId, record: RecordId, text: &str) {
        self.does(phone, |client, now| client.note(now, record, text, None));
        self.remember(phone, text);
    }

    /// Holds on to words that must come out exactly once in the end.
    pub fn remember(&mut self, phone: PhoneId, text: &str) {
        assert!(self.said.insert(text.to_owned(), phone).is_none(), "someone has said {text:?} already");
    }

    /// Writes a register or drafted text.
    pub fn set(&mut self, phone: PhoneId, record: RecordId, name: &str, value: impl Into<Value>) {
        let (name, value) = (field(name), value.into());
        self.does(phone, |client, now| client.set(now, record, &name, value));
    }

    /// Adds or rewrites an entry.
    pub fn put(&mut self, phone: PhoneId, record: RecordId, name: &str, key: Option<&str>, parts: &[(&str, Value)]) {
        let name = field(name);
        let parts: EntryParts = parts.iter().map(|(part, value)| (field(part), value.clone())).collect();
        self.does(phone, |client, now| client.put(now, record, &name, key, parts, None));
    }

    /// Moves a record, with a reason where one is given.
    pub fn moves(&mut self, phone: PhoneId, record: RecordId, name: &str, reason: Option<&str>) {
        let name = MoveName::parse(name).expect("a move's name");
        self.does(phone, |client, now| client.transition(now, record, &name, reason, None));
    }

    /// Signs a matter off for one's party.
    pub fn sign_off(&mut self, phone: PhoneId, record: RecordId, agreed: bool) {
        self.put(phone, record, "sign_offs", None, &[("agreed", agreed.into())]);
    }

    /// A record's state as a phone shows it.
    pub fn state(&mut self, phone: PhoneId, record: RecordId) -> String {
        self.client(phone).read(record).expect("the phone has the record").state.to_string()
    }

    /// Copies a phone's store, as a backup does.
    pub fn back_up(&mut self, phone: PhoneId) -> Backup {
        self.backups += 1;
        let path = self.directory.path().join(self.backups.to_string());
        let it = &mut self.phones[phone.0];
        it.client.backup(&path).expect("there is room");
        let made = it.client.made_here().expect("the store works").into_iter().map(|made| made.hash).collect();
        Backup { name: it.name.clone(), path, made }
    }

    /// A backup comes to life on another phone, offline. The backup is used up.
    pub fn restore(&mut self, backup: Backup) -> PhoneId {
        let seed = self.draw();
        let client = Client::open(&Place::File(backup.path), seed, self.now).expect("a backup is a store");
        let phone = self.add_phone(&format!("{} (copy)", backup.name), client);
        self.phones[phone.0].covered = false;
        self.phones[phone.0].made = backup.made;
        self.tell(phone, Input::Start);
        phone
    }

    /// A phone falls into the river.
    pub fn lose(&mut self, phone: PhoneId) {
        self.offline(phone);
        self.tell(phone, Input::Stop);
        self.phones[phone.0].lost = true;
    }
}

fn field(name: &str) -> FieldName {
    FieldName::parse(name).expect("a field's name")
}
