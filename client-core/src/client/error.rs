//! What a person or a driver is told when something could not be done.

use renolog_protocol::change::BadChange;
use renolog_protocol::id::RecordId;
use renolog_protocol::record::{CannotWrite, NotUnderstood};
use renolog_protocol::refusal::{Code, Refusal};
use renolog_protocol::rules::{Objection, objection};

use super::Unclear;
use crate::store::StoreError;

/// Why something could not be done. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The rules do not allow it; the sentence says why, for the person who tried. Another act may pass.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is so already.
    #[error("没有变化 nothing to change")]
    Nothing,
    /// Too much at once: the writer may cut it in pieces.
    #[error("内容过长 too much for one change: {0}")]
    TooMuch(BadChange),
    /// More was typed into a form than is kept of it.
    #[error("表单内容过长 too much was typed into one form")]
    FormTooLong,
    /// The device has no such record.
    #[error("没有这条记录 there is no record {0} here")]
    NoSuchRecord(RecordId),
    /// The device has no such draft.
    #[error("没有这份草稿 there is no such draft here")]
    NoSuchDraft,
    /// The device does not follow that community, or has not heard who its members are. Helps: connect once.
    #[error("本机还没有这个小区的成员名单，请先联网一次 the members of this community are not known here yet: go online once")]
    NoRoster,
    /// The device belongs to nobody yet.
    #[error("本机尚未登记 this device is not enrolled")]
    NotEnrolled,
    /// The store is that of a device with another key.
    #[error("本机的密钥已不在 the key that this device signed with is not here any more")]
    AnotherKey,
    /// What was typed is no value of its field. Other text may be one.
    #[error(transparent)]
    Unclear(#[from] Unclear),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record's changes do not fit together: a fault in this program, or in what the server sent.
    #[error("a record could not be read: {0}")]
    Broken(String),
}

impl ClientError {
    /// The stable code of a refusal.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            _ => None,
        }
    }
}

impl From<CannotWrite> for ClientError {
    fn from(error: CannotWrite) -> Self {
        match error {
            CannotWrite::Nothing => Self::Nothing,
            CannotWrite::Bounds(bounds) => Self::TooMuch(bounds),
            CannotWrite::Beginning | CannotWrite::Document(_) => Self::Broken(error.to_string()),
            CannotWrite::Unreadable(why) => match objection(why) {
                Objection::Refused(refusal) => refusal.into(),
                other => Self::Broken(format!("{other:?}")),
            },
        }
    }
}

impl From<NotUnderstood> for ClientError {
    fn from(error: NotUnderstood) -> Self {
        Self::Broken(error.to_string())
    }
}
