//! By which majorities owners decide: data like everything else, since the law may change and other places have other laws.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::Label;

/// How a vote is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Votes {
    /// Where it is written.
    pub law: Label,
    /// How many of all, by area and by head, must take part.
    pub quorum: Threshold,
    /// How many of those taking part must agree, by the class of the matter.
    pub classes: IndexMap<String, Threshold>,
}

/// A part of a whole, as numerator and denominator, and whether the part itself is enough: "以上" includes the figure,
/// "过半数" does not (Civil Code art. 1259).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Threshold {
    /// At least this part.
    AtLeast([u32; 2]),
    /// More than this part.
    MoreThan([u32; 2]),
}

impl Threshold {
    /// The least of `whole` that is enough, in whole numbers.
    pub fn of(self, whole: u64) -> u64 {
        let (part, of) = self.parts();
        let product = u128::from(whole) * u128::from(part);
        let least = match self {
            Self::AtLeast(_) => product.div_ceil(u128::from(of)),
            Self::MoreThan(_) => product / u128::from(of) + 1,
        };
        // A part of a whole is no more than the whole, but for one above all of it.
        u64::try_from(least).unwrap_or(u64::MAX)
    }

    /// How far `agreeing` of `agreeing + others` is above the threshold, in units that keep whole numbers whole: enough
    /// from [`Self::enough`] on.
    pub(crate) fn margin(self, agreeing: i128, others: i128) -> i128 {
        let (part, of) = self.parts();
        agreeing * i128::from(of - part) - others * i128::from(part)
    }

    /// The least margin that is enough.
    pub(crate) fn enough(self) -> i128 {
        match self {
            Self::AtLeast(_) => 0,
            Self::MoreThan(_) => 1,
        }
    }

    fn parts(self) -> (u32, u32) {
        let (Self::AtLeast([part, of]) | Self::MoreThan([part, of])) = self;
        (part, of)
    }

    /// Why it cannot be a threshold, if it cannot.
    pub(super) fn mistake(self) -> Option<&'static str> {
        match (self, self.parts()) {
            (_, (0, _) | (_, 0)) => Some("neither number may be 0"),
            (_, (_, of)) if of > 1000 => Some("the second number may be 1000 at most"),
            (Self::AtLeast(_), (part, of)) if part > of => Some("that is more than all"),
            (Self::MoreThan(_), (part, of)) if part >= of => Some("nothing is more than all"),
            _ => None,
        }
    }
}

impl Default for Votes {
    /// The Civil Code of the PRC, for schema files that say nothing of votes.
    fn default() -> Self {
        let law = Label {
            zh: "《民法典》第 278 条、第 1259 条".into(), en: "Civil Code of the PRC, art. 278 and 1259".into()
        };
        let classes = [("ordinary", Threshold::MoreThan([1, 2])), ("major", Threshold::AtLeast([3, 4]))];
        let classes = classes.into_iter().map(|(name, threshold)| (name.to_owned(), threshold)).collect();
        Self { law, quorum: Threshold::AtLeast([2, 3]), classes }
    }
}
