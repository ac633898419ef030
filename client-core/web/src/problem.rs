//! Why the device could not do something, as a page is told: a stable code, and words in both languages.

use renolog_client_core::client::ClientError;
use renolog_client_core::store::StoreError;
use renolog_client_core::{BadInvitation, client::Unclear};
use renolog_protocol::refusal::Refusal;
use serde::Serialize;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// For programs; `ProblemCode` in `server/web/src/device/face.ts` lists them.
    pub code: &'static str,
    /// For people, in Chinese.
    pub zh: String,
    /// For people, in English.
    pub en: String,
    /// What the rules say, where they do not allow it.
    pub refusal: Option<Refusal>,
}

impl Problem {
    pub(crate) fn new(code: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { code, zh: zh.into(), en: en.into(), refusal: None }
    }

    /// What no page of ours asks.
    pub(crate) fn broken(en: impl ToString) -> Self {
        Self::new("broken", "程序出错，请刷新页面", en.to_string())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self { code: "refused", zh: refusal.zh.clone(), en: refusal.en.clone(), refusal: Some(refusal) }
    }
}

impl From<ClientError> for Problem {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(refusal) => refusal.into(),
            ClientError::Nothing => Self::new("nothing", "没有变化", "nothing to change"),
            ClientError::TooMuch(bounds) => {
                Self::new("too_much", "内容过长，请分几次填写", format!("too much for one change: {bounds}"))
            }
            ClientError::FormTooLong => Self::new("too_much", "表单内容过长", "too much was typed into one form"),
            ClientError::NoSuchRecord(_) => Self::new("no_such_record", "本机没有这条记录", "there is no such record here"),
            ClientError::NoSuchDraft => Self::new("no_such_draft", "本机没有这份草稿", "there is no such draft here"),
            ClientError::NoRoster => Self::new(
                "no_roster",
                "本机还没有这个小区的成员名单，请先联网一次",
                "the members of this community are not known here yet: go online once",
            ),
            ClientError::NotEnrolled => Self::new("not_enrolled", "本机尚未登记", "this device is not enrolled"),
            ClientError::AnotherKey => Self::new(
                "another_key",
                "本机的密钥已不在，请用新的邀请重新登记",
                "the key that this device signed with is gone: enrol again with another invitation",
            ),
            ClientError::Unclear(unclear) => unclear.into(),
            ClientError::Store(store) => store.into(),
            ClientError::Broken(words) => Self::broken(words),
        }
    }
}

impl From<Unclear> for Problem {
    fn from(unclear: Unclear) -> Self {
        match unclear {
            Unclear::Misfit(misfit) => Self::new("unclear", "填写有误", misfit.to_string()),
            Unclear::Nothing(typed) => {
                let (zh, en) = (format!("没有“{typed}”"), format!("there is no {typed}"));
                Self::new("unclear", zh, en)
            }
            Unclear::Several { typed, fitting } => {
                let (zh, en) = (format!("“{typed}”不止一个"), format!("{typed} may be: {}", fitting.join(", ")));
                Self::new("unclear", zh, en)
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let (code, zh) = match &error {
            StoreError::Full => ("storage_full", "设备空间已满，没有改动任何内容；请清理后再试"),
            StoreError::Newer { .. } => ("newer_store", "数据由更新的版本写成，请刷新页面"),
            StoreError::InUse => ("in_use", "数据正由另一个窗口使用"),
            StoreError::NotAStore | StoreError::Damaged(_) | StoreError::Sqlite(_) => ("broken", "本机数据无法读取"),
        };
        Self::new(code, zh, error.to_string())
    }
}

impl From<BadInvitation> for Problem {
    fn from(bad: BadInvitation) -> Self {
        // Chinese first, then English after the first space, as every sentence of ours that stands in both.
        let words = bad.to_string();
        let (zh, en) = words.split_once(' ').unwrap_or((&words, &words));
        Self::new("bad_invitation", zh, en)
    }
}
