//! What the district knows of itself and no record says: a small file of its own.

use std::sync::{Arc, LazyLock};

use renolog_protocol::schema::Label;
use serde::Deserialize;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct District {
    /// Its name.
    pub name: Label,
    /// Households of all its old residential communities, in the plan or not; nothing if that is not known.
    pub total_households: Option<u32>,
}

/// A district file with a mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadDistrict(String);

static BUILT_IN: LazyLock<Arc<District>> = LazyLock::new(|| {
    Arc::new(District::parse(include_str!("../../district.toml")).expect("the built-in district is checked by a test"))
});

impl District {
    /// The district this build carries.
    pub fn built_in() -> Arc<Self> {
        BUILT_IN.clone()
    }

    /// Reads a district file.
    ///
    /// # Errors
    /// [`BadDistrict`] says where and what.
    pub fn parse(text: &str) -> Result<Self, BadDistrict> {
        let district: Self = toml::from_str(text).map_err(|error| BadDistrict(error.to_string()))?;
        match district.total_households {
            Some(0) => Err(BadDistrict("leave out total_households if it is not known; 0 would be a claim".into())),
            _ => Ok(district),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_out() {
        let named = "name = { zh = \"区\", en = \"district\" }\n";
        assert_eq!(District::parse(named).expect("fine").total_households, None);
        assert!(District::parse(&format!("{named}total_households = 0")).is_err());
        assert!(District::parse(&format!("{named}households = 5")).is_err());
        assert!(District::built_in().total_households.is_some());
    }
}
