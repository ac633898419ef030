//! Listening: from an address to an orderly end.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::app::{App, Handle};
use crate::data_dir::DataDirError;
use crate::http;

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
        "{0} can be reached from other machines, and this server does not encrypt by itself: everything, tokens included, \
         could be read on the way. Listen on 127.0.0.1 behind a proxy that speaks TLS, or say \
         --plain-text-to-the-network if the network itself is trusted"
    )]
    Exposed(SocketAddr),
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
    TcpListener::bind(address).await.map_err(|why| ServeError::Listen { address, why })
}

/// Serves until `stop` is done; then says goodbye to every connection and finishes what was taken.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    app: App,
    handle: Handle,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    handle.announce(address)?;
    tracing::info!(%address, data = %handle.data().path().display(), "listening");

    let mut stopping = app.stopping.clone();
    let server = axum::serve(listener, http::router(app)).with_graceful_shutdown(async move {
        drop(stopping.wait_for(|stopping| *stopping).await);
    });
    let serving = tokio::spawn(server.into_future());
    stop.await;
    tracing::info!("stopping");
    handle.stop();
    match tokio::time::timeout(GOODBYE, serving).await {
        Ok(Ok(served)) => served?,
        Ok(Err(_)) => tracing::error!("the listener ended badly"),
        Err(_) => tracing::warn!("some connections did not say goodbye in time"),
    }
    tokio::task::spawn_blocking(move || handle.finish()).await.map_err(std::io::Error::other)?;
    tracing::info!("stopped; everything that was taken is on disk");
    Ok(())
}
