//! The link: a websocket or a [visit](crate::visit); opens it, moves frames, and tells when bytes really moved.
//!
//! It decides nothing. [`crate::device`] feeds what happens here to the client and does what the client asks.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use renolog_protocol::limits;
use renolog_protocol::session::ByeCode;
use renolog_protocol::wire::{Bye, SUBPROTOCOL};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::http::{Response, StatusCode, Uri};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::asking::AskError;
use crate::sign_in::{Signer, sign_in};
use crate::trust::Trust;
use crate::turned_away::farewell;
use crate::visit::{Missed, visit};
use crate::ways::Way;

/// A phone in a stairwell needs several seconds to find its network again; longer than this is no network.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(20);
/// What the system may take off our hands before it is on its way. Small, so that a push on a slow link is seen to move:
/// 32 kB (Linux doubles the figure) last 32 s at 8 kbit/s, less than a silent link is given.
const SEND_BUFFER_BYTES: u32 = 16 << 10;
/// How long a connection that the device let go of may take to say goodbye.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// Messages that wait for the client; the link is not read beyond.
const MESSAGES_WAITING: usize = 8;

/// Where to connect, and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) server: String,
    pub(crate) token: String,
    pub(crate) trust: Trust,
    pub(crate) signer: Option<Signer>,
}

/// What happened on the link.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    SignedIn(String),
    Connected,
    Frame(Vec<u8>),
    TurnedAway(Bye),
    /// A visit is over: what was brought is answered.
    Visited,
    Gone,
}

/// What the client says.
#[derive(Debug)]
enum Outgoing {
    Frame(Vec<u8>),
    /// It says no more before it hears something.
    Said,
}

/// Bytes on the link, TCP payload both ways, since the device was opened.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    up: AtomicU64,
    down: AtomicU64,
    moved: Notify,
}

impl Traffic {
    pub(crate) fn up(&self) -> u64 {
        self.up.load(Ordering::Relaxed)
    }

    pub(crate) fn down(&self) -> u64 {
        self.down.load(Ordering::Relaxed)
    }

    pub(crate) fn went_up(&self, bytes: usize) {
        self.up.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn came_down(&self, bytes: usize) {
        self.down.fetch_add(bytes as u64, Ordering::Relaxed);
        self.moved.notify_one();
    }

    /// Waits until bytes came in, or bytes that had to wait went out.
    pub(crate) async fn moved(&self) {
        self.moved.notified().await;
    }
}

/// One connection, or the attempt at one. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Link {
    outgoing: mpsc::UnboundedSender<Outgoing>,
    events: mpsc::Receiver<LinkEvent>,
}

impl Link {
    pub(crate) fn open(target: Target, way: Way, traffic: Arc<Traffic>) -> Self {
        // Bounded by the session: a greeting, a few pushes in flight, and small change.
        let (outgoing, to_send) = mpsc::unbounded_channel();
        let (report, events) = mpsc::channel(MESSAGES_WAITING);
        tokio::spawn(async move {
            tokio::select! {
                last = last_word(target, way, traffic, to_send, &report) => drop(report.send(last).await),
                () = let_go(&report) => {}
            }
        });
        Self { outgoing, events }
    }

    pub(crate) fn send(&self, bytes: Vec<u8>) {
        if self.outgoing.send(Outgoing::Frame(bytes)).is_err() {
            tracing::debug!("a message for a link that is gone");
        }
    }

    /// The client has said all that it has to say for now.
    pub(crate) fn said(&self) {
        // A link that is gone says so itself.
        drop(self.outgoing.send(Outgoing::Said));
    }

    pub(crate) async fn event(&mut self) -> LinkEvent {
        self.events.recv().await.unwrap_or(LinkEvent::Gone)
    }
}

/// The device let go; what it said before may still leave, and the far end be told, if the link is quick about it.
async fn let_go(report: &mpsc::Sender<LinkEvent>) {
    report.closed().await;
    tokio::time::sleep(CLOSE_WITHIN).await;
}

async fn last_word(
    target: Target,
    way: Way,
    traffic: Arc<Traffic>,
    to_send: mpsc::UnboundedReceiver<Outgoing>,
    report: &mpsc::Sender<LinkEvent>,
) -> LinkEvent {
    if way == Way::Visit {
        return visited(target, traffic, to_send, report).await;
    }
    match live(target, traffic, to_send, report).await {
        Ok(()) => LinkEvent::Gone,
        Err(Error::Http(response)) => turned_away(&response),
        Err(error) => {
            tracing::debug!(%error, "the link is gone");
            LinkEvent::Gone
        }
    }
}

