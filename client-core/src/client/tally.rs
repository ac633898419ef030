//! The count of a motion, on a device that may read ballots.

use renolog_protocol::id::{FeedId, RecordId};
use renolog_protocol::record::{FieldView, RecordView};
use renolog_protocol::schema::{KindName, Value};
use renolog_protocol::tally::{Ballot, Choice, Class, Question, Tally, tally};

use super::{Client, ClientError};
use crate::store::Filter;

impl Client {
    /// The count of a motion as it stands here, ballots that were not sent yet included. None if ballots may not be read
    /// here, if the record is no motion, or while the figures it is counted against are unknown.
    ///
    /// # Errors
    /// [`ClientError::NoSuchRecord`], [`ClientError::Store`].
    pub fn tally(&mut self, motion: RecordId) -> Result<Option<Tally>, ClientError> {
        let view = self.read(motion)?;
        let community = self.feed_of(motion)?.community;
        let ballot = KindName::parse("ballot").expect("a name");
        let Some(audience) = self.schema.kinds.get(&ballot).map(|kind| kind.audience) else { return Ok(None) };
        let granted = self.feeds.get(&FeedId { community, audience }).is_some_and(|state| state.granted);
        let Some(question) = self.question(&view).filter(|_| granted) else { return Ok(None) };
        let named = motion.to_string();
        let filter = Filter { community: Some(community), kind: Some(ballot), text: Some(named.clone()), ..Filter::default() };
        let mut ballots = Vec::new();
        for listed in self.store.list(&filter)? {
            let cast = self.glance(listed.id)?.filter(|view| view.value("motion") == Some(&Value::from(named.as_str())));
            ballots.extend(cast.iter().flat_map(said));
        }
        Ok(Some(tally(&question, &ballots)))
    }

    fn question(&self, motion: &RecordView) -> Option<Question> {
        let kind = self.schema.kinds.get(&motion.created.kind).filter(|kind| *kind.name.as_str() == *"motion")?;
        let class = match text(motion, "class")? {
            "major" => Class::Major,
            "ordinary" => Class::Ordinary,
            _ => return None,
        };
        let place = |state: &str| kind.states.get_index_of(state);
        let closed = place(motion.state.as_str())? >= place("counting")?;
        Some(Question { class, units: whole(motion, "units")?, area_cm2: whole(motion, "area_cm2")?, closed })
    }
}

/// What a ballot says; each thing it says, where it was written apart: then the count sets its unit aside.
fn said(ballot: &RecordView) -> Vec<Ballot> {
    let counts = ballot.voided.is_none() && ["recorded", "verified", "disputed"].contains(&ballot.state.as_str());
    let (Some(unit), Some(area_cm2), true) = (text(ballot, "unit"), whole(ballot, "area_cm2"), counts) else {
        return Vec::new();
    };
    let Some(FieldView::Values(choices)) = ballot.fields.get("choice") else { return Vec::new() };
    let one = |choice: Choice| Ballot {
        unit: unit.to_owned(),
        owner: text(ballot, "owner").map(str::to_owned),
        area_cm2,
        choice,
        disputed: ballot.state.as_str() == "disputed",
    };
    choices.iter().filter_map(|said| choice(&said.value)).map(one).collect()
}

fn choice(value: &Value) -> Option<Choice> {
    match value {
        Value::Text(text) if text == "agree" => Some(Choice::Agree),
        Value::Text(text) if text == "disagree" => Some(Choice::Disagree),
        Value::Text(text) if text == "abstain" => Some(Choice::Abstain),
        _ => None,
    }
}

fn text<'a>(view: &'a RecordView, field: &str) -> Option<&'a str> {
    match view.value(field)? {
        Value::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn whole(view: &RecordView, field: &str) -> Option<u64> {
    match view.value(field)? {
        Value::Whole(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}
