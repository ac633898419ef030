//! What people do: acts are turned into a change, judged, and put on disk together with their place in the outbox.

use renolog_protocol::change::Change;
use renolog_protocol::id::{CommunityId, EntryId, FeedId, PersonId, RecordId};
use renolog_protocol::record::{Act, Created, EntryParts, Record, Stamp, VoidTarget, creation};
use renolog_protocol::refusal::{Code, Refusal};
use renolog_protocol::rules::{Author, Objection, judge};
use renolog_protocol::schema::{FieldName, KeySource, KindName, MoveName, Party, Role, Shape, Value, built_in};
use renolog_protocol::time::{SpanMs, UnixMs};

use super::{Client, ClientError};
use crate::engine;

/// A change that may stand, and the record with it.
pub(super) struct Written {
    pub(super) record: Record,
    pub(super) change: Change,
    pub(super) role: Role,
}

impl Client {
    /// Makes a record. When this returns it is on disk, in lists, and in the outbox. `party` says for whom, where the
    /// person may speak for several; without it the first that the rules allow is taken.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the reason for the person; [`ClientError::NoRoster`]; [`ClientError::Store`].
    pub fn create(
        &mut self,
        now: UnixMs,
        community: CommunityId,
        kind: &KindName,
        values: Vec<(FieldName, Value)>,
        party: Option<&Party>,
    ) -> Result<RecordId, ClientError> {
        let schema = self.schema.clone();
        let rules = schema.kinds.get(kind).ok_or_else(|| no_such_kind(kind))?;
        let feed = FeedId { community, audience: rules.audience };
        let (person, device) = (self.person()?, self.me.device);
        let id = RecordId::from_parts(now, self.draw());
        let acts = |party: &Party, device_time: UnixMs| {
            let (kind, party) = (kind.clone(), party.clone());
            let created = Created { kind, schema: schema.version, person, party, device, device_time };
            creation(created, rules, values.clone())
        };
        self.say(now, id, feed, party, &acts)?;
        Ok(id)
    }

    /// Says something in a record: any acts but its creation.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the reason for the person; [`ClientError::Nothing`] if it is so already;
    /// [`ClientError::NoSuchRecord`]; [`ClientError::Store`].
    pub fn edit(&mut self, now: UnixMs, record: RecordId, acts: &[Act], party: Option<&Party>) -> Result<(), ClientError> {
        let feed = self.feed_of(record)?;
        self.say(now, record, feed, party, &|_, _| acts.to_vec())
    }

    /// Writes a field: a register, or jointly drafted text.
    ///
    /// # Errors
    /// As [`Client::edit`].
    pub fn set(&mut self, now: UnixMs, record: RecordId, field: &FieldName, value: Value) -> Result<(), ClientError> {
        let field = field.clone();
        let act = match (self.shape_of(record, &field)?, value) {
            (Some(Shape::Prose { .. }), Value::Text(text)) => Act::Write { field, text },
            (_, value) => Act::Set { field, value },
        };
        self.edit(now, record, &[act], None)
    }

    /// Adds or rewrites an entry of a field. Without a key it is drawn, or is the party's own; a field whose keys people
    /// give needs one.
    ///
    /// # Errors
    /// As [`Client::edit`].
    pub fn put(
        &mut self,
        now: UnixMs,
        record: RecordId,
        field: &FieldName,
        key: Option<&str>,
        entry: EntryParts,
        party: Option<&Party>,
    ) -> Result<(), ClientError> {
        let feed = self.feed_of(record)?;
        let shape = self.shape_of(record, field)?;
        let added = |id: &EntryId| vec![Act::Put { field: field.clone(), key: id.to_string(), entry: entry.clone() }];
        let drawn = self.next_entry(record, &added)?.to_string();
        let key_for = |party: &Party| match (key, &shape) {
            (Some(key), _) => key.to_owned(),
            (None, Some(Shape::PerParty(_))) => party.to_string(),
            (None, Some(Shape::Set { key: KeySource::Given, .. })) => String::new(),
            (None, _) => drawn.clone(),
        };
        if key_for(&Party::parse("nobody").expect("a name")).is_empty() {
            return Err(Refusal::new(Code::Needed, "请给出名称", "say which entry").into());
        }
        self.say(now, record, feed, party, &|party, _| {
            vec![Act::Put { field: field.clone(), key: key_for(party), entry: entry.clone() }]
        })
    }

