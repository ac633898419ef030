//! Servers for tests: one in this process, and one in a process of its own that can be killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use clap::Parser;
use renolog_protocol::schema::Schema;
use renolog_server::app::App;
use renolog_server::cli::{self, Cli};
use renolog_server::clock::MovedClock;
use renolog_server::data_dir::{self, DataDir};
use renolog_server::door::{Certificate, Door};
use renolog_server::gate::{Gate, Proxies};
use renolog_server::limits::Limits;
use renolog_server::serve::{self, ServeError};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What an operator does to a server, over its API.
#[derive(Debug, Clone)]
pub struct Office {
    base: String,
    token: String,
}

impl Office {
    /// Of the server that runs on a data directory.
    ///
    /// # Panics
    /// If none does.
    pub fn of(data: &Path) -> Self {
        let running = data_dir::running(data).expect("the server has said where it is");
        Self { base: format!("http://{}", running.address), token: running.token }
    }

    /// Asks for a path; the answer's status and body.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn get(&self, path: &str) -> (u16, Value) {
        request("GET", &format!("{}{path}", self.base), Some(&self.token), None)
    }

    /// Posts to a path; the answer's status and body.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        request("POST", &format!("{}{path}", self.base), Some(&self.token), Some(body))
    }

    /// Adds a community; its id.
    ///
    /// # Panics
    /// If it cannot be.
    pub fn add_community(&self, slug: &str, name: &str) -> String {
        let (status, made) = self.post("/api/v1/admin/communities", &json!({"slug": slug, "name": name}));
        assert_eq!(status, 200, "{made}");
        made["id"].as_str().expect("an id").to_owned()
    }

    /// A one-time code.
    ///
    /// # Panics
    /// If there is none to be had.
    pub fn invite(&self, community: &str, role: &str, name: &str) -> String {
        let asked = json!({"communities": [community], "role": role, "name": name, "hours": 1});
        let (status, made) = self.post("/api/v1/admin/invites", &asked);
        assert_eq!(status, 200, "{made}");
        made["code"].as_str().expect("a code").to_owned()
    }

    /// Where the server is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The operator's token.
    pub fn token(&self) -> &str {
        &self.token
    }
}

/// One HTTP request; the answer's status and JSON body (null where there is none).
///
/// # Panics
/// If there is no answer.
pub fn request(method: &str, url: &str, token: Option<&str>, body: Option<&Value>) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut builder = ureq::http::Request::builder().method(method).uri(url);
    if let Some(token) = token {
        builder = builder.header("Authorization", format!("Bearer {token}"));
    }
    let sent = match body {
        Some(body) => agent.run(builder.header("Content-Type", "application/json").body(body.to_string()).expect("a request")),
        None => agent.run(builder.body(()).expect("a request")),
    };
    let mut answer = sent.expect("an answer");
    (answer.status().as_u16(), answer.body_mut().read_json().unwrap_or(Value::Null))
}

/// A server in this process, on a port of its own.
#[derive(Debug)]
pub struct InProcess {
    /// Where it listens.
    pub address: SocketAddr,
    /// What an operator does.
    pub office: Office,
    /// Its insides.
    pub app: App,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), ServeError>>,
}

/// How a server in this process meets the world.
#[derive(Debug, Default)]
pub struct Opening {
    /// Most bytes its store may take.
    pub max_store_bytes: Option<u64>,
    /// What it holds everyone to.
    pub limits: Limits,
    /// The proxies that it believes.
    pub proxies: Proxies,
    /// What it encrypts by, if it does.
    pub certificate: Option<Arc<Certificate>>,
    /// What time it is there.
    pub clock: MovedClock,
}

