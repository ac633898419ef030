//! A TCP relay that a test can watch, hold and point elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Sits between a device and a server. Ends with its handle.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    server: watch::Sender<SocketAddr>,
    /// Whether what the server says is kept from the device.
    held: watch::Sender<bool>,
    /// Bytes that have gone up.
    up: watch::Sender<u64>,
    breaks: watch::Sender<Breaks>,
}

/// What a relay does to websockets, as some networks do. It lets everything else through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaks {
    /// Nothing.
    Nothing,
    /// They cannot be opened.
    Upgrades,
    /// They can be opened, and are cut with the first word.
    FirstWord,
}

impl Relay {
    /// A relay to `server`.
    ///
    /// # Panics
    /// If no port can be had.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (server, held, up) = (watch::Sender::new(server), watch::Sender::new(false), watch::Sender::new(0));
        let state = Arc::new(State { server, held, up, breaks: watch::Sender::new(Breaks::Nothing) });
        let task = tokio::spawn({
            let state = state.clone();
            async move {
                while let Ok((device, _)) = listener.accept().await {
                    tokio::spawn(relay(device, state.clone()));
                }
            }
        });
        Self { address, state, task }
    }

    /// Where the device connects.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Connections from now on go to another address: a server that was started again.
    pub fn point_to(&self, server: SocketAddr) {
        self.state.server.send_replace(server);
    }

    /// Keeps what the server says from the device, or lets it through.
    pub fn hold(&self, held: bool) {
        self.state.held.send_replace(held);
    }

    /// From now on websockets are treated so; those that stand stay.
    pub fn break_websockets(&self, how: Breaks) {
        self.state.breaks.send_replace(how);
    }

    /// Bytes that have gone up so far.
    pub fn sent_up(&self) -> u64 {
        *self.state.up.borrow()
    }

    /// Waits until so many bytes have gone up.
    pub async fn until_sent_up(&self, bytes: u64) {
        self.state.up.subscribe().wait_for(|up| *up >= bytes).await.expect("the relay lives");
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whether a connection begins as a websocket does.
async fn is_websocket(device: &TcpStream) -> std::io::Result<bool> {
    let mut head = [0; 1024];
    let read = device.peek(&mut head).await?;
    Ok(String::from_utf8_lossy(&head[..read]).to_ascii_lowercase().contains("upgrade: websocket"))
}

async fn relay(mut device: TcpStream, state: Arc<State>) -> std::io::Result<()> {
    let breaks = *state.breaks.borrow();
    let breaks = if breaks != Breaks::Nothing && is_websocket(&device).await? { breaks } else { Breaks::Nothing };
    if breaks == Breaks::Upgrades {
        return device.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    }
    let address = *state.server.borrow();
    let server = TcpStream::connect(address).await?;
    device.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_device, mut to_device) = device.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let mut buffer = vec![0; 16 << 10];
        loop {
            let read = from_device.read(&mut buffer).await?;
            if read == 0 {
                return Ok::<_, std::io::Error>(());
            }
            if breaks == Breaks::FirstWord && !buffer.starts_with(b"GET ") {
                return Ok(());
            }
            to_server.write_all(&buffer[..read]).await?;
            state.up.send_modify(|up| *up += read as u64);
        }
    };
    let down = async {
        let mut held = state.held.subscribe();
        let mut buffer = vec![0; 16 << 10];
        loop {
            let read = from_server.read(&mut buffer).await?;
            held.wait_for(|held| !held).await.map_err(std::io::Error::other)?;
            if read == 0 {
                return Ok::<_, std::io::Error>(());
            }
            to_device.write_all(&buffer[..read]).await?;
        }
    };
    tokio::select! {
        done = up => done,
        done = down => done,
    }
}
