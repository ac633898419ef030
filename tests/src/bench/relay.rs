//! The least that could carry words between devices: a websocket server that hands every message to everybody. What it takes is the
//! machine's and the library's; what ours takes beyond it is ours.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_async_with_config, client_async_with_config};

use super::machine;
use super::serving::Running;

/// As small as our server's and our callers'.
fn small() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(1 << 10).write_buffer_size(0)
}

/// Serves until the process is killed; says on which address.
///
/// # Errors
/// If there is no port to be had.
pub async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("relay://{}", listener.local_addr()?);
    let (tell, _) = broadcast::channel::<Message>(64);
    loop {
        let (stream, _) = listener.accept().await?;
        let (tell, mut told) = (tell.clone(), tell.subscribe());
        tokio::spawn(async move {
            stream.set_nodelay(true)?;
            let mut socket = accept_async_with_config(stream, Some(small())).await?;
            loop {
                tokio::select! {
                    said = socket.next() => match said {
                        Some(Ok(said @ Message::Binary(_))) => drop(tell.send(said)),
                        Some(Ok(_)) => {}
                        _ => return anyhow::Ok(()),
                    },
                    Ok(said) = told.recv() => socket.send(said).await?,
                }
            }
        });
    }
}

/// Such a server in a process of its own. Ends with its handle.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    running: Running,
}

/// A connection to one.
#[derive(Debug)]
pub struct Line(WebSocketStream<TcpStream>);

impl Relay {
    /// Starts one.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?).arg("--relay").stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take();
        let running = Running(child);
        let address = super::serving::said_address(output.context("it is piped")?)?;
        Ok(Self { address, running })
    }

    /// Bytes of memory it holds.
    ///
    /// # Errors
    /// If it is gone.
    pub fn memory(&self) -> Result<u64> {
        machine::memory_of(self.running.0.id())
    }

    /// Connects to it.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn connect(&self) -> Result<Line> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let request = ClientRequestBuilder::new(format!("ws://{}/", self.address).parse()?);
        Ok(Line(client_async_with_config(request, stream, Some(small())).await?.0))
    }
}

impl Line {
    /// Says something to everybody, oneself included.
    ///
    /// # Errors
    /// If the relay is gone.
    pub async fn say(&mut self, words: Vec<u8>) -> Result<()> {
        Ok(self.0.send(Message::binary(words)).await?)
    }

    /// Waits for the next that anybody says.
    ///
    /// # Errors
    /// If the relay is gone.
    pub async fn hear(&mut self) -> Result<()> {
        self.0.next().await.context("the relay hung up")??;
        Ok(())
    }
}
