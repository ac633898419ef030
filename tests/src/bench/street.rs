//! A data directory with people and a long log in it, made by the real write path before anything is measured.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use renolog_protocol::batch::Batch;
use renolog_protocol::change::Change;
use renolog_protocol::id::{ActorId, Audience, CommunityId, DeviceId, EntryId, FeedId, PersonId, RecordId};
use renolog_protocol::key::DeviceKey;
use renolog_protocol::record::{Act, Created, Record, Stamp, creation};
use renolog_protocol::schema::{FieldName, KindName, Party, Role, Schema, Value};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::Ruling;
use renolog_server::app::{App, Handle};
use renolog_server::clock::{Clock, SystemClock};
use renolog_server::command::{AddCommunity, Command, Duty, Enrol, Guest, Invite, Push};
use renolog_server::data_dir::DataDir;
use renolog_server::ingest::Outcome;
use renolog_server::writer::WriteError;

use super::edits::{Hand, Said};

/// Commands submitted at once, so that they share a flush.
const AT_ONCE: usize = 256;
/// Edits under one signature: what somebody writes between two moments of signal.
pub const PUSH_EDITS: usize = 10;
/// Records that are written in at the same time; then come the next.
const SEASON: usize = 300;

/// Someone with a device that exists in memory only.
#[derive(Debug, Clone)]
pub struct Member {
    /// Their device.
    pub device: DeviceId,
    /// Its key.
    pub key: DeviceKey,
    /// Who they are.
    pub person: PersonId,
    /// What opens their connections.
    pub token: String,
    /// Where they take part.
    pub community: CommunityId,
    actor: ActorId,
}

/// See the module.
pub struct Street {
    app: App,
    handle: Handle,
    hand: Hand,
    batches: u64,
    /// What the writer was given and has not answered: it works while the next is being made.
    under_way: FuturesUnordered<BoxFuture<'static, Result<Outcome, WriteError>>>,
}

fn field(name: &str) -> FieldName {
    FieldName::parse(name).expect("a name of the schema")
}

fn party() -> Party {
    Party::parse("volunteers").expect("a party of the schema")
}

/// Now.
pub fn now() -> UnixMs {
    SystemClock.now()
}

impl Member {
    /// The feed they write in.
    pub fn feed(&self) -> FeedId {
        FeedId { community: self.community, audience: Audience::Open }
    }

    /// Writes an edit in a record as they see it.
    ///
    /// # Errors
    /// If the record cannot take it.
    pub fn write(&self, record: &mut Record, said: &Said, at: UnixMs) -> Result<Change> {
        let acts = match said {
            Said::Made { item, location } => {
                let schema = Schema::built_in();
                let created = Created {
                    kind: KindName::parse("rectification")?,
                    schema: schema.version,
                    person: self.person,
                    party: party(),
                    device: self.device,
                    device_time: at,
                };
                let values = vec![(field("item"), Value::from(*item)), (field("location"), Value::from(location.as_str()))];
                creation(created, &schema.kinds["rectification"], values)
            }
            Said::Noted(text) => {
                // Named as a device names it: after what it follows.
                let note = |id: &EntryId| vec![Act::note(id.clone(), text)];
                note(&record.next_entry(self.actor, &note)?)
            }
            Said::Located(location) => vec![Act::Set { field: field("location"), value: Value::from(location.as_str()) }],
        };
        let stamp = Stamp { actor: self.actor, party: party(), device_time: at };
        Ok(record.write(&acts, &stamp)?)
    }

    /// Signs a batch.
    ///
    /// # Errors
    /// If there is nothing in it.
    pub fn sign(&self, number: u64, at: UnixMs, changes: Vec<(RecordId, Change)>) -> Result<Batch> {
        Ok(Batch::sign(&self.key, self.device, number, self.feed(), at, changes)?)
    }
}

