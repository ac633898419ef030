//! Enrolment: a one-time code becomes a token, once, over HTTP.

use std::time::Duration;

use renolog_protocol::id::{CommunityId, DeviceId, PersonId};
use renolog_protocol::key::PublicKey;
use serde::{Deserialize, Serialize};

use crate::trust::Trust;

const ANSWER_WITHIN: Duration = Duration::from_secs(30);

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

/// Why a device could not be enrolled. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnrolError {
    /// The server would not have it; a used or expired code for one. Another code may pass.
    #[error("{zh} {en}")]
    Refused {
        /// For programs.
        code: String,
        /// For people, in Chinese.
        zh: String,
        /// For people, in English.
        en: String,
    },
    /// No answer. Trying again can help; the code was not used up unless the answer alone was lost.
    #[error("无法连接服务器 the server cannot be reached: {0}")]
    Unreachable(String),
    /// Something answered that is no Renolog server.
    #[error("对方不是本系统的服务器 what answered is no Renolog server: {0}")]
    Strange(String),
}

#[derive(Serialize)]
struct Request<'a> {
    device: DeviceId,
    public_key: String,
    device_name: &'a str,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    zh: String,
    #[serde(default)]
    en: String,
    #[serde(default)]
    detail: String,
}

/// Where a server whose feed is at `wss://…` answers questions.
fn asked_at(server: &str) -> String {
    let server = server.trim_end_matches('/');
    match server.split_once("://") {
        Some(("ws", rest)) => format!("http://{rest}"),
        Some(("wss", rest)) => format!("https://{rest}"),
        _ => server.to_owned(),
    }
}

/// Whoever is sent on from a secure address is never sent to one that is not.
fn agent(trust: &Trust, server: &str) -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(ANSWER_WITHIN)).proxy(None);
    config.https_only(server.starts_with("https:")).tls_config(trust.asking()).build().into()
}

/// Asks the server, waiting for its answer.
pub(crate) fn enrol(
    trust: &Trust,
    server: &str,
    code: &str,
    device: DeviceId,
    key: PublicKey,
    device_name: &str,
) -> Result<Enrolment, EnrolError> {
    let server = asked_at(server);
    let agent = agent(trust, &server);
    let public_key = key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let unreachable = |e: ureq::Error| EnrolError::Unreachable(e.to_string());
    let mut response = agent
        .post(format!("{server}/api/v1/enrol"))
        .header("Authorization", format!("Bearer {code}"))
        .send_json(Request { device, public_key, device_name })
        .map_err(unreachable)?;
    let status = response.status();
    let body = response.body_mut().read_to_vec().map_err(unreachable)?;
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|e| EnrolError::Strange(e.to_string()));
    }
    let problem: Problem = serde_json::from_slice(&body).map_err(|_| EnrolError::Strange(format!("HTTP {status}")))?;
    let en = if problem.en.is_empty() { problem.detail } else { problem.en };
    Err(EnrolError::Refused { code: problem.code, zh: problem.zh, en })
}
