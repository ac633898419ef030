//! The schema's own words: names of roles, parties, kinds, fields, states and moves.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Text that cannot be a name in a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a name: use 1 to 40 of a-z, 0-9 and _, starting with a letter")]
pub struct NotATerm(pub String);

fn is_term(text: &str) -> bool {
    text.len() <= 40
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

macro_rules! term {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(
            feature = "openapi",
            derive(utoipa::ToSchema),
            schema(value_type = String, pattern = "^[a-z][a-z0-9_]{0,39}$")
        )]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name, if `text` can be one.
            ///
            /// # Errors
            /// [`NotATerm`] when it is too long or holds other characters.
            pub fn parse(text: &str) -> Result<Self, NotATerm> {
                if is_term(text) { Ok(Self(text.into())) } else { Err(NotATerm(text.chars().take(80).collect())) }
            }

            /// As written in the schema.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotATerm;
            fn try_from(text: String) -> Result<Self, NotATerm> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(term: $name) -> Self {
                term.0.to_string()
            }
        }

        impl std::str::FromStr for $name {
            type Err = NotATerm;
            fn from_str(text: &str) -> Result<Self, NotATerm> {
                Self::parse(text)
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.str(&self.0)?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                Self::parse(d.str()?).map_err(minicbor::decode::Error::custom)
            }
        }
    };
}

term!(
    /// A role a person may hold in a community, such as `captain` or `supervisor`.
    Role
);
term!(
    /// A party that people speak for, such as `property_manager`: a lane of the merged history.
    Party
);
term!(
    /// A kind of record, such as `rectification`.
    KindName
);
term!(
    /// A field of a kind, such as `location`.
    FieldName
);
term!(
    /// A state of a kind, such as `issued`.
    StateName
);
term!(
    /// A move from state to state, such as `issue`.
    MoveName
);

/// What people read instead of a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Label {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

impl fmt::Display for Label {
    /// Both languages: `整改单 rectification`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.zh, self.en)
    }
}
