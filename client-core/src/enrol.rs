//! Enrolment: a one-time code becomes a token, once, over HTTP.

use renolog_protocol::id::{CommunityId, DeviceId, PersonId};
use renolog_protocol::key::PublicKey;
use serde::{Deserialize, Serialize};

use crate::asking::{AskError, Asking};
use crate::trust::Trust;

/// What the server gave.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Enrolment {
    /// Whose device this is.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// Opens connections. A secret.
    pub(crate) token: String,
    /// Where they have a role.
    pub communities: Vec<EnrolledCommunity>,
}

/// A community that the person has a role in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EnrolledCommunity {
    /// Which.
    pub id: CommunityId,
    /// Its name.
    pub name: String,
}

#[derive(Serialize)]
struct Request<'a> {
    device: DeviceId,
    public_key: String,
    device_name: &'a str,
    /// Whose the device was before, if it was enrolled: a server that came back from an older backup does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<PersonId>,
}

/// Asks the server, waiting for its answer.
///
/// # Errors
/// [`AskError`]. Nothing was changed; where the server refused, another code may pass.
pub(crate) fn enrol(
    trust: &Trust,
    server: &str,
    code: &str,
    (device, key, person): (DeviceId, PublicKey, Option<PersonId>),
    device_name: &str,
) -> Result<Enrolment, AskError> {
    let public_key = key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Asking::of(trust, server).post("enrol", Some(code), &Request { device, public_key, device_name, person })
}
