//! The columns of a roster, by the words that people put over them.

use std::fmt;

use serde::{Serialize, Serializer};

/// A column that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// Who.
    Name,
    /// Where.
    Community,
    /// As what.
    Role,
    /// For which party.
    Party,
    /// Where they belong.
    Organisation,
    /// From which day.
    From,
    /// Until the end of which day.
    Until,
    /// Somebody who is known, by id.
    Person,
}

impl Column {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Name, Self::Community, Self::Role, Self::Party, Self::Organisation, Self::From, Self::Until, Self::Person];
    /// Those without which nothing can come of a row.
    pub const NEEDED: [Self; 3] = [Self::Name, Self::Community, Self::Role];

    /// The words over it, the usual Chinese and English ones first.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Name => &["姓名", "name", "名字", "人员姓名", "fullname"],
            Self::Community => &["小区", "community", "小区名称", "所在小区"],
            Self::Role => &["角色", "role", "身份", "职责"],
            Self::Party => &["代表方", "party", "党派", "方", "所属方"],
            Self::Organisation => &["单位", "organisation", "organization", "工作单位", "所属单位"],
            Self::From => &["从", "from", "自", "起", "开始", "开始日期", "start"],
            Self::Until => &["至", "until", "到", "止", "结束", "结束日期", "to", "end"],
            Self::Person => &["人员编号", "person", "personid"],
        }
    }

    /// Its Chinese name.
    pub fn zh(self) -> &'static str {
        self.words()[0]
    }

    /// Its English name.
    pub fn en(self) -> &'static str {
        self.words()[1]
    }

    /// The column under a heading, if it is one of ours.
    pub fn of(heading: &str) -> Option<Self> {
        let plain = plain(heading);
        Self::ALL.into_iter().find(|column| column.words().contains(&plain.as_str()))
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.zh(), self.en())
    }
}

impl Serialize for Column {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.en())
    }
}

/// A heading without what people add to it: `姓 名*`, `姓名（必填）`, `Name:`.
fn plain(heading: &str) -> String {
    let heading = heading.split(['(', '（']).next().unwrap_or_default();
    let kept = |c: &char| !c.is_whitespace() && !matches!(c, '*' | ':' | '：' | '＊' | '_');
    heading.chars().filter(kept).collect::<String>().to_lowercase()
}

/// Whether a heading stands over telephone numbers, which are nobody's business here.
pub(super) fn is_telephone(heading: &str) -> bool {
    let plain = plain(heading);
    ["电话", "手机", "联系方式"].iter().any(|word| plain.contains(word))
        || ["phone", "mobile", "tel", "telephone", "cell"].contains(&plain.as_str())
        || plain.ends_with("phone")
        || plain.starts_with("phone")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_known_in_both_languages_however_they_are_dressed() {
        for (heading, column) in [
            ("姓名", Some(Column::Name)),
            (" 姓 名*", Some(Column::Name)),
            ("姓名（必填）", Some(Column::Name)),
            ("NAME:", Some(Column::Name)),
            ("小区名称", Some(Column::Community)),
            ("Role", Some(Column::Role)),
            ("党派", Some(Column::Party)),
            ("方", Some(Column::Party)),
            ("organization", Some(Column::Organisation)),
            ("从", Some(Column::From)),
            ("至", Some(Column::Until)),
            ("Person ID", Some(Column::Person)),
            ("备注", None),
            ("", None),
        ] {
            assert_eq!(Column::of(heading), column, "{heading:?}");
        }
        for heading in ["电话", "手机号码", "联系电话（必填）", "Phone", "mobile phone", "Tel"] {
            assert!(is_telephone(heading) && Column::of(heading).is_none(), "{heading}");
        }
        assert!(!is_telephone("姓名"));
    }
}
