//! A link that can be cut: a TCP relay between a device and the server, which closes at a chosen byte or moment.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// More than any device of a demonstration ever sends.
const UNCUT: i64 = i64::MAX;

/// See the module. Ends when dropped.
#[derive(Debug)]
pub(super) struct Link {
    address: SocketAddr,
    shared: Arc<Shared>,
    relay: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    /// Grows with every cut; a connection from before one ends with it.
    generation: watch::Sender<u64>,
    /// Bytes that may still go up before everything is cut.
    allowance: AtomicI64,
}

impl Link {
    /// A link to `server`, uncut.
    ///
    /// # Errors
    /// If no port can be had.
    pub(super) async fn to(server: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { generation: watch::channel(0).0, allowance: AtomicI64::new(UNCUT) });
        let relay = tokio::spawn(accept(listener, server, shared.clone()));
        Ok(Self { address, shared, relay })
    }

    /// Where the device connects instead.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts the link once, after `bytes` more have gone up: in the middle of a push, if they are few enough.
    pub(super) fn cut_after(&self, bytes: i64) {
        self.shared.allowance.store(bytes, Ordering::SeqCst);
    }

    /// Is not cut any more.
    pub(super) fn hold(&self) {
        self.cut_after(UNCUT);
    }

    /// Waits until it has been cut more than `known` times.
    pub(super) async fn until_cut(&self, known: u64) {
        let mut generation = self.shared.generation.subscribe();
        // The sender lives as long as the link does, so waiting cannot fail.
        drop(generation.wait_for(|cuts| *cuts > known).await);
    }

    /// How often it was cut.
    pub(super) fn cuts(&self) -> u64 {
        *self.shared.generation.borrow()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, shared: Arc<Shared>) {
    while let Ok((device, _)) = listener.accept().await {
        let shared = shared.clone();
        tokio::spawn(async move {
            let mut cut = shared.generation.subscribe();
            tokio::select! {
                _ = relay(device, server, &shared) => {}
                _ = cut.changed() => {}
            }
        });
    }
}

async fn relay(device: TcpStream, server: SocketAddr, shared: &Shared) -> std::io::Result<()> {
    let server = TcpStream::connect(server).await?;
    device.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_device, mut to_device) = device.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let down = tokio::io::copy(&mut from_server, &mut to_device);
    let up = async {
        let mut buffer = [0; 256];
        loop {
            let read = from_device.read(&mut buffer).await?;
            if read == 0 {
                return Ok::<_, std::io::Error>(());
            }
            let left = shared.allowance.fetch_sub(read as i64, Ordering::SeqCst);
            let passes = usize::try_from(left).unwrap_or(0).min(read);
            to_server.write_all(&buffer[..passes]).await?;
            if passes < read {
                shared.allowance.store(UNCUT, Ordering::SeqCst);
                shared.generation.send_modify(|cuts| *cuts += 1);
                return Ok(());
            }
        }
    };
    tokio::select! {
        copied = down => copied.map(drop),
        sent = up => sent,
    }
}