    /// Moves a record from state to state, after the latest moves that are known here.
    ///
    /// # Errors
    /// As [`Client::edit`].
    pub fn transition(
        &mut self,
        now: UnixMs,
        record: RecordId,
        name: &MoveName,
        reason: Option<&str>,
        party: Option<&Party>,
    ) -> Result<EntryId, ClientError> {
        let feed = self.feed_of(record)?;
        let follows = self.hot(record)?.latest_moves();
        let acts = |id: &EntryId| {
            let (id, name, reason) = (id.clone(), name.clone(), reason.map(str::to_owned));
            vec![Act::Move { id, name, follows: follows.clone(), reason }]
        };
        let id = self.next_entry(record, &acts)?;
        self.say(now, record, feed, party, &|_, _| acts(&id))?;
        Ok(id)
    }

    /// Adds a remark.
    ///
    /// # Errors
    /// As [`Client::edit`].
    pub fn note(&mut self, now: UnixMs, record: RecordId, text: &str, party: Option<&Party>) -> Result<EntryId, ClientError> {
        let acts = |id: &EntryId| vec![Act::note(id.clone(), text)];
        let id = self.next_entry(record, &acts)?;
        self.edit(now, record, &acts(&id), party)?;
        Ok(id)
    }

    /// Stops the record's clocks until the end of a day, `2026-11-22`, with a reason. Struck out, it lets them run again.
    ///
    /// # Errors
    /// As [`Client::edit`].
    pub fn pause(
        &mut self,
        now: UnixMs,
        record: RecordId,
        until_day: &str,
        reason: &str,
        party: Option<&Party>,
    ) -> Result<EntryId, ClientError> {
        let named = |name| FieldName::parse(name).expect("built-in names are names");
        let entry: EntryParts = [(named("until"), Value::from(until_day)), (named("reason"), Value::from(reason))].into();
        let acts = |id: &EntryId| vec![Act::Put { field: named(built_in::PAUSES), key: id.to_string(), entry: entry.clone() }];
        let id = self.next_entry(record, &acts)?;
        self.edit(now, record, &acts(&id), party)?;
        Ok(id)
    }

    /// Strikes something out, with a reason. It stays readable.
    ///
    /// # Errors
    /// As [`Client::edit`].
    pub fn void(
        &mut self,
        now: UnixMs,
        record: RecordId,
        target: &VoidTarget,
        reason: &str,
        party: Option<&Party>,
    ) -> Result<EntryId, ClientError> {
        let acts = |id: &EntryId| vec![Act::void(id.clone(), target, reason)];
        let id = self.next_entry(record, &acts)?;
        self.edit(now, record, &acts(&id), party)?;
        Ok(id)
    }

    /// The name of what these acts add to a record: one that need not travel, where there is one.
    fn next_entry(&mut self, record: RecordId, acts: &dyn Fn(&EntryId) -> Vec<Act>) -> Result<EntryId, ClientError> {
        let actor = self.me.actor;
        let follows = self.hot(record)?.next_entry(actor, acts);
        Ok(follows.unwrap_or_else(|_| self.draw_entry()))
    }

    /// Where a record belongs, if something of it stands here.
    pub(super) fn feed_of(&self, record: RecordId) -> Result<FeedId, ClientError> {
        match self.store.place_of(record)? {
            Some((feed, true)) => Ok(feed),
            _ => Err(ClientError::NoSuchRecord(record)),
        }
    }

    fn shape_of(&mut self, record: RecordId, field: &FieldName) -> Result<Option<Shape>, ClientError> {
        let schema = self.schema.clone();
        let created = self.hot(record)?.created();
        let kind = created.and_then(|created| schema.kinds.get(&created.kind));
        Ok(kind.and_then(|kind| kind.fields.get(field)).map(|field| field.shape.clone()))
    }

    /// Stores the first change that the rules allow, and sends it if it can be.
    pub(super) fn say(
        &mut self,
        now: UnixMs,
        record: RecordId,
        feed: FeedId,
        party: Option<&Party>,
        acts: &dyn Fn(&Party, UnixMs) -> Vec<Act>,
    ) -> Result<(), ClientError> {
        let written = self.allowed(now, record, feed, party, acts)?;
        self.atomically(|me| me.keep(now, feed, written))?;
        self.after_edit(now)
    }

