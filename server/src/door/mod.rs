//! The door: from a listening address to requests, encrypted or not.
//!
//! An accept loop of our own, since what matters here is what neither axum nor a ready-made server does: a seat is taken
//! before the first byte is read and kept as long as the connection lives, a websocket included; every stage has an end
//! (handshake, header, writes that nobody takes); and one connection's trouble is its own. HTTP/1.1 only: devices bring
//! one websocket each, which needs no more.

mod certificate;
mod handles;
mod held;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;
use tracing::{debug, warn};

pub use certificate::{Certificate, CertificateError, CertificateFiles};
pub use handles::room_for_connections;
use held::Held;

use crate::gate::{Gate, Seat};
use crate::limits::Limits;

/// What one request's header may take, and what is read ahead of a body.
const READ_BUFFER_BYTES: usize = 64 << 10;
/// Pause after the system would not hand over a connection, for want of file handles mostly.
const OUT_OF_BREATH: Duration = Duration::from_millis(200);

/// Where connections come in.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    certificate: Option<Arc<Certificate>>,
}

/// How a request came in: an extension of every request that came over a socket.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// The far end of the connection.
    pub address: IpAddr,
    /// Whether the connection is encrypted.
    pub encrypted: bool,
}

impl From<TcpListener> for Door {
    /// Plain text.
    fn from(listener: TcpListener) -> Self {
        Self { listener, certificate: None }
    }
}

impl Door {
    /// TLS, by a certificate that may change while it is open.
    pub fn encrypted(listener: TcpListener, certificate: Arc<Certificate>) -> Self {
        Self { listener, certificate: Some(certificate) }
    }

    /// The certificate, if what passes is encrypted.
    pub fn certificate(&self) -> Option<&Arc<Certificate>> {
        self.certificate.as_ref()
    }

    /// Where it is.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The same as browsers and devices are told it.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn url(&self) -> std::io::Result<String> {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", self.address()?))
    }

    /// Takes connections and answers their requests until the server stops; then closes, and ends with the last request.
    pub(crate) async fn keep(self, router: Router, gate: Arc<Gate>, mut stopping: watch::Receiver<bool>) {
        let mut visits = JoinSet::new();
        loop {
            let (stream, from) = tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(why) => {
                        out_of_breath(why).await;
                        continue;
                    }
                },
                Some(_) = visits.join_next() => continue,
                () = stopped(&mut stopping) => break,
            };
            let address = from.ip().to_canonical();
            let Some(seat) = gate.admit(address) else {
                debug!(%address, "turned away at the door: too many connections");
                continue;
            };
            let visit = Visit {
                arrival: Arrival { address, encrypted: self.certificate.is_some() },
                router: router.clone(),
                gate: gate.clone(),
                stopping: stopping.clone(),
            };
            visits.spawn(visit.receive(stream, seat, self.certificate.clone()));
        }
        drop(self.listener);
        while visits.join_next().await.is_some() {}
    }
}

/// Connections that ended before they were taken are nobody's business; anything else may pass if it is given time.
async fn out_of_breath(why: std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(why.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        warn!(%why, "a connection cannot be taken now");
        tokio::time::sleep(OUT_OF_BREATH).await;
    }
}

/// Waits until the server goes down.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that whoever could say so has gone, which says the same.
    drop(stopping.wait_for(|stopping| *stopping).await);
}

/// One connection.
struct Visit {
    arrival: Arrival,
    router: Router,
    gate: Arc<Gate>,
    stopping: watch::Receiver<bool>,
}

impl Visit {
    async fn receive(mut self, stream: TcpStream, seat: Seat, certificate: Option<Arc<Certificate>>) {
        // Frames are small and people wait for them.
        drop(stream.set_nodelay(true));
        let stream = Held::new(stream, Some(seat), self.gate.limits().stalled_after);
        let Some(certificate) = certificate else { return self.converse(stream).await };
        let handshake = TlsAcceptor::from(certificate.current()).accept(stream);
        let shaken = tokio::select! {
            shaken = timeout(self.gate.limits().handshake_within, handshake) => shaken,
            () = stopped(&mut self.stopping) => return,
        };
        match shaken {
            Ok(Ok(stream)) => self.converse(stream).await,
            Ok(Err(why)) => debug!(address = %self.arrival.address, %why, "no handshake"),
            Err(_) => debug!(address = %self.arrival.address, "no handshake in time"),
        }
    }

    fn header_within(&self) -> Duration {
        let Limits { header_within, header_of_proxy_within, .. } = *self.gate.limits();
        if self.gate.proxies().trust(self.arrival.address) { header_of_proxy_within } else { header_within }
    }

    async fn converse(mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let (arrival, address, header_within) = (self.arrival, self.arrival.address, self.header_within());
        let service = self.router.map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(arrival);
            request.map(Body::new)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(header_within)
            .max_buf_size(READ_BUFFER_BYTES)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopped(&mut self.stopping) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(why) = ended {
            debug!(%address, %why, "a connection ended badly");
        }
    }
}
