//! Answers, as JSON. Each is the serde form of what the client gives; `server/web/src/device/views/` says the same in
//! TypeScript.

use renolog_client_core::Invitation;
use renolog_client_core::client::Client;
use renolog_client_core::store::{Draft, DraftId, Enrolled, Unfinished};
use renolog_protocol::id::{Audience, CommunityId};
use renolog_protocol::record::VoidTarget;
use renolog_protocol::roster::Member;
use renolog_protocol::schema::{FieldName, KindName, Label, Party, Role, Scalar, Shape};
use renolog_protocol::time::UnixMs;
use serde::Serialize;

use crate::request::overdue;
use crate::{Problem, Request};

/// Does what is asked at `now` by the device's clock.
///
/// # Errors
/// [`Problem`].
pub fn answer(client: &mut Client, now: UnixMs, request: Request) -> Result<String, Problem> {
    match request {
        Request::Create { .. }
        | Request::Set { .. }
        | Request::Put { .. }
        | Request::Edit { .. }
        | Request::Transition { .. }
        | Request::Note { .. }
        | Request::Pause { .. }
        | Request::StrikeOut { .. }
        | Request::Retry { .. }
        | Request::Discard { .. }
        | Request::KeepUnfinished { .. }
        | Request::DropUnfinished { .. }
        | Request::SaveData { .. }
        | Request::Enrolled { .. } => done(client, now, request),
        _ => told(client, now, request),
    }
}

fn json(answer: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(answer).map_err(Problem::broken)
}

/// What people do.
fn done(client: &mut Client, now: UnixMs, request: Request) -> Result<String, Problem> {
    match request {
        Request::Create { community, kind, values, party } => {
            json(&client.create(now, community, &kind, values, party.as_ref())?)
        }
        Request::Set { record, field, value } => json(&client.set(now, record, &field, value)?),
        Request::Put { record, field, key, entry, party } => {
            json(&client.put(now, record, &field, key.as_deref(), entry, party.as_ref())?)
        }
        Request::Edit { record, acts, party } => json(&client.edit(now, record, &acts, party.as_ref())?),
        Request::Transition { record, name, reason, party } => {
            json(&client.transition(now, record, &name, reason.as_deref(), party.as_ref())?)
        }
        Request::Note { record, text, party } => json(&client.note(now, record, &text, party.as_ref())?),
        Request::Pause { record, until_day, reason, party } => {
            json(&client.pause(now, record, &until_day, &reason, party.as_ref())?)
        }
        Request::StrikeOut { record, target, reason, party } => {
            let target = VoidTarget::parse(&target).ok_or_else(|| Problem::broken(format!("{target} cannot be struck out")))?;
            json(&client.void(now, record, &target, &reason, party.as_ref())?)
        }
        Request::Retry { draft } => json(&client.retry(now, DraftId(draft))?),
        Request::Discard { draft } => json(&client.discard(DraftId(draft))?),
        Request::KeepUnfinished { form, typed } => json(&client.keep_unfinished(now, &form, &typed)?),
        Request::DropUnfinished { form } => json(&client.drop_unfinished(&form)?),
        Request::SaveData { saves } => json(&client.save_data(now, saves)?),
        Request::Enrolled { server, person, name, communities } => {
            // The browser keeps the token, where no script reads it.
            client.enrolled(Enrolled { server, person, name, token: String::new() })?;
            communities.into_iter().try_for_each(|community| client.follow(now, community))?;
            json(&())
        }
        _ => Err(Problem::broken("a question where a deed was expected")),
    }
}

