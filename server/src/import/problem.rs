//! What is wrong with a row, and what would be right, in words.

use renolog_protocol::id::PersonId;
use renolog_protocol::limits;
use serde::Serialize;
use serde::ser::Serializer;

use super::{CELL_CHARS, Column};

/// Something wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The row, as the spreadsheet numbers it.
    pub row: u32,
    /// The column.
    pub column: Column,
    /// What.
    pub wrong: Wrong,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// Nothing stands there.
    Missing,
    /// Too much stands there, or what cannot be seen.
    Unfit,
    /// No such community; those there are.
    NoCommunity(Vec<String>),
    /// Several communities have this name.
    SeveralCommunities,
    /// No such role; those there are.
    NoRole(Vec<String>),
    /// No such party; those there are.
    NoParty(Vec<String>),
    /// No day.
    NoDay,
    /// The last day is before the first, or before today.
    EndsBeforeItBegins,
    /// No person has this id.
    NoPerson,
    /// The person with this id has another name.
    OtherName(String),
    /// Somebody of this name is known, and it cannot be told whether it is they.
    KnownName(Vec<PersonId>),
    /// An earlier row has the same name, and it cannot be told whether it is the same person.
    SameName(u32),
    /// The person has this role for another time.
    OtherTime,
    /// An earlier row gives the same role for another time.
    OtherTimeThan(u32),
    /// The community has as many members as it can.
    Full,
}

impl Wrong {
    /// A stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unfit => "unfit",
            Self::NoCommunity(_) => "unknown_community",
            Self::SeveralCommunities => "several_communities",
            Self::NoRole(_) => "unknown_role",
            Self::NoParty(_) => "unknown_party",
            Self::NoDay => "no_day",
            Self::EndsBeforeItBegins => "ends_before_it_begins",
            Self::NoPerson => "unknown_person",
            Self::OtherName(_) => "other_name",
            Self::KnownName(_) => "known_name",
            Self::SameName(_) => "same_name",
            Self::OtherTime => "other_time",
            Self::OtherTimeThan(_) => "other_time_than",
            Self::Full => "full",
        }
    }

    /// For people, in Chinese: what is wrong, and what would be right.
    pub fn zh(&self) -> String {
        match self {
            Self::Missing => "没有填写".into(),
            Self::Unfit => {
                format!("内容过长或含有不可见字符；姓名、单位最多 {} 字，其他最多 {CELL_CHARS} 字", limits::NAME_CHARS)
            }
            Self::NoCommunity(there_are) => format!("没有这个小区；现有：{}", there_are.join("、")),
            Self::SeveralCommunities => "有多个小区叫这个名字，请写简称".into(),
            Self::NoRole(there_are) => format!("没有这个角色；可写：{}", there_are.join("、")),
            Self::NoParty(there_are) => format!("没有这一方；可写：{}", there_are.join("、")),
            Self::NoDay => "不是日期，请写成 2026-12-01".into(),
            Self::EndsBeforeItBegins => "结束早于开始；过去的任期请把“从”也写上".into(),
            Self::NoPerson => "没有这个编号的人；编号见 renolog admin person list，新人请留空".into(),
            Self::OtherName(name) => format!("这个编号的人叫“{name}”；请核对姓名或编号"),
            Self::KnownName(ids) => {
                let ids: Vec<String> = ids.iter().map(PersonId::to_string).collect();
                format!(
                    "已有同名的人（{}），无法判断是否同一人；同一人请在“人员编号”列写上编号，不是同一人请把姓名写得可以区分，如 王芳（3幢）",
                    ids.join("、")
                )
            }
            Self::SameName(row) => {
                format!(
                    "与第 {row} 行同名，无法判断是否同一人；同一人请在两行写上同一单位，不是同一人请把姓名写得可以区分，如 王芳（3幢）"
                )
            }
            Self::OtherTime => "此人已有这个角色，但起止日期不同；请用 renolog admin role end 和 give 修改，或让日期一致".into(),
            Self::OtherTimeThan(row) => format!("与第 {row} 行相同，但起止日期不同；请只保留一行"),
            Self::Full => format!("这个小区的成员已满（{} 个），无法再加", limits::MEMBERS),
        }
    }

    /// The same in English.
    pub fn en(&self) -> String {
        match self {
            Self::Missing => "nothing is written here".into(),
            Self::Unfit => format!(
                "too long, or with characters that cannot be seen; a name or organisation has at most {}, others {CELL_CHARS}",
                limits::NAME_CHARS
            ),
            Self::NoCommunity(there_are) => format!("there is no such community; there are: {}", there_are.join(", ")),
            Self::SeveralCommunities => "several communities have this name; write the short name".into(),
            Self::NoRole(there_are) => format!("there is no such role; write one of: {}", there_are.join(", ")),
            Self::NoParty(there_are) => format!("there is no such party; write one of: {}", there_are.join(", ")),
            Self::NoDay => "no day; write it as 2026-12-01".into(),
            Self::EndsBeforeItBegins => "it ends before it begins; for a time that is past, write `from`, too".into(),
            Self::NoPerson => {
                "nobody has this id; `renolog admin person list` shows them; leave it empty for somebody new".into()
            }
            Self::OtherName(name) => format!("the person with this id is called {name:?}; look at the name and the id again"),
            Self::KnownName(ids) => {
                let ids: Vec<String> = ids.iter().map(PersonId::to_string).collect();
                format!(
                    "somebody of this name is known ({}), and it cannot be told whether it is they; if so, write the id under \
                     `person`; if not, write the name so that they can be told apart, such as 王芳（3幢）",
                    ids.join(", ")
                )
            }
            Self::SameName(row) => format!(
                "row {row} has the same name, and it cannot be told whether it is the same person; if so, write the same \
                 organisation in both rows; if not, write the name so that they can be told apart, such as 王芳（3幢）"
            ),
            Self::OtherTime => {
                "the person has this role for another time; change it with `renolog admin role end` and `give`, or \
                                write the same days"
                    .into()
            }
            Self::OtherTimeThan(row) => format!("the same as row {row}, for another time; keep one of them"),
            Self::Full => format!("the community has {} roles, and no room for more", limits::MEMBERS),
        }
    }
}

/// A problem as it is told.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RowProblem {
    row: u32,
    #[schema(value_type = String)]
    column: Column,
    code: &'static str,
    zh: String,
    en: String,
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (code, zh, en) = (self.wrong.code(), self.wrong.zh(), self.wrong.en());
        RowProblem { row: self.row, column: self.column, code, zh, en }.serialize(serializer)
    }
}