impl Street {
    /// An empty data directory.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn found(data: &Path, seed: u64) -> Result<Self> {
        let (app, handle) = App::start(DataDir::hold(data)?, Schema::built_in(), Arc::new(SystemClock), None)?;
        Ok(Self { app, handle, hand: Hand::new(seed), batches: 0, under_way: FuturesUnordered::new() })
    }

    /// A community.
    ///
    /// # Errors
    /// If the name is taken.
    pub async fn community(&mut self, slug: &str) -> Result<CommunityId> {
        let id = CommunityId::from_parts(now(), self.hand.bytes());
        self.app.writer.submit(Command::AddCommunity(AddCommunity { id, slug: slug.into(), name: slug.into() })).await?;
        Ok(id)
    }

    /// So many captains of the volunteers, each with a device.
    ///
    /// # Errors
    /// If they cannot be enrolled.
    pub async fn captains(&mut self, community: CommunityId, count: usize) -> Result<Vec<Member>> {
        let role = Role::parse("captain")?;
        let mut invites = Vec::new();
        let mut enrolments = Vec::new();
        let mut members = Vec::new();
        for number in 0..count {
            let code_hash = self.hand.bytes::<32>().to_vec();
            let duty = Some(Duty { role: role.clone(), party: party(), communities: vec![community] });
            let guest = Guest::New(format!("志愿者{number}"));
            let expires = now() + SpanMs::from_secs(3600);
            invites.push(Command::Invite(Invite { code_hash: code_hash.clone(), guest, duty, administrator: false, expires }));
            let key = DeviceKey::from_seed(self.hand.bytes());
            let (device, person) =
                (DeviceId::from_parts(now(), self.hand.bytes()), PersonId::from_parts(now(), self.hand.bytes()));
            let device_name = "手机".to_owned();
            enrolments.push(Command::Enrol(Enrol {
                code_hash,
                person,
                device,
                public_key: key.public(),
                device_name,
                was: None,
            }));
            let (token, actor) = (self.app.tickets.token(device, now()), ActorId(self.hand.bytes()));
            members.push(Member { device, key, person, token, community, actor });
        }
        self.submit(invites).await?;
        self.submit(enrolments).await?;
        self.settled().await?;
        Ok(members)
    }

    /// A log: so many records with so many edits each, by turns of these members, in pushes of [`PUSH_EDITS`].
    ///
    /// # Errors
    /// If anything of it is refused.
    pub async fn write(&mut self, members: &[Member], records: usize, edits: usize) -> Result<Vec<RecordId>> {
        let mut ids = Vec::with_capacity(records);
        let mut first = 0;
        while first < records {
            let count = SEASON.min(records - first);
            ids.extend(self.season(members, count, edits).await?);
            first += count;
        }
        self.settled().await?;
        Ok(ids)
    }

    async fn season(&mut self, members: &[Member], count: usize, edits: usize) -> Result<Vec<RecordId>> {
        let mut records: Vec<Record> =
            (0..count).map(|_| Record::empty(RecordId::from_parts(now(), self.hand.bytes()))).collect();
        let mut said: Vec<_> = (0..count).map(|_| self.hand.record(edits).into_iter()).collect();
        for round in 0..edits {
            let mut by_member: Vec<Vec<(RecordId, Change)>> = vec![Vec::new(); members.len()];
            for (number, (record, said)) in records.iter_mut().zip(&mut said).enumerate() {
                let Some(said) = said.next() else { continue };
                // Whoever is near says something; neighbouring records are not always the same person's.
                let writer = (number / PUSH_EDITS + round * 3) % members.len();
                let change = members[writer].write(record, &said, now())?;
                by_member[writer].push((record.id(), change));
            }
            let mut pushes = Vec::new();
            for (member, changes) in members.iter().zip(by_member) {
                for part in changes.chunks(PUSH_EDITS) {
                    self.batches += 1;
                    let batch = member.sign(self.batches, now(), part.to_vec())?;
                    pushes.push(Command::Push(Push { batch, carrier: member.device, skew: SpanMs(0) }));
                }
            }
            self.submit(pushes).await?;
        }
        Ok(records.iter().map(Record::id).collect())
    }

    /// Takes in one batch.
    ///
    /// # Errors
    /// If anything of it is refused.
    pub async fn push(&mut self, member: &Member, batch: Batch) -> Result<()> {
        self.submit(vec![Command::Push(Push { batch, carrier: member.device, skew: SpanMs(0) })]).await?;
        self.settled().await
    }

    /// Gives the writer these, in their order, and waits for room only.
    async fn submit(&mut self, commands: Vec<Command>) -> Result<()> {
        for command in commands {
            if self.under_way.len() >= AT_ONCE {
                self.answered().await?;
            }
            let given = self.app.writer.hand_in(None, command).await?;
            self.under_way.push(Box::pin(given));
        }
        Ok(())
    }

    async fn settled(&mut self) -> Result<()> {
        while !self.under_way.is_empty() {
            self.answered().await?;
        }
        Ok(())
    }

    async fn answered(&mut self) -> Result<()> {
        if let Some(Outcome::Pushed(pushed)) = self.under_way.next().await.transpose()? {
            let refused = pushed.receipt.rulings.iter().find(|ruled| !matches!(ruled.ruling, Ruling::Accepted(..)));
            if let Some(ruled) = refused {
                bail!("a change of the log was not accepted: {:?}", ruled.ruling);
            }
        }
        Ok(())
    }

    /// Everything is on disk; the directory is free for a server.
    ///
    /// # Errors
    /// If the writer ended badly.
    pub async fn close(self) -> Result<()> {
        let Self { app, handle, .. } = self;
        drop(app);
        handle.stop();
        tokio::task::spawn_blocking(move || handle.finish()).await.context("the writer ends")
    }
}
