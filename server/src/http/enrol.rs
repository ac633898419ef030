//! `POST /api/v1/enrol`: a device brings a one-time code and its public key, and is given a token.

use axum::extract::State;
use axum::response::Response;
use data_encoding::HEXLOWER_PERMISSIVE;
use renolog_protocol::id::{DeviceId, PersonId};
use renolog_protocol::key::PublicKey;
use renolog_protocol::limits;
use serde::{Deserialize, Serialize};

use super::Problem;
use super::auth::Bearer;
use super::extract::Body;
use super::peer::Peer;
use super::sign_in::{Ticketed, with_token};
use crate::app::App;
use crate::command::{Command, Enrol};
use crate::ingest::Outcome;
use crate::secret;

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = Enrolment)]
pub(super) struct Request {
    device: DeviceId,
    public_key: String,
    device_name: String,
    /// Whose the device was, if it was enrolled before and is not known any more: see [`Enrol::was`].
    #[serde(default)]
    person: Option<PersonId>,
    /// Whether the token is to be kept by the browser.
    #[serde(default)]
    cookie: bool,
}

#[derive(Serialize, utoipa::ToSchema)]
struct Welcomed {
    person: PersonId,
    name: String,
    communities: Vec<Community>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = JoinedCommunity)]
struct Community {
    id: renolog_protocol::id::CommunityId,
    name: String,
}

/// A device enrols with a one-time code as its bearer token.
#[utoipa::path(post, path = "/enrol", operation_id = "enrol", tag = "session", request_body = Request,
    responses((status = OK, body = Ticketed<Welcomed>), super::openapi::Refused))]
pub(super) async fn enrol(
    State(app): State<App>,
    bearer: Bearer,
    peer: Peer,
    Body(request): Body<Request>,
) -> Result<Response, Problem> {
    let key = HEXLOWER_PERMISSIVE.decode(request.public_key.as_bytes()).ok().and_then(|bytes| PublicKey::from_bytes(&bytes).ok());
    let public_key = key.ok_or_else(|| Problem::bad_request("public_key is 64 hexadecimal digits of an Ed25519 key"))?;
    let device_name: String = request.device_name.chars().filter(|c| !c.is_control()).take(limits::NAME_CHARS).collect();
    let command = Command::Enrol(Enrol {
        code_hash: secret::code_hash(&bearer.secret),
        person: PersonId::from_parts(app.clock.now(), secret::random()),
        device: request.device,
        public_key,
        device_name,
        was: request.person,
    });
    match app.writer.submit(command).await? {
        Outcome::Enrolled(enrolled) => {
            tracing::info!(device = %request.device, person = %enrolled.person, "enrolled");
            let communities = enrolled.communities.into_iter().map(|(id, name)| Community { id, name }).collect();
            let told = Welcomed { person: enrolled.person, name: enrolled.name, communities };
            Ok(with_token(&app, request.device, request.cookie, peer.secure, told))
        }
        _ => Err(Problem::storage_failing("the server lost track of an enrolment")),
    }
}
