//! Records that the law wants gone.

use renolog_protocol::id::RecordId;
use renolog_protocol::schema::Role;
use serde::{Deserialize, Serialize};

use super::{Desk, Done, Order, Reach, Unfit, reason};
use crate::command::{Command, Erase};
use crate::roll::Version;
use crate::store::{ChangeRow, Column, Read, RecordRow};

/// A record to be erased for good.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Erasure {
    /// Which.
    pub record: RecordId,
    /// Why. It stays, and everyone who may read the feed reads it.
    pub reason: String,
}

impl Order for Erasure {
    const PATH: &'static str = "records/erase";
    type Made = Done;

    fn reach<S: Read + ?Sized>(&self, _: &Desk<'_, S>) -> Result<Reach, Unfit> {
        Ok(Reach::District)
    }

    fn alters<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<Option<Version>, Unfit> {
        let known: Option<RecordRow> = desk.store.get(&[self.record.to_cell()])?;
        Ok(known.as_ref().map(Version::of_row))
    }

    fn command<S: Read + ?Sized>(self, desk: &Desk<'_, S>) -> Result<(Command, Done), Unfit> {
        let known: Vec<ChangeRow> = desk.store.list_by(ChangeRow::BY_RECORD, &[self.record.to_cell()], None, 1)?;
        if known.is_empty() {
            return Err(Unfit::unknown("record", self.record));
        }
        let role = Role::parse("district").expect("a name");
        Ok((Command::Erase(Erase { record: self.record, role, reason: reason(&self.reason)?, remains: None }), Done {}))
    }
}
