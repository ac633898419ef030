//! The face that a worker sees, by wasm-bindgen. Only here is a browser.

use renolog_client_core::client::{Client, ClientError, Input, Output};
use renolog_client_core::store::Place;
use renolog_client_core::turned_away::farewell;
use renolog_protocol::key::{PublicKey, Signature};
use renolog_protocol::time::UnixMs;
use sqlite_wasm_vfs::sahpool::{self, OpfsSAHError, OpfsSAHPoolCfgBuilder};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{Problem, Request, answer};

/// The store's name in the directory that the browser gives it.
const STORE: &str = "/store.db";
/// Files that it has: the database and its log.
const FILES: usize = 2;
/// While they are made, there is a journal beside them.
const FILES_AT_FIRST: usize = 3;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn complain(words: &str);
}

/// A device in a browser. Moments are milliseconds since 1970 by the device's clock.
#[wasm_bindgen]
pub struct Core {
    client: Client,
}

/// One thing to be done with the link or the key.
#[wasm_bindgen(getter_with_clone)]
pub struct Step {
    /// `connect`, `send`, `disconnect` or `sign`.
    pub what: String,
    /// What is sent or signed.
    pub bytes: Vec<u8>,
    /// Names what is signed.
    pub number: f64,
}

fn moment(ms: f64) -> UnixMs {
    // Whole milliseconds of this millennium; 2⁵³ is far beyond.
    #[expect(clippy::cast_possible_truncation, reason = "a float is cut to the nearest bound")]
    UnixMs(ms as i64)
}

fn thrown(problem: impl Into<Problem>) -> String {
    let problem = problem.into();
    serde_json::to_string(&problem).unwrap_or_else(|_| problem.en.clone())
}

#[wasm_bindgen]
impl Core {
    /// Opens the device kept in this directory of the browser's file system, or makes a new one there that signs with this
    /// key. Where it signed with another, that is lost, and it becomes another device with the same store. One worker at a
    /// time may.
    ///
    /// # Errors
    /// A [`Problem`] as JSON, here and below.
    pub async fn open(directory: String, public_key: Vec<u8>, now: f64) -> Result<Core, String> {
        std::panic::set_hook(Box::new(|panic| complain(&panic.to_string())));
        let files = OpfsSAHPoolCfgBuilder::new().directory(&directory).initial_capacity(0).build();
        let unsupported = |why: OpfsSAHError| {
            thrown(Problem::new("unsupported", "这个浏览器不能在本机保存数据（无痕窗口往往不行）", why.to_string()))
        };
        let files = sahpool::install::<sqlite_wasm_rs::WasmOsCallback>(&files, true).await.map_err(unsupported)?;
        if files.capacity() < FILES {
            files.ensure_capacity(FILES_AT_FIRST).await.map_err(unsupported)?;
        }
        let key = PublicKey::from_bytes(&public_key).map_err(|why| thrown(Problem::broken(why)))?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|why| thrown(Problem::broken(why)))?;
        let place = Place::File(STORE.into());
        let client = match Client::open_with_key_elsewhere(&place, key, seed, moment(now)) {
            Err(ClientError::AnotherKey) => Client::open_with_key_lost(&place, key, seed, moment(now)),
            opened => opened,
        };
        let client = client.map_err(thrown)?;
        // A file in reserve is flushed twice each time that the page is opened.
        files.reduce_capacity(files.capacity()).await.map_err(unsupported)?;
        Ok(Self { client })
    }

    /// Does what a [`Request`] asks, and gives its answer; both as JSON.
    pub fn ask(&mut self, now: f64, request: &str) -> Result<String, String> {
        let request: Request = serde_json::from_str(request).map_err(|why| thrown(Problem::broken(why)))?;
        answer(&mut self.client, moment(now), request).map_err(thrown)
    }

    /// The device's id.
    pub fn device(&self) -> String {
        self.client.device().to_string()
    }

    /// Grows whenever anything that people see changes.
    pub fn revision(&self) -> f64 {
        self.client.revision() as f64
    }

    /// Tells what happened: `start`, `stop`, `connected`, `disconnected`, `moved`, `nudge` or `timeout`.
    pub fn happened(&mut self, now: f64, what: &str) -> Result<(), String> {
        let input = match what {
            "start" => Input::Start,
            "stop" => Input::Stop,
            "connected" => Input::Connected,
            "disconnected" => Input::Disconnected,
            "moved" => Input::LinkMoved,
            "nudge" => Input::Nudge,
            "timeout" => Input::Timeout,
            other => return Err(thrown(Problem::broken(format!("{other} does not happen")))),
        };
        self.client.handle(moment(now), input).map_err(thrown)
    }

    /// A message arrived.
    pub fn frame(&mut self, now: f64, bytes: &[u8]) -> Result<(), String> {
        self.client.handle(moment(now), Input::Frame(bytes)).map_err(thrown)
    }

    /// The server would not open the connection: the status of its answer, its body, and its `Retry-After`.
    pub fn turned_away(&mut self, now: f64, status: u16, body: &str, retry_after: Option<String>) -> Result<(), String> {
        let input = match farewell(status, body.as_bytes(), retry_after.as_deref()) {
            Some(bye) => Input::TurnedAway(bye),
            None => Input::Disconnected,
        };
        self.client.handle(moment(now), input).map_err(thrown)
    }

    /// The key's answer to a `sign`.
    pub fn signed(&mut self, now: f64, number: f64, signature: &[u8]) -> Result<(), String> {
        let signature = signature.try_into().map_err(|_| thrown(Problem::broken("a signature has 64 bytes")))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the number that was given out")]
        let number = number as u64;
        self.client.handle(moment(now), Input::Signed(number, Signature(signature))).map_err(thrown)
    }

    /// The next thing to be done, if any.
    pub fn next_step(&mut self) -> Option<Step> {
        let step = |what: &str, bytes, number| Step { what: what.to_owned(), bytes, number };
        Some(match self.client.poll_output()? {
            Output::Connect => step("connect", Vec::new(), 0.0),
            Output::Send(bytes) => step("send", bytes, 0.0),
            Output::Disconnect => step("disconnect", Vec::new(), 0.0),
            Output::Sign { number, text } => step("sign", text, number as f64),
        })
    }

    /// When to tell of a `timeout`, if nothing else happens before.
    pub fn timeout(&self) -> Option<f64> {
        self.client.poll_timeout().map(|at| at.0 as f64)
    }
}
