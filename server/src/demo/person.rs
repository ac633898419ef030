//! A person with a device in their hand, and the stage they act on.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use renolog_client_core::client::Made;
use renolog_client_core::{Device, Settings};
use renolog_protocol::id::{CommunityId, FeedId, RecordId, Seq};
use renolog_protocol::record::Act;
use renolog_protocol::schema::{FieldName, KindName, MoveName, Role, Value};
use renolog_protocol::time::SpanMs;
use renolog_protocol::words;

use super::link::Link;
use crate::app::App;
use crate::clock::{Clock, MovedClock};
use crate::ingest;
use crate::office::{Invitation, find_community};

/// Where people act.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub(super) app: App,
    pub(super) server: SocketAddr,
    pub(super) devices: PathBuf,
    pub(super) clock: MovedClock,
}

/// Someone with a device.
#[derive(Debug)]
pub(super) struct Person {
    name: String,
    role: String,
    device: Device,
    link: Link,
    stage: Stage,
    communities: BTreeMap<String, CommunityId>,
}

impl Stage {
    /// Invites someone, and has them enrol a new device with the code. `skew`: how far its clock is ahead.
    pub(super) async fn enrol(&self, name: &str, role: &str, communities: &[&str], skew: SpanMs) -> Result<Person> {
        let asked = Invitation {
            communities: communities.iter().map(|slug| (*slug).to_owned()).collect(),
            role: Some(Role::parse(role)?),
            name: name.to_owned(),
            hours: 1,
            ..Invitation::default()
        };
        let label = self.app.schema.roles.get(role).map(|role| role.label.zh.clone()).unwrap_or_default();
        let code = self.app.take(None, asked).await?;

        let link = Link::to(self.server).await?;
        let clock = self.clock.clone();
        let settings = Settings { clock: Some(Arc::new(move || clock.now() + skew)), seed: None, ..Settings::default() };
        let device = Device::open_with(self.devices.join(format!("{name}.sqlite3")), settings)?;
        let enrolment = device.enrol(&format!("http://{}", link.address()), &code.code, &format!("{name}的手机")).await?;
        device.start()?;
        let mut known = BTreeMap::new();
        for slug in communities {
            let row = self.app.readers.ask({
                let slug = (*slug).to_owned();
                move |store| find_community(store, &slug)
            });
            known.insert((*slug).to_owned(), row.await?.context("the community was just added")?.id);
        }
        println!("   {name}（{label}）凭邀请码登记了手机  enrolled with a one-time code: {} 个小区", enrolment.communities.len());
        let person = Person { name: name.to_owned(), role: label, device, link, stage: self.clone(), communities: known };
        person.catch_up().await?;
        Ok(person)
    }
}

impl Person {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How often this person's link was cut.
    pub(super) fn cuts(&self) -> u64 {
        self.link.cuts()
    }

    fn say(&self, what: &str) {
        let signal = if self.device.status().is_ok_and(|status| status.on) { "" } else { "（无信号 no signal）" };
        println!("   {}（{}）{signal} {what}", self.name, self.role);
    }

    /// Says what was just done, in the words of the history.
    fn did(&self, record: RecordId, act: &Act) -> Result<()> {
        let view = self.device.read(record)?;
        let schema = self.device.peek(|client| client.schema().clone());
        let kind = schema.kinds.get(&view.created.kind);
        let words = words::act(&schema, kind, act);
        let kind = kind.map(|kind| kind.label.zh.clone()).unwrap_or_default();
        self.say(&format!("{kind}“{}” {}  {}", view.title, words.zh, words.en));
        Ok(())
    }

    /// The person's id, as fields that name a person hold it.
    pub(super) fn id(&self) -> String {
        self.device.peek(|client| client.enrolment().map(|enrolled| enrolled.person.to_string())).unwrap_or_default()
    }

    /// Makes a record without a word: for the many that nobody would read line by line.
    pub(super) fn create_quietly(
        &mut self,
        slug: &str,
        kind: &str,
        fields: &[(&str, impl Into<Value> + Clone)],
    ) -> Result<RecordId> {
        let values = fields.iter().map(|(name, value)| Ok((FieldName::parse(name)?, value.clone().into())));
        let values = values.collect::<Result<Vec<_>>>()?;
        let community = *self.communities.get(slug).context("not a member there")?;
        Ok(self.device.create(community, &KindName::parse(kind)?, values)?)
    }

    pub(super) fn create(&mut self, slug: &str, kind: &str, fields: &[(&str, impl Into<Value> + Clone)]) -> Result<RecordId> {
        let record = self.create_quietly(slug, kind, fields)?;
        let created = self.device.read(record)?.created;
        self.did(record, &Act::Create(created))?;
        Ok(record)
    }

    pub(super) fn set(&mut self, record: RecordId, field: &str, value: &str) -> Result<()> {
        let (field, value) = (FieldName::parse(field)?, Value::from(value));
        self.device.with(|client, now| client.set(now, record, &field, value.clone()))?;
        self.did(record, &Act::Set { field, value })
    }