/// What can be read.
fn told(client: &mut Client, now: UnixMs, request: Request) -> Result<String, Problem> {
    match request {
        Request::Me => json(&me(client)),
        Request::Before => json(&client.before()),
        Request::Schema => json(&**client.schema()),
        Request::Communities => json(&communities(client, now)?),
        Request::Status => json(&client.status()?),
        Request::List { filter } => json(&client.list(&filter.into())?),
        Request::Listed { record } => json(&client.listed(record)?),
        Request::Read { record } => json(&client.read(record)?),
        Request::Writers { record } => json(&client.writers(record)?),
        Request::History { record } => json(&client.history(record)?),
        Request::SyncState { record } => json(&client.sync_state(record)?),
        Request::Due { record } => json(&client.due(now, record)?),
        Request::Overdue { community, role, party, limit } => {
            json(&client.overdue(now, &overdue(community, role, party), limit)?)
        }
        Request::Waiting { limit } => json(&client.waiting(now, limit)?),
        Request::Conflicts => json(&client.conflicts()?),
        Request::Tally { motion } => json(&client.tally(motion)?),
        Request::Offers { record } => json(&client.offers(now, record)?),
        Request::Creatable { community } => json(&client.creatable(now, community)?),
        Request::Typed { community, kind, field, part, text } => {
            let scalar = scalar(client, &kind, &field, part.as_ref())?;
            json(&client.typed(community, &scalar, &text)?)
        }
        Request::ChangedSince { revision, limit } => json(&client.changed_since(revision, limit)?),
        Request::Drafts => json(&drafts(client)?),
        Request::Unfinished => {
            let read = |kept: Unfinished| Ok(Typed { form: kept.form, typed: raw(kept.typed)?, at: kept.at });
            let kept: Result<Vec<Typed>, Problem> = client.unfinished()?.into_iter().map(read).collect();
            json(&kept?)
        }
        Request::Invitation { link } => {
            let Invitation { server, code } = link.parse()?;
            json(&serde_json::json!({ "server": server, "code": code }))
        }
        Request::AnswerText { challenge } => {
            let hex: String = client.answer_text(&challenge).iter().map(|byte| format!("{byte:02x}")).collect();
            json(&hex)
        }
        _ => Err(Problem::broken("a deed where a question was expected")),
    }
}

/// Whose device it is.
#[derive(Serialize)]
struct Me<'a> {
    device: renolog_protocol::id::DeviceId,
    person: renolog_protocol::id::PersonId,
    name: &'a str,
    server: &'a str,
    /// Of this program.
    version: &'static str,
}

fn me(client: &Client) -> Option<Me<'_>> {
    let enrolled = client.enrolment()?;
    let (device, version) = (client.device(), env!("CARGO_PKG_VERSION"));
    Some(Me { device, person: enrolled.person, name: &enrolled.name, server: &enrolled.server, version })
}

#[derive(Serialize)]
struct Community<'a> {
    id: CommunityId,
    name: &'a str,
    members: &'a [Member],
    /// What of it is followed and may be read.
    audiences: Vec<Audience>,
    mine: Vec<Mine>,
}

#[derive(Serialize)]
struct Mine {
    role: Role,
    party: Party,
}

fn communities(client: &Client, now: UnixMs) -> Result<Vec<Community<'_>>, Problem> {
    let mut told = Vec::new();
    for (id, known) in client.communities() {
        let granted = client.feeds().filter(|state| state.granted && state.cursor.feed.community == *id);
        let mine = match client.enrolment() {
            Some(_) => client.roles(now, *id)?,
            None => Vec::new(),
        };
        told.push(Community {
            id: *id,
            name: &known.name,
            members: &known.roster.members,
            audiences: granted.map(|state| state.cursor.feed.audience).collect(),
            mine: mine.into_iter().map(|(role, party)| Mine { role, party }).collect(),
        });
    }
    Ok(told)
}

#[derive(Serialize)]
struct Refused {
    #[serde(flatten)]
    draft: Draft,
    words: Vec<Label>,
    who_could: Option<Label>,
}

fn drafts(client: &Client) -> Result<Vec<Refused>, Problem> {
    let schema = client.schema();
    let refused = |draft: Draft| Refused { words: draft.words(schema), who_could: draft.who_could(schema), draft };
    Ok(client.drafts()?.into_iter().map(refused).collect())
}

#[derive(Serialize)]
struct Typed {
    form: String,
    /// As the page gave it: JSON.
    typed: Box<serde_json::value::RawValue>,
    at: UnixMs,
}

fn raw(typed: String) -> Result<Box<serde_json::value::RawValue>, Problem> {
    serde_json::value::RawValue::from_string(typed).map_err(Problem::broken)
}

/// What a field, or one part of its entries, holds.
fn scalar(client: &Client, kind: &KindName, field: &FieldName, part: Option<&FieldName>) -> Result<Scalar, Problem> {
    let unknown = || Problem::broken(format!("a {kind} has no such field as {field}"));
    let kind = client.schema().kinds.get(kind).ok_or_else(unknown)?;
    match (part, kind.fields.get(field).map(|field| &field.shape)) {
        (None, Some(Shape::Register(scalar))) => Ok(scalar.clone()),
        (Some(part), _) => {
            let part = kind.entry(field.as_str()).and_then(|entry| entry.parts.get(part)).ok_or_else(unknown)?;
            Ok(part.scalar.clone())
        }
        _ => Err(unknown()),
    }
}
