//! What people type, as values: they write names, and a record holds ids.

use renolog_protocol::id::{CommunityId, PersonId, RecordId};
use renolog_protocol::schema::{KindName, Label, Misfit, Scalar, Value};

use super::{Client, ClientError};

/// Text that is no value of its field. Other text may be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// Of another form than the field asks for.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// Nothing has that name.
    #[error("没有“{0}” there is no {0}")]
    Nothing(String),
    /// Several things have it.
    #[error("“{typed}”不止一个 {typed} may be: {}", .fitting.join("、"))]
    Several {
        /// What was typed.
        typed: String,
        /// What it may mean.
        fitting: Vec<String>,
    },
}

impl Client {
    /// What someone typed for a field of this type: a person by name or by the start of their id, a party or a choice by its
    /// name or label, a record by the start or the end of its id.
    ///
    /// # Errors
    /// [`ClientError::Unclear`] in words for whoever typed it; [`ClientError::Store`].
    pub fn typed(&self, community: CommunityId, scalar: &Scalar, text: &str) -> Result<Value, ClientError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Value::Nothing);
        }
        let named = |found: Result<String, Unclear>| Ok(Value::Text(found?));
        match scalar {
            Scalar::Person => named(self.person_typed(community, text)),
            Scalar::Party => named(labelled(self.schema.parties.iter().map(|(name, label)| (name.as_str(), label)), text)),
            Scalar::Choice { choices } => named(labelled(choices.iter().map(|(name, label)| (name.as_str(), label)), text)),
            Scalar::Record { kind } => Ok(Value::Text(self.record_typed(Some(kind), text)?.to_string())),
            _ => Ok(scalar.parse(text).map_err(Unclear::from)?),
        }
    }

    /// A record by the start or the end of its id: ids begin with the time, so their ends differ sooner.
    ///
    /// # Errors
    /// [`ClientError::Unclear`], [`ClientError::Store`].
    pub fn record_typed(&self, kind: Option<&KindName>, text: &str) -> Result<RecordId, ClientError> {
        if let Ok(whole) = text.parse() {
            return Ok(whole);
        }
        let known = match kind {
            Some(kind) => self.store.records_of_kind(kind)?,
            None => self.store.all_records()?,
        };
        let text = text.to_lowercase();
        let fits = |id: &String| id.starts_with(&text) || id.ends_with(&text);
        let found = the_one(&text, known.iter().map(ToString::to_string).filter(fits).collect())?;
        found.parse().map_err(|_| ClientError::Broken(found))
    }

    fn person_typed(&self, community: CommunityId, text: &str) -> Result<String, Unclear> {
        let members = self.communities.get(&community).map(|known| &known.roster.members[..]).unwrap_or_default();
        let mut named: Vec<(PersonId, &str)> = members.iter().map(|member| (member.person, member.name.as_str())).collect();
        named.sort_unstable();
        named.dedup();
        let exact: Vec<String> = named.iter().filter(|(_, name)| *name == text).map(|(person, _)| person.to_string()).collect();
        if !exact.is_empty() {
            return the_one(text, exact);
        }
        let mut fitting: Vec<String> = named.iter().map(|(person, _)| person.to_string()).collect();
        fitting.dedup();
        the_one(text, fitting.into_iter().filter(|id| id.starts_with(&text.to_lowercase())).collect())
    }
}

fn labelled<'a>(known: impl Iterator<Item = (&'a str, &'a Label)>, text: &str) -> Result<String, Unclear> {
    let fits =
        |(name, label): &(&str, &Label)| *name == text || label.zh == text || label.en.to_lowercase() == text.to_lowercase();
    the_one(text, known.filter(fits).map(|(name, _)| name.to_owned()).collect())
}

fn the_one(typed: &str, mut fitting: Vec<String>) -> Result<String, Unclear> {
    match (fitting.pop(), fitting.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) => Err(Unclear::Nothing(typed.to_owned())),
        (Some(last), false) => {
            fitting.push(last);
            fitting.truncate(8);
            Err(Unclear::Several { typed: typed.to_owned(), fitting })
        }
    }
}