    /// Tries each party the person may speak for; the first change that the rules allow. Nothing is stored.
    pub(super) fn allowed(
        &mut self,
        now: UnixMs,
        record: RecordId,
        feed: FeedId,
        party: Option<&Party>,
        acts: &dyn Fn(&Party, UnixMs) -> Vec<Act>,
    ) -> Result<Written, ClientError> {
        let person = self.person()?;
        let parties = match party {
            Some(party) => vec![party.clone()],
            None => self.parties_of(person, feed.community, now)?,
        };
        let before = self.hot(record)?.clone();
        let mut refusal = None;
        for party in parties {
            match self.compose_new(now, &before, feed, &party, acts) {
                Ok(written) => return Ok(written),
                Err(ClientError::Refused(reason)) => drop(refusal.get_or_insert(reason)),
                Err(error) => return Err(error),
            }
        }
        Err(refusal.unwrap_or_else(not_a_member).into())
    }

    /// A change is named by what it says, by whom and when; not by its record. Two records that are made alike in the same
    /// millisecond would begin with one and the same change, so the second is made a millisecond later.
    fn compose_new(
        &mut self,
        now: UnixMs,
        before: &Record,
        feed: FeedId,
        party: &Party,
        acts: &dyn Fn(&Party, UnixMs) -> Vec<Act>,
    ) -> Result<Written, ClientError> {
        let mut device_time = now;
        loop {
            let written = self.compose(now, before, feed, &acts(party, device_time), party.clone(), device_time)?;
            if self.store.status_of(written.change.hash())?.is_none() {
                return Ok(written);
            }
            // Straight past those that were made before: an import makes thousands alike.
            device_time = (device_time + SpanMs(1)).max(self.made_alike + SpanMs(1));
            self.made_alike = device_time;
        }
    }

    /// Acts as a change that the rules allow, on top of `before`. Nothing is stored.
    pub(super) fn compose(
        &self,
        now: UnixMs,
        before: &Record,
        feed: FeedId,
        acts: &[Act],
        party: Party,
        device_time: UnixMs,
    ) -> Result<Written, ClientError> {
        let mut record = before.clone();
        let change = record.write(acts, &Stamp { actor: self.me.actor, party, device_time })?;
        let author = Author { person: self.person()?, device: self.me.device, at: self.server_time(now) };
        let community = self.communities.get(&feed.community).ok_or(ClientError::NoRoster)?;
        match judge(&self.schema, &community.roster, before, feed.audience, author, &change) {
            Ok(allowed) => Ok(Written { record, change, role: allowed.role }),
            Err(Objection::Refused(refusal)) => Err(refusal.into()),
            Err(objection) => Err(ClientError::Broken(format!("{objection:?}"))),
        }
    }

    /// Keeps a change that was written here; the caller holds the transaction.
    pub(super) fn keep(&mut self, now: UnixMs, feed: FeedId, written: Written) -> Result<(), ClientError> {
        let Written { record, change, role } = written;
        let id = record.id();
        self.store.add_own(change.hash(), id, feed, change.bytes(), &role)?;
        self.hot.put(id, record);
        self.project(id, feed, self.server_time(now))
    }

    /// Sends what can be sent. The edit is on disk already: what goes wrong here concerns the link only.
    pub(super) fn after_edit(&mut self, now: UnixMs) -> Result<(), ClientError> {
        self.engine.handle(now, engine::Input::OutboxGrew);
        if let Err(error) = self.pump(now) {
            tracing::warn!(%error, "an edit is stored, but could not be sent yet");
        }
        Ok(())
    }

    fn parties_of(&self, person: PersonId, community: CommunityId, now: UnixMs) -> Result<Vec<Party>, ClientError> {
        let community = self.communities.get(&community).ok_or(ClientError::NoRoster)?;
        let mut parties: Vec<Party> = Vec::new();
        for member in community.roster.roles_of(person, self.server_time(now)) {
            if !parties.contains(&member.party) {
                parties.push(member.party.clone());
            }
        }
        Ok(parties)
    }
}

fn no_such_kind(kind: &KindName) -> Refusal {
    Refusal::new(Code::UnknownKind, format!("没有“{kind}”这种记录"), format!("there is no kind of record called {kind}"))
}

fn not_a_member() -> Refusal {
    Refusal::new(Code::NotAMember, "您目前在本小区没有身份", "you have no role in this community now")
}
