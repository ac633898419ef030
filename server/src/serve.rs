//! Listening: from an address to an orderly end.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

use crate::app::{App, Handle};
use crate::data_dir::DataDirError;
use crate::door::{Certificate, CertificateError, CertificateFiles, Door};
use crate::{http, retention};

/// What the system takes off our hands before it is on its way (Linux doubles the figure). A receipt must not stand behind
/// megabytes of a log that somebody fetches: at 64 kbit/s it waits for some seconds, not for minutes.
const SEND_BUFFER_BYTES: u32 = 32 << 10;
/// Connections that wait to be taken, as tokio has it.
const WAITING_TO_COME_IN: u32 = 1024;

/// How long connections may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(10);

/// Why a server does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {why}. Is another server running there? Choose another with --listen")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why not.
        why: std::io::Error,
    },
    /// Without encryption, only this machine may connect.
    #[error(
        "{0} can be reached from other machines, and without a certificate nothing is encrypted: everything, tokens \
         included, could be read on the way. Give --tls-cert and --tls-key; or listen on 127.0.0.1 behind a proxy that \
         speaks TLS; or say --plain-text-to-the-network if the network itself is trusted"
    )]
    Exposed(SocketAddr),
    /// The certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The announcement in the data directory could not be written.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The listener failed.
    #[error("the server stopped listening: {0}")]
    Io(#[from] std::io::Error),
}

/// Takes an address, on loopback unless told otherwise.
///
/// # Errors
/// [`ServeError`].
pub async fn listen(address: SocketAddr, plain_text_to_the_network: bool) -> Result<TcpListener, ServeError> {
    if !address.ip().is_loopback() && !plain_text_to_the_network {
        return Err(ServeError::Exposed(address));
    }
    bind(address).await
}

/// Takes any address, and speaks TLS there.
///
/// # Errors
/// [`ServeError`].
pub async fn listen_encrypted(address: SocketAddr, files: CertificateFiles) -> Result<Door, ServeError> {
    let certificate = Arc::new(Certificate::load(files)?);
    Ok(Door::encrypted(bind(address).await?, certificate))
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        // Connections have it of the socket that they came by.
        socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
        socket.bind(address)?;
        socket.listen(WAITING_TO_COME_IN)
    };
    bound().map_err(|why| ServeError::Listen { address, why })
}

/// Serves until `stop` is done; then says goodbye to every connection and finishes what was taken.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    app: App,
    handle: Handle,
    door: impl Into<Door>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let door = door.into();
    let address = door.address()?;
    let side_door = side_door(&door).await?;
    handle.announce(side_door.as_ref().map_or(Ok(address), Door::address)?, app.public_url.as_deref().cloned())?;
    tracing::info!(%address, encrypted = door.certificate().is_some(), data = %handle.data().path().display(), "listening");

    let mut keeping = keep(app, door, side_door);
    stop.await;
    tracing::info!("stopping");
    handle.stop();
    let farewell = async {
        while let Some(kept) = keeping.join_next().await {
            if kept.is_err() {
                tracing::error!("a door was not closed well");
            }
        }
    };
    if tokio::time::timeout(GOODBYE, farewell).await.is_err() {
        tracing::warn!("some connections did not say goodbye in time");
        keeping.shutdown().await;
    }
    tokio::task::spawn_blocking(move || handle.finish()).await.map_err(std::io::Error::other)?;
    tracing::info!("stopped; everything that was taken is on disk");
    Ok(())
}

/// Where the commands of this program reach a server whose own door is encrypted: they have its word for who it is from the
/// data directory, and no use for a certificate. On this machine only.
async fn side_door(door: &Door) -> Result<Option<Door>, ServeError> {
    if door.certificate().is_none() {
        return Ok(None);
    }
    let listener = bind((Ipv4Addr::LOCALHOST, 0).into()).await?;
    Ok(Some(listener.into()))
}

/// Opens the doors, and looks after the certificate.
fn keep(app: App, door: Door, side_door: Option<Door>) -> JoinSet<()> {
    let mut keeping = JoinSet::new();
    let (gate, stopping) = (app.gate.clone(), app.stopping.clone());
    if let Some(certificate) = door.certificate().cloned() {
        keeping.spawn(certificate.look_after(gate.limits().look_every, stopping.clone()));
    }
    keeping.spawn(retention::look_after(app.clone()));
    let router = http::router(app);
    if let Some(side_door) = side_door {
        // With seats of its own: whoever crowds the other door must not keep the operator out.
        keeping.spawn(side_door.keep(router.clone(), Arc::default(), stopping.clone()));
    }
    keeping.spawn(door.keep(router, gate, stopping));
    keeping
}
