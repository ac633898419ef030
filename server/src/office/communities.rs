//! Communities.

use renolog_protocol::id::CommunityId;
use serde::{Deserialize, Serialize};

use super::{Desk, Order, Reach, Unfit, name};
use crate::command::{AddCommunity, Command};
use crate::roll::Version;
use crate::secret;
use crate::store::Read;

/// A community to be added.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NewCommunity {
    /// Its short name: 1 to 40 of a-z, 0-9 and `-`.
    pub slug: String,
    /// Its name.
    pub name: String,
}

/// A community that was added.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = AddedCommunity)]
pub struct Community {
    /// Which.
    pub id: CommunityId,
    /// Its short name.
    pub slug: String,
    /// Its name.
    pub name: String,
}

impl Order for NewCommunity {
    const PATH: &'static str = "communities";
    type Made = Community;

    fn reach<S: Read + ?Sized>(&self, _: &Desk<'_, S>) -> Result<Reach, Unfit> {
        Ok(Reach::District)
    }

    fn alters<S: Read + ?Sized>(&self, _: &Desk<'_, S>) -> Result<Option<Version>, Unfit> {
        Ok(None)
    }

    fn command<S: Read + ?Sized>(self, desk: &Desk<'_, S>) -> Result<(Command, Community), Unfit> {
        let slug = self.slug;
        let may = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=40).contains(&slug.len()) || !slug.bytes().all(may) {
            return Err(Unfit::Wrong(format!("{slug:?} cannot be a short name: use 1 to 40 of a-z, 0-9 and -")));
        }
        let name = name(&self.name, "a community's name")?;
        let id = CommunityId::from_parts(desk.now, secret::random());
        let made = Community { id, slug: slug.clone(), name: name.clone() };
        Ok((Command::AddCommunity(AddCommunity { id, slug, name }), made))
    }
}