async fn live(
    target: Target,
    traffic: Arc<Traffic>,
    to_send: mpsc::UnboundedReceiver<Outgoing>,
    report: &mpsc::Sender<LinkEvent>,
) -> Result<(), Error> {
    let socket = match connect_soon(&target, traffic.clone()).await {
        // The token has run out, or its server was made anew. Whether the device may still come in, its key decides.
        Err(Error::Http(response)) if response.status() == StatusCode::UNAUTHORIZED => {
            let token = match signed_in(&target).await {
                Ok(token) => token,
                Err(Some(bye)) => {
                    // What comes after it does not matter.
                    drop(report.send(LinkEvent::TurnedAway(bye)).await);
                    return Ok(());
                }
                Err(None) => return Err(Error::Http(response)),
            };
            if report.send(LinkEvent::SignedIn(token.clone())).await.is_err() {
                return Ok(());
            }
            connect_soon(&Target { token, ..target }, traffic).await?
        }
        socket => socket?,
    };
    if report.send(LinkEvent::Connected).await.is_err() {
        return Ok(());
    }
    converse(socket, to_send, report).await
}

/// Another token; or how the device is turned away, if signing in again would not help.
async fn signed_in(target: &Target) -> Result<String, Option<Bye>> {
    let Some(signer) = target.signer.clone() else { return Err(None) };
    let asked = target.clone();
    let asked = tokio::task::spawn_blocking(move || sign_in(&asked.trust, &asked.server, &signer)).await;
    let answer = asked.unwrap_or_else(|stopped| Err(AskError::Unreachable(stopped.to_string())));
    answer.inspect_err(|error| tracing::info!(%error, "signing in")).map_err(|error| match error {
        AskError::Refused { code, zh, en } if code == ByeCode::UnknownDevice.as_str() => {
            Some(Bye { zh, ..ByeCode::UnknownDevice.bye(en) })
        }
        _ => None,
    })
}

async fn connect_soon(target: &Target, traffic: Arc<Traffic>) -> Result<WebSocketStream<Wire>, Error> {
    timeout(CONNECT_WITHIN, connect(target, traffic)).await.map_err(|_| timed_out())?
}

async fn connect(target: &Target, traffic: Arc<Traffic>) -> Result<WebSocketStream<Wire>, Error> {
    let uri: Uri = sync_address(&target.server).parse()?;
    let encrypted = uri.scheme_str() == Some("wss");
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
    let stream = Counted { inner: open(&host, port).await?, traffic, waited: false };
    let stream: Wire = if encrypted { Box::new(encrypt(target, host, stream).await?) } else { Box::new(stream) };
    let request = ClientRequestBuilder::new(uri)
        .with_header("Authorization", format!("Bearer {}", target.token))
        .with_sub_protocol(SUBPROTOCOL);
    let bounds = WebSocketConfig::default().max_message_size(Some(limits::FRAME_BYTES)).max_frame_size(Some(limits::FRAME_BYTES));
    Ok(client_async_with_config(request, stream, Some(bounds)).await?.0)
}

async fn encrypt(target: &Target, host: String, stream: Counted) -> Result<TlsStream<Counted>, std::io::Error> {
    let name = ServerName::try_from(host).map_err(std::io::Error::other)?;
    TlsConnector::from(target.trust.live()).connect(name, stream).await
}

async fn open(host: &str, port: u16) -> Result<TcpStream, std::io::Error> {
    let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "the server's name has no address");
    for address in lookup_host((host, port)).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
        socket.set_nodelay(true)?;
        match socket.connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn converse(
    socket: WebSocketStream<Wire>,
    mut to_send: mpsc::UnboundedReceiver<Outgoing>,
    report: &mpsc::Sender<LinkEvent>,
) -> Result<(), Error> {
    let (mut sink, mut stream) = socket.split();
    let write = async {
        while let Some(outgoing) = to_send.recv().await {
            match outgoing {
                Outgoing::Frame(bytes) => sink.feed(Message::binary(bytes)).await?,
                // What is said in one go leaves together: the greeting and the first pushes in one flight.
                Outgoing::Said => sink.flush().await?,
            }
        }
        sink.close().await
    };
    let read = async {
        while let Some(message) = stream.next().await {
            let go_on = match message? {
                Message::Binary(bytes) => report.send(LinkEvent::Frame(bytes.into())).await.is_ok(),
                Message::Close(_) => false,
                _ => true,
            };
            if !go_on {
                return Ok(());
            }
        }
        Ok(())
    };
    tokio::select! {
        done = write => done,
        done = read => done,
    }
}

