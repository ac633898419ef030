//! What the district knows of itself and no record says: a small file of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use renolog_protocol::schema::Label;
use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct District {
    /// Its name.
    pub name: Label,
    /// Households of all its old residential communities, in the plan or not; nothing if that is not known.
    pub total_households: Option<u32>,
    /// Where communities lie, by short name, as far as that is known: what a map is drawn from.
    #[serde(default)]
    pub places: BTreeMap<String, Place>,
}

/// Where something lies, in degrees (WGS 84).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// North of the equator.
    pub latitude: f64,
    /// East of Greenwich.
    pub longitude: f64,
}

impl Place {
    fn is_on_earth(&self) -> bool {
        (-90.0..=90.0).contains(&self.latitude) && (-180.0..=180.0).contains(&self.longitude)
    }
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
        if let Some((name, _)) = district.places.iter().find(|(_, place)| !place.is_on_earth()) {
            return Err(BadDistrict(format!("the place of {name} is not on earth: write latitude and longitude in degrees")));
        }
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
        let known = District::parse(named).expect("fine");
        assert_eq!((known.total_households, known.places.len()), (None, 0));
        let placed = format!("{named}[places]\ndesheng = {{ latitude = 30.3, longitude = 120.16 }}\n");
        assert_eq!(District::parse(&placed).expect("fine").places["desheng"].longitude, 120.16);
        assert!(District::parse(&placed.replace("30.3", "130.3")).is_err(), "not on earth");
        assert!(District::parse(&format!("{named}total_households = 0")).is_err());
        assert!(District::parse(&format!("{named}households = 5")).is_err());
        assert!(District::built_in().total_households.is_some());
    }
}
