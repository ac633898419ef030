//! Signing in: a device whose token has run out, or was made by a server that is no more, answers a challenge with its key
//! and is given another token. The key itself never leaves the device.

use std::fmt;
use std::sync::Arc;

use renolog_protocol::id::DeviceId;
use renolog_protocol::key::DeviceKey;
use serde::{Deserialize, Serialize};

use crate::asking::{AskError, Asking};
use crate::trust::Trust;

/// Who signs in. Shows nothing of its secret.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) device: DeviceId,
    pub(crate) key: Arc<DeviceKey>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signer").field(&self.device).finish()
    }
}

#[derive(Deserialize)]
struct Challenge {
    challenge: String,
}

#[derive(Serialize)]
struct Answer {
    device: DeviceId,
    challenge: String,
    signature: String,
}

#[derive(Deserialize)]
struct SignedIn {
    token: String,
}

/// Asks the server for another token, waiting for its answer.
///
/// # Errors
/// [`AskError`].
pub(crate) fn sign_in(trust: &Trust, server: &str, signer: &Signer) -> Result<String, AskError> {
    let asking = Asking::of(trust, server);
    let Challenge { challenge } = asking.get("sign-in")?;
    let signature = signer.key.answer(signer.device, &challenge).0.iter().map(|byte| format!("{byte:02x}")).collect();
    let answer = Answer { device: signer.device, challenge, signature };
    Ok(asking.post::<SignedIn>("sign-in", None, &answer)?.token)
}
