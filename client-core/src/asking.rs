//! Single questions to the server, over HTTP: what comes before a connection can stand.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ureq::Body;
use ureq::config::ConfigBuilder;
use ureq::http::Response;
use ureq::typestate::AgentScope;

use crate::transport::CONNECT_WITHIN;
use crate::trust::Trust;

const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// A link on which nothing moves for this long is gone: see [`renolog_protocol::limits::QUIET`] and what follows it there.
const MOVES_WITHIN: Duration = Duration::from_secs(105);

/// Why a question was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The server would not; a used or expired code for one.
    #[error("{zh} {en}")]
    Refused {
        /// For programs.
        code: String,
        /// For people, in Chinese.
        zh: String,
        /// For people, in English.
        en: String,
    },
    /// No answer. Trying again can help; a code was not used up unless the answer alone was lost.
    #[error("无法连接服务器 the server cannot be reached: {0}")]
    Unreachable(String),
    /// Something answered that is no Renolog server.
    #[error("对方不是本系统的服务器 what answered is no Renolog server: {0}")]
    Strange(String),
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

/// Whom to ask. Waits for answers, so not to be used where others wait.
pub(crate) struct Asking {
    agent: ureq::Agent,
    base: String,
}

impl Asking {
    /// The server whose feed is at `wss://…`, or `https://…`. Whoever is sent on from a secure address is never sent to one
    /// that is not.
    pub(crate) fn of(trust: &Trust, server: &str) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(ANSWER_WITHIN));
        Self::with(config, trust, asked_at(server))
    }

    /// The same for what may take long while it moves: it waits as long as for a websocket's first and next bytes.
    pub(crate) fn patiently(trust: &Trust, server: &str) -> Self {
        let config = ureq::Agent::config_builder().timeout_connect(Some(CONNECT_WITHIN));
        let config = config.timeout_per_read(Some(MOVES_WITHIN)).timeout_per_write(Some(MOVES_WITHIN));
        Self::with(config, trust, asked_at(server))
    }

    fn with(config: ConfigBuilder<AgentScope>, trust: &Trust, base: String) -> Self {
        let config = config.http_status_as_error(false).proxy(None);
        let agent = config.https_only(base.starts_with("https:")).tls_config(trust.asking()).build().into();
        Self { agent, base }
    }

    /// Brings bytes of this type; what answers is the caller's to read.
    ///
    /// # Errors
    /// As the library says.
    pub(crate) fn bring(&self, path: &str, token: &str, media_type: &str, body: &[u8]) -> Result<Response<Body>, ureq::Error> {
        let request = self.agent.post(format!("{}/api/v1/{path}", self.base));
        request.header("Authorization", format!("Bearer {token}")).content_type(media_type).send(body)
    }

    /// # Errors
    /// [`AskError`].
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, AskError> {
        answer(self.agent.get(format!("{}/api/v1/{path}", self.base)).call())
    }

    /// # Errors
    /// [`AskError`].
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str, code: Option<&str>, body: &impl Serialize) -> Result<T, AskError> {
        let mut request = self.agent.post(format!("{}/api/v1/{path}", self.base));
        if let Some(code) = code {
            request = request.header("Authorization", format!("Bearer {code}"));
        }
        answer(request.send_json(body))
    }
}

fn answer<T: DeserializeOwned>(answered: Result<Response<Body>, ureq::Error>) -> Result<T, AskError> {
    let unreachable = |e: ureq::Error| AskError::Unreachable(e.to_string());
    let mut response = answered.map_err(unreachable)?;
    let status = response.status();
    let body = response.body_mut().read_to_vec().map_err(unreachable)?;
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|e| AskError::Strange(e.to_string()));
    }
    let problem: Problem = serde_json::from_slice(&body).map_err(|_| AskError::Strange(format!("HTTP {status}")))?;
    let en = if problem.en.is_empty() { problem.detail } else { problem.en };
    Err(AskError::Refused { code: problem.code, zh: problem.zh, en })
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
