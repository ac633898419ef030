//! Bearer tokens for programs.

use renolog_protocol::limits;
use renolog_protocol::time::{SpanMs, UnixMs};
use serde::{Deserialize, Serialize};

use super::{Desk, Done, Order, Reach, Unfit, hash};
use crate::command::{Command, IssueToken, RevokeToken};
use crate::roll::Version;
use crate::secret;
use crate::store::{Column, Read, TokenRow};

/// The longest that a token may be good for: a year.
const MOST_DAYS: u32 = 366;

/// A token to be made.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NewToken {
    /// What it is for.
    pub label: String,
    /// How long it is good for.
    pub days: u32,
}

/// A bearer token. Only whoever asked for it ever sees it.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = IssuedToken)]
pub struct Token {
    /// What goes after `Authorization: Bearer`.
    pub token: String,
    /// Until when.
    pub expires: UnixMs,
    /// What it is called when it is listed or ended.
    pub name: String,
}

impl Order for NewToken {
    const PATH: &'static str = "tokens";
    type Made = Token;

    fn reach<S: Read + ?Sized>(&self, _: &Desk<'_, S>) -> Result<Reach, Unfit> {
        Ok(Reach::District)
    }

    fn alters<S: Read + ?Sized>(&self, _: &Desk<'_, S>) -> Result<Option<Version>, Unfit> {
        Ok(None)
    }

    fn command<S: Read + ?Sized>(self, desk: &Desk<'_, S>) -> Result<(Command, Token), Unfit> {
        if !(1..=MOST_DAYS).contains(&self.days) {
            return Err(Unfit::Wrong(format!("a token is good for 1 to {MOST_DAYS} days")));
        }
        let token = secret::new_token();
        let expires = desk.now + SpanMs::from_secs(i64::from(self.days) * 86_400);
        let label: String = self.label.chars().filter(|c| !c.is_control()).take(limits::NAME_CHARS).collect();
        let token_hash = secret::token_hash(&token);
        let name = data_encoding::HEXLOWER.encode(&token_hash);
        Ok((Command::IssueToken(IssueToken { token_hash, label, expires }), Token { token, expires, name }))
    }
}

/// A token to be ended.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TokenEnd {
    /// What it is called in the list.
    pub name: String,
}

impl Order for TokenEnd {
    const PATH: &'static str = "tokens/revoke";
    type Made = Done;

    fn reach<S: Read + ?Sized>(&self, _: &Desk<'_, S>) -> Result<Reach, Unfit> {
        Ok(Reach::District)
    }

    fn alters<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<Option<Version>, Unfit> {
        let known: Option<TokenRow> = desk.store.get(&[hash(&self.name, "token")?.to_cell()])?;
        Ok(known.as_ref().map(Version::of_row))
    }

    fn command<S: Read + ?Sized>(self, _: &Desk<'_, S>) -> Result<(Command, Done), Unfit> {
        Ok((Command::RevokeToken(RevokeToken { token_hash: hash(&self.name, "token")? }), Done {}))
    }
}
