//! Refused work: kept as it was said, until its writer says it again or lets it go.

use std::collections::BTreeSet;

use renolog_protocol::id::RecordId;
use renolog_protocol::record::{Act, Created, EntryParts, FieldView, RecordView, VoidTarget};
use renolog_protocol::refusal::{Code, Refusal};
use renolog_protocol::schema::{Kind, KindName, Label, Party, Role, Schema, Shape, Value, built_in};
use renolog_protocol::time::UnixMs;
use renolog_protocol::words;

use super::record::parse;
use super::{Client, ClientError};
use crate::store::{Draft, DraftId, Kept, Status};

impl Client {
    /// Refused work, oldest first.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn drafts(&self) -> Result<Vec<Draft>, ClientError> {
        Ok(self.store.drafts()?)
    }

    /// Says refused work again, now, under new names. If the rules allow it here, the draft is gone and the work is in the
    /// outbox. What the record says already is not said twice.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if it still may not stand; the draft is kept. As [`Client::edit`].
    pub fn retry(&mut self, now: UnixMs, draft: DraftId) -> Result<RecordId, ClientError> {
        let draft = self.store.draft(draft)?.ok_or(ClientError::NoSuchDraft)?;
        self.atomically(|me| me.say_draft(now, &draft, true))?;
        self.after_edit(now)?;
        Ok(draft.record)
    }

    /// What was refused only because something else did not stand is said once more now that it does; the caller holds the
    /// transaction. Under its old names: should it be released too, it is still one thing.
    pub(super) fn take_up(&mut self, now: UnixMs, record: RecordId) -> Result<(), ClientError> {
        for draft in self.store.drafts_of(record)? {
            let depended = [Code::DependsOnRefused, Code::RewritesHistory].contains(&draft.refusal.code);
            if !depended {
                continue;
            }
            match self.say_draft(now, &draft, false) {
                Err(error @ ClientError::Store(_)) => return Err(error),
                Err(error) => tracing::debug!(%record, %error, "a draft stays a draft"),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Says a draft again and lets it go; the caller holds the transaction.
    fn say_draft(&mut self, now: UnixMs, draft: &Draft, redraw: bool) -> Result<(), ClientError> {
        let record = self.hot(draft.record)?.clone();
        let view = record.view(&self.schema);
        let said = |act: &&Act| view.as_ref().is_some_and(|view| says(view, act));
        let unsaid: Vec<Act> = draft.acts.iter().filter(|act| !said(act)).cloned().collect();
        if unsaid.is_empty() && !draft.acts.is_empty() {
            self.store.drop_draft(draft.id)?;
            let revision = self.bump();
            return Ok(self.store.recount(draft.record, revision)?);
        }
        if !matches!(unsaid.first(), Some(Act::Create(_))) && record.is_empty() {
            return Err(ClientError::NoSuchRecord(draft.record));
        }
        let acts = self.renew(&unsaid, &record, redraw, &mut Default::default());
        let again = |party: &Party, device_time: UnixMs| acts.iter().cloned().map(|act| at(act, party, device_time)).collect();
        let written = self.allowed(now, draft.record, draft.feed, Some(&draft.party), &again)?;
        self.store.drop_draft(draft.id)?;
        self.keep(now, draft.feed, written)
    }

    /// Lets refused work go. Its writer's decision, nobody else's.
    ///
    /// # Errors
    /// [`ClientError::NoSuchDraft`], [`ClientError::Store`].
    pub fn discard(&mut self, draft: DraftId) -> Result<(), ClientError> {
        let known = self.store.draft(draft)?.ok_or(ClientError::NoSuchDraft)?;
        self.atomically(|me| {
            me.store.drop_draft(draft)?;
            let revision = me.bump();
            Ok(me.store.recount(known.record, revision)?)
        })
    }

    /// Takes a change out of its record and keeps what it said; the caller holds the transaction.
    pub(super) fn draft(
        &mut self,
        now: UnixMs,
        kept: &Kept,
        kind: Option<KindName>,
        acts: Vec<Act>,
        refusal: Refusal,
    ) -> Result<(), ClientError> {
        let change = parse(kept)?;
        let unknown = || KindName::parse("unknown").expect("a name");
        self.store.set_status(kept.hash, Status::Refused)?;
        self.store.add_draft(&Draft {
            id: DraftId(0),
            change: kept.hash,
            record: kept.record,
            feed: kept.feed,
            kind: kind.unwrap_or_else(unknown),
            party: change.party().clone(),
            acts,
            refusal,
            written: change.device_time(),
            refused: now,
        })?;
        Ok(())
    }
}

impl Draft {
    /// What was said, in words.
    pub fn words(&self, schema: &Schema) -> Vec<Label> {
        self.acts.iter().map(|act| words::act(schema, schema.kinds.get(&self.kind), act)).collect()
    }

    /// Who could say all of it, where it was refused for who said it.
    pub fn who_could(&self, schema: &Schema) -> Option<Label> {
        let of_standing = [
            Code::NotAMember,
            Code::MayNotCreate,
            Code::MayNotWrite,
            Code::MayNotMove,
            Code::OtherParty,
            Code::HandledByOwnParty,
        ];
        let kind = schema.kinds.get(&self.kind).filter(|_| of_standing.contains(&self.refusal.code))?;
        let able = |role: &&Role| self.acts.iter().all(|act| may(schema, kind, role, act, &self.acts));
        let roles: BTreeSet<Role> = schema.roles.keys().filter(able).cloned().collect();
        Some(schema.who(&roles)).filter(|_| !roles.is_empty())
    }
}

/// Whether a role could ever do this, whatever the state of the record.
fn may(schema: &Schema, kind: &Kind, role: &Role, act: &Act, all: &[Act]) -> bool {
    let party = &schema.roles[role].party;
    match act {
        Act::Create(_) => {
            let own = Value::from(party.as_str());
            let handled =
                |act: &Act| matches!(act, Act::Set { field, value } if Some(field) == kind.not_by.as_ref() && *value == own);
            kind.create.contains(role) && !all.iter().any(handled)
        }
        Act::Move { name, .. } => kind.moves.get(name).is_some_and(|rule| rule.by.contains(role)),
        Act::Put { field, .. } if *field == *built_in::PAUSES => kind.moves.values().any(|rule| rule.by.contains(role)),
        Act::Put { field, entry, .. } if *field == *built_in::VOIDS => may_void(kind, role, entry),
        Act::Set { field, .. } | Act::Write { field, .. } | Act::Put { field, .. } => match kind.fields.get(field) {
            None => schema.may_read(kind.audience, [role]),
            Some(rule) => {
                let key = if let Act::Put { key, .. } = act { key } else { "" };
                rule.write.contains(role) && (!matches!(rule.shape, Shape::PerParty(_)) || *party == *key)
            }
        },
    }
}

fn may_void(kind: &Kind, role: &Role, entry: &EntryParts) -> bool {
    match entry.get("target").map(ToString::to_string).as_deref().and_then(VoidTarget::parse) {
        Some(VoidTarget::Entry { field, .. }) => kind.fields.get(&field).is_some_and(|rule| rule.write.contains(role)),
        _ => kind.create.contains(role),
    }
}

/// Whether a record says so already: it was made, or holds that value.
fn says(view: &RecordView, act: &Act) -> bool {
    match act {
        Act::Create(_) => true,
        Act::Set { field, value } => {
            matches!(view.fields.get(field), Some(FieldView::Values(values)) if values.iter().all(|said| said.value == *value))
        }
        Act::Write { field, text } => {
            matches!(view.fields.get(field), Some(FieldView::Text(texts)) if texts.iter().all(|said| said.value == *text))
        }
        Act::Put { .. } | Act::Move { .. } => false,
    }
}

/// A creation names the moment it was written.
fn at(act: Act, party: &Party, device_time: UnixMs) -> Act {
    match act {
        Act::Create(created) => Act::Create(Created { party: party.clone(), device_time, ..created }),
        act => act,
    }
}