impl InProcess {
    /// Starts one on a data directory.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(data: &Path, max_store_bytes: Option<u64>) -> Self {
        Self::open(data, Opening { max_store_bytes, ..Opening::default() }).await
    }

    /// The same, as said.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn open(data: &Path, opening: Opening) -> Self {
        let Opening { max_store_bytes, limits, proxies, certificate, clock } = opening;
        let held = DataDir::hold(data).expect("a data directory");
        let (app, handle) = App::start(held, Schema::built_in(), Arc::new(clock), max_store_bytes).expect("a server");
        let app = App { gate: Arc::new(Gate::new(limits, proxies)), ..app };
        let listener = serve::listen("127.0.0.1:0".parse().expect("an address"), false).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let door = match certificate {
            Some(certificate) => Door::encrypted(listener, certificate),
            None => listener.into(),
        };
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(serve::serve(app.clone(), handle, door, async move { drop(stopped.await) }));
        tokio::task::spawn_blocking(move || knock(address)).await.expect("it serves");
        Self { address, office: Office::of(data), app, stop, serving }
    }

    /// Asks it to stop, and waits until everything it took is on disk.
    ///
    /// # Panics
    /// If it ends badly.
    pub async fn stop(self) {
        let Self { app, stop, serving, .. } = self;
        drop(app);
        stop.send(()).expect("it is running");
        serving.await.expect("it ends").expect("it ends well");
    }
}

/// Waits until a server serves, be it encrypted: it ends a connection on which a word was said that it cannot answer, or
/// answers. By then it has said where it is.
pub(crate) fn knock(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).expect("it is bound");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("somebody is there");
    drop(stream.read_to_end(&mut Vec::new()));
}

/// A server in a process of its own.
#[derive(Debug)]
pub struct Killable {
    /// Where it listens.
    pub address: SocketAddr,
    /// What an operator does.
    pub office: Office,
    child: Child,
}

/// Says which data directory the child is to serve.
const CHILD: &str = "RENOLOG_TEST_DATA";
/// Says with which further words on its command line, one a line.
const CHILD_WORDS: &str = "RENOLOG_TEST_WORDS";

/// To be called from an ignored test named `server_process`, which [`Killable::start`] runs in a process of its own: this
/// test program, so that what is killed is what was just built.
///
/// # Panics
/// If it is not run by [`Killable::start`], or the server does not start.
pub fn serve_as_child() {
    let data = std::env::var(CHILD).expect("only a test that kills a server runs this");
    let more = std::env::var(CHILD_WORDS).unwrap_or_default();
    let words = ["renolog", "serve", "--data", &data, "--listen", "127.0.0.1:0"];
    cli::run(Cli::parse_from(words.into_iter().chain(more.lines()))).expect("it serves until it is killed");
}

impl Killable {
    /// Starts one on a data directory.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// The same, with more words on its command line.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_with(data: &Path, words: &[&str]) -> Self {
        let this: PathBuf = std::env::current_exe().expect("a test program");
        let mut child = Command::new(this)
            .args(["--exact", "server_process", "--ignored", "--nocapture"])
            .env(CHILD, data)
            .env(CHILD_WORDS, words.join("\n"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a process");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut lines = output.lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.split_once("://").and_then(|(_, address)| address.trim().parse().ok()));
        let address = address.expect("it says where it listens");
        // The pipe must be read on, or the process would stop at a full one.
        std::thread::spawn(move || lines.for_each(drop));
        knock(address);
        Self { address, office: Office::of(data), child }
    }

    /// Asks it to read its certificate again, as `systemctl reload` would.
    ///
    /// # Panics
    /// If it cannot be asked.
    pub fn hang_up(&self) {
        let told = Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().expect("a kill");
        assert!(told.success(), "it runs");
    }

    /// `kill -9`: no goodbye, no flush. A process that is dead already stays so.
    ///
    /// # Panics
    /// If the operating system refuses.
    pub fn kill(&mut self) {
        self.child.kill().expect("it may be killed");
        self.child.wait().expect("it is gone");
    }
}

impl Drop for Killable {
    fn drop(&mut self) {
        // A test that fails leaves no server behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
