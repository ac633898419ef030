//! What an operator asks for, turned into commands: the same for the command line and the API.
//!
//! Here ids, codes and tokens are drawn; the commands carry only their hashes.

use renolog_protocol::id::CommunityId;
use renolog_protocol::limits;
use renolog_protocol::schema::{Party, Role, Schema};
use renolog_protocol::time::{SpanMs, UnixMs};
use serde::{Deserialize, Serialize};

use crate::command::{AddCommunity, Command, Invite, IssueToken};
use crate::secret;
use crate::store::{ALL, Column, CommunityRow, Read, StoreError};

/// A community to be added.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewCommunity {
    /// Its short name: 1 to 40 of a-z, 0-9 and `-`.
    pub slug: String,
    /// Its name.
    pub name: String,
}

/// A community that was added.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Community {
    /// Which.
    pub id: CommunityId,
    /// Its short name.
    pub slug: String,
    /// Its name.
    pub name: String,
}

/// A person to be invited.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Invitation {
    /// Communities by id, short name or name.
    pub communities: Vec<String>,
    /// As what.
    pub role: Role,
    /// For which party; the role's own if not said.
    pub party: Option<Party>,
    /// The person's name.
    pub name: String,
    /// How long the code is good for.
    pub hours: u32,
}

/// A one-time code. Only whoever asked for it ever sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Code {
    /// What the person types.
    pub code: String,
    /// Until when.
    pub expires: UnixMs,
}

/// A token to be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewToken {
    /// What it is for.
    pub label: String,
    /// How long it is good for.
    pub days: u32,
}

/// A bearer token. Only whoever asked for it ever sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Token {
    /// What goes after `Authorization: Bearer`.
    pub token: String,
    /// Until when.
    pub expires: UnixMs,
}

/// What shall become of a change in quarantine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Decision {
    /// Whether it shall stand after all.
    pub release: bool,
    /// Why.
    pub reason: String,
}

fn name(text: &str, what: &str) -> Result<String, String> {
    let text = text.trim();
    let fits = (1..=limits::NAME_CHARS).contains(&text.chars().count()) && !text.contains(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(format!("{what} needs 1 to {} characters", limits::NAME_CHARS)) }
}

/// Adds a community.
///
/// # Errors
/// A sentence that says what is wrong with what was asked.
pub fn add_community(asked: NewCommunity, now: UnixMs) -> Result<(Command, Community), String> {
    let slug = asked.slug;
    let fits = (1..=40).contains(&slug.len()) && slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !fits {
        return Err(format!("{slug:?} cannot be a short name: use 1 to 40 of a-z, 0-9 and -"));
    }
    let name = name(&asked.name, "a community's name")?;
    let id = CommunityId::from_parts(now, secret::random());
    let made = Community { id, slug: slug.clone(), name: name.clone() };
    Ok((Command::AddCommunity(AddCommunity { id, slug, name }), made))
}

/// Makes a one-time code.
///
/// # Errors
/// Outer: [`StoreError`]. Inner: a sentence that says what is wrong with what was asked.
pub fn invite<S: Read + ?Sized>(
    store: &S,
    schema: &Schema,
    asked: &Invitation,
    now: UnixMs,
) -> Result<Result<(Command, Code), String>, StoreError> {
    let Some(role) = schema.roles.get(&asked.role) else {
        let known: Vec<&str> = schema.roles.keys().map(Role::as_str).collect();
        return Ok(Err(format!("there is no role {}; roles are: {}", asked.role, known.join(", "))));
    };
    let party = asked.party.clone().unwrap_or_else(|| role.party.clone());
    if !schema.parties.contains_key(&party) {
        let known: Vec<&str> = schema.parties.keys().map(Party::as_str).collect();
        return Ok(Err(format!("there is no party {party}; parties are: {}", known.join(", "))));
    }
    let mut communities = Vec::new();
    for named in &asked.communities {
        match find_community(store, named)? {
            Some(row) => communities.push(row.id),
            None => return Ok(Err(format!("there is no community {named:?}"))),
        }
    }
    if communities.is_empty() {
        return Ok(Err("name at least one community".into()));
    }
    let person = match name(&asked.name, "a person's name") {
        Ok(person) => person,
        Err(why) => return Ok(Err(why)),
    };
    let code = secret::new_code();
    let expires = now + SpanMs::from_secs(i64::from(asked.hours) * 3600);
    let code_hash = secret::code_hash(&code);
    let command = Invite { code_hash, communities, role: asked.role.clone(), party, name: person, expires };
    Ok(Ok((Command::Invite(command), Code { code, expires })))
}

/// Makes a bearer token for the API.
pub fn issue_token(asked: NewToken, now: UnixMs) -> (Command, Token) {
    let token = secret::new_token();
    let expires = now + SpanMs::from_secs(i64::from(asked.days) * 86_400);
    let label: String = asked.label.chars().filter(|c| !c.is_control()).take(limits::NAME_CHARS).collect();
    let command = IssueToken { token_hash: secret::token_hash(&token), label, expires };
    (Command::IssueToken(command), Token { token, expires })
}

/// The community meant by an id, a short name or a name.
///
/// # Errors
/// [`StoreError`].
pub fn find_community<S: Read + ?Sized>(store: &S, named: &str) -> Result<Option<CommunityRow>, StoreError> {
    if let Ok(id) = named.parse::<CommunityId>() {
        return store.get(&[id.to_cell()]);
    }
    let by_slug: Vec<CommunityRow> = store.list_by(CommunityRow::BY_SLUG, &[named.to_owned().to_cell()], None, 1)?;
    if let Some(row) = by_slug.into_iter().next() {
        return Ok(Some(row));
    }
    Ok(store.list::<CommunityRow>(&[], None, ALL)?.into_iter().find(|row| row.name == named))
}