    pub(super) fn put(
        &mut self,
        record: RecordId,
        field: &str,
        key: Option<&str>,
        parts: &[(&str, impl Into<Value> + Clone)],
    ) -> Result<()> {
        self.put_quietly(record, field, key, parts)?;
        let entry =
            parts.iter().map(|(name, value)| Ok((FieldName::parse(name)?, value.clone().into()))).collect::<Result<_>>()?;
        self.did(record, &Act::Put { field: FieldName::parse(field)?, key: key.unwrap_or_default().to_owned(), entry })
    }

    /// The same for the many entries of a figure, which nobody would read line by line.
    pub(super) fn put_quietly(
        &mut self,
        record: RecordId,
        field: &str,
        key: Option<&str>,
        parts: &[(&str, impl Into<Value> + Clone)],
    ) -> Result<()> {
        let entry =
            parts.iter().map(|(name, value)| Ok((FieldName::parse(name)?, value.clone().into()))).collect::<Result<_>>()?;
        let field = FieldName::parse(field)?;
        self.device.with(|client, now| client.put(now, record, &field, key, entry, None))?;
        Ok(())
    }

    pub(super) fn note(&mut self, record: RecordId, text: &str) -> Result<()> {
        let id = self.device.note(record, text)?;
        self.did(record, &Act::note(id, text))
    }

    pub(super) fn go(&mut self, record: RecordId, name: &str, reason: Option<&str>) -> Result<()> {
        let name = MoveName::parse(name)?;
        let id = self.device.transition(record, &name, reason)?;
        self.did(record, &Act::Move { id, name, follows: Default::default(), reason: reason.map(str::to_owned) })
    }

    pub(super) fn go_quietly(&mut self, record: RecordId, name: &str) -> Result<()> {
        self.device.transition(record, &MoveName::parse(name)?, None)?;
        Ok(())
    }

    pub(super) fn offline(&mut self) -> Result<()> {
        self.device.go_offline();
        self.say("走进没有信号的地方  walks out of reach");
        Ok(())
    }

    pub(super) async fn online(&mut self) -> Result<()> {
        let unsent = self.device.status()?.unsent;
        self.device.go_online()?;
        self.catch_up().await?;
        self.say(&format!("恢复信号，{unsent} 项离线修改全部送达  is back: {unsent} offline changes are on the server's disk"));
        Ok(())
    }

    /// Comes back over a link that is cut after so many bytes, again and again, before it holds.
    pub(super) async fn online_over_a_bad_link(&mut self, cut_after: &[i64]) -> Result<()> {
        self.device.go_offline();
        for bytes in cut_after {
            let cuts = self.link.cuts();
            self.link.cut_after(*bytes);
            self.device.go_online()?;
            tokio::select! {
                () = self.link.until_cut(cuts) => {}
                // Everything was said in fewer bytes than that: there is nothing left to cut.
                settled = self.device.settled() => {
                    settled?;
                    self.link.hold();
                    return self.online().await;
                }
            }
            self.say(&format!("上传途中断线（第 {bytes} 字节后）  the link breaks in the middle of a push, {bytes} bytes in"));
            self.device.go_offline();
        }
        self.online().await
    }

    /// Waits until everything said here is durable and everything that is on the server is here.
    pub(super) async fn settle(&mut self, what: &str) -> Result<()> {
        self.device.nudge();
        self.catch_up().await?;
        self.say(what);
        Ok(())
    }

    async fn catch_up(&self) -> Result<()> {
        self.device.settled().await?;
        let heads = self.heads().await?;
        self.device
            .until(move |client| {
                let reached = |(feed, head): (&FeedId, &Seq)| {
                    client.feeds().any(|state| state.cursor.feed == *feed && state.cursor.seq >= *head)
                };
                Ok(heads.iter().all(reached) && client.is_settled()?)
            })
            .await?;
        Ok(())
    }

    /// Where the server's feeds end, of those that this person reads.
    async fn heads(&self) -> Result<BTreeMap<FeedId, Seq>> {
        let granted: Vec<FeedId> =
            self.device.peek(|client| client.feeds().filter(|state| state.granted).map(|state| state.cursor.feed).collect());
        let asked = self
            .stage
            .app
            .readers
            .ask(move |store| granted.into_iter().map(|feed| Ok((feed, ingest::head(store, feed)?))).collect());
        Ok(asked.await?)
    }

    /// Everything that was written on the device, and what became of it.
    pub(super) fn made(&self) -> Result<Vec<Made>> {
        Ok(self.device.peek(|client| client.made_here())?)
    }

    /// Every record as the device shows it.
    pub(super) fn shows(&self) -> Result<BTreeMap<RecordId, String>> {
        Ok(self.device.peek(|client| client.state_of_everything())?)
    }

    /// Whether the person reads a feed.
    pub(super) fn reads(&self, feed: FeedId) -> bool {
        self.device.peek(|client| client.feeds().any(|state| state.cursor.feed == feed && state.granted))
    }
}
