//! `POST /api/v1/enrol`: a device brings a one-time code and its public key, and is given a token.

use axum::Json;
use axum::extract::State;
use data_encoding::HEXLOWER_PERMISSIVE;
use renolog_protocol::id::{DeviceId, PersonId};
use renolog_protocol::key::PublicKey;
use renolog_protocol::limits;
use serde::{Deserialize, Serialize};

use super::Problem;
use super::auth::Bearer;
use super::extract::Body;
use crate::app::App;
use crate::command::{Command, Enrol};
use crate::ingest::Outcome;
use crate::secret;

#[derive(Deserialize)]
pub(super) struct Request {
    device: DeviceId,
    public_key: String,
    device_name: String,
}

#[derive(Serialize)]
pub(super) struct Response {
    person: PersonId,
    name: String,
    token: String,
    communities: Vec<Community>,
}

#[derive(Serialize)]
struct Community {
    id: renolog_protocol::id::CommunityId,
    name: String,
}

pub(super) async fn enrol(
    State(app): State<App>,
    Bearer(code): Bearer,
    Body(request): Body<Request>,
) -> Result<Json<Response>, Problem> {
    let key = HEXLOWER_PERMISSIVE.decode(request.public_key.as_bytes()).ok().and_then(|bytes| PublicKey::from_bytes(&bytes).ok());
    let public_key = key.ok_or_else(|| Problem::bad_request("public_key is 64 hexadecimal digits of an Ed25519 key"))?;
    let device_name: String = request.device_name.chars().filter(|c| !c.is_control()).take(limits::NAME_CHARS).collect();
    let token = secret::new_token();
    let command = Command::Enrol(Enrol {
        code_hash: secret::code_hash(&code),
        person: PersonId::from_parts(app.clock.now(), secret::random()),
        device: request.device,
        public_key,
        device_name,
        token_hash: secret::token_hash(&token),
    });
    match app.writer.submit(command).await? {
        Outcome::Enrolled(enrolled) => {
            tracing::info!(device = %request.device, person = %enrolled.person, "enrolled");
            let communities = enrolled.communities.into_iter().map(|(id, name)| Community { id, name }).collect();
            Ok(Json(Response { person: enrolled.person, name: enrolled.name, token, communities }))
        }
        _ => Err(Problem::storage_failing("the server lost track of an enrolment")),
    }
}