/// Brings what the client says first, and hears the answer.
async fn visited(
    mut target: Target,
    traffic: Arc<Traffic>,
    mut to_send: mpsc::UnboundedReceiver<Outgoing>,
    report: &mpsc::Sender<LinkEvent>,
) -> LinkEvent {
    if report.send(LinkEvent::Connected).await.is_err() {
        return LinkEvent::Gone;
    }
    let flight = Arc::new(first_flight(&mut to_send).await);
    let mut may_sign_in = true;
    loop {
        let (asked, brought, counts, told) = (target.clone(), flight.clone(), traffic.clone(), report.clone());
        let visit = tokio::task::spawn_blocking(move || {
            let mut heard = |frame| told.blocking_send(LinkEvent::Frame(frame)).is_ok();
            visit((&asked.trust, &asked.server, &asked.token), &brought, &counts, &mut heard)
        });
        match visit.await {
            Ok(Ok(())) => return LinkEvent::Visited,
            Ok(Err(Missed::Refused(answer))) if answer.status() == StatusCode::UNAUTHORIZED && may_sign_in => {
                may_sign_in = false;
                let token = match signed_in(&target).await {
                    Ok(token) => token,
                    Err(bye) => return bye.map_or_else(|| turned_away(&answer), LinkEvent::TurnedAway),
                };
                target.token.clone_from(&token);
                if report.send(LinkEvent::SignedIn(token)).await.is_err() {
                    return LinkEvent::Gone;
                }
            }
            Ok(Err(Missed::Refused(answer))) => return turned_away(&answer),
            Ok(Err(Missed::Broken(why))) => {
                tracing::debug!(%why, "a visit");
                return LinkEvent::Gone;
            }
            Err(_) => return LinkEvent::Gone,
        }
    }
}

/// The greeting and the first pushes, as many as one request takes; the others come with the next.
async fn first_flight(to_send: &mut mpsc::UnboundedReceiver<Outgoing>) -> Vec<u8> {
    let mut flight = Vec::new();
    while let Some(outgoing) = to_send.recv().await {
        match outgoing {
            Outgoing::Frame(bytes) if flight.len() + bytes.len() <= limits::FRAME_BYTES => flight.extend(bytes),
            Outgoing::Said if flight.is_empty() => {}
            Outgoing::Frame(_) | Outgoing::Said => break,
        }
    }
    flight
}

/// What the server's administrators read of the program here.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

fn sync_address(server: &str) -> String {
    let base = server.trim_end_matches('/');
    let base = match base.split_once("://") {
        Some(("http", rest)) => format!("ws://{rest}"),
        Some(("https", rest)) => format!("wss://{rest}"),
        _ => base.to_owned(),
    };
    format!("{base}/api/v1/sync?version={VERSION}")
}

fn timed_out() -> Error {
    Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "no connection in time"))
}

/// The server answered the upgrade with a refusal.
fn turned_away(response: &Response<Option<Vec<u8>>>) -> LinkEvent {
    let body = response.body().as_deref().unwrap_or_default();
    let retry_after = response.headers().get("Retry-After").and_then(|value| value.to_str().ok());
    farewell(response.status().as_u16(), body, retry_after).map_or(LinkEvent::Gone, LinkEvent::TurnedAway)
}

/// What frames travel on, encrypted or not.
type Wire = Box<dyn Duplex>;

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A TCP stream that counts.
#[derive(Debug)]
struct Counted {
    inner: TcpStream,
    traffic: Arc<Traffic>,
    /// Whether a write found the system's buffer full: then the next that goes through proves that the far end took some.
    waited: bool,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        let read = buf.filled().len() - before;
        if read > 0 {
            self.traffic.came_down(read);
        }
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, bytes);
        match &polled {
            Poll::Pending => self.waited = true,
            Poll::Ready(Ok(written)) => {
                self.traffic.went_up(*written);
                if std::mem::take(&mut self.waited) {
                    self.traffic.moved.notify_one();
                }
            }
            Poll::Ready(Err(_)) => {}
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_the_feed_follows_from_the_servers() {
        for (server, address) in [
            ("http://localhost:7420", "ws://localhost:7420/api/v1/sync"),
            ("http://localhost:7420/", "ws://localhost:7420/api/v1/sync"),
            ("ws://10.0.0.1", "ws://10.0.0.1/api/v1/sync"),
            ("https://log.example", "wss://log.example/api/v1/sync"),
            ("wss://log.example/", "wss://log.example/api/v1/sync"),
        ] {
            assert_eq!(sync_address(server), format!("{address}?version={VERSION}"));
        }
    }
}
