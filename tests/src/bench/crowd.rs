//! A device that keeps nothing: it speaks frames and counts, so that a thousand of them cost less than the server they
//! measure.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use renolog_protocol::batch::RawBatch;
use renolog_protocol::calendar::Calendar;
use renolog_protocol::codec::{CHUNK_CODING, unpack_chunk};
use renolog_protocol::id::{CommunityId, Epoch, Seq};
use renolog_protocol::schema::Schema;
use renolog_protocol::wire::{
    Cursor, Frame, Hello, Items, List, Ping, Push, Receipt, RosterVersion, SUBPROTOCOL, VERSION, Welcome,
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::street::{Member, now};

/// See the module.
#[derive(Debug)]
pub struct Caller {
    socket: WebSocketStream<TcpStream>,
    /// What the server said of itself.
    pub welcome: Welcome,
    /// The roster that came with it, if one did.
    pub roster: Option<RosterVersion>,
}

/// What a device knows when it calls.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    /// How far it has its community's open feed, in which life of the store.
    pub position: Option<(Epoch, Seq)>,
    /// Which roster it has.
    pub roster: Option<RosterVersion>,
    /// Whether it only writes, and follows nothing.
    pub only_writes: bool,
}

impl Caller {
    /// Connects, greets, and hears the welcome out.
    ///
    /// # Errors
    /// If the server turns it away.
    pub async fn greet(address: SocketAddr, who: &Member, known: Known) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let uri = format!("ws://{address}/api/v1/sync").parse()?;
        let request = ClientRequestBuilder::new(uri)
            .with_header("Authorization", format!("Bearer {}", who.token))
            .with_sub_protocol(SUBPROTOCOL);
        let small = WebSocketConfig::default().read_buffer_size(4 << 10).write_buffer_size(0);
        let (mut socket, _) = client_async_with_config(request, stream, Some(small)).await?;
        let hello = hello(who, known)?;
        socket.send(Message::binary(Frame::from(hello).encode())).await?;
        let mut roster = known.roster;
        loop {
            match next(&mut socket).await? {
                Frame::Welcome(welcome) => return Ok(Self { socket, welcome, roster }),
                Frame::Roster(frame) => {
                    roster = Some(RosterVersion { community: frame.community, version: frame.roster.version })
                }
                Frame::Bye(bye) => bail!("the server turned a device away: {}", bye.en),
                _ => {}
            }
        }
    }

    /// The next frame.
    ///
    /// # Errors
    /// If the server hangs up.
    pub async fn next(&mut self) -> Result<Frame> {
        next(&mut self.socket).await
    }

    /// The next stretch of the feed.
    ///
    /// # Errors
    /// If the server hangs up.
    pub async fn items(&mut self) -> Result<Items> {
        loop {
            if let Frame::Items(items) = self.next().await? {
                return Ok(items);
            }
        }
    }

    /// Reads the feed to where it stood when the device was welcomed; how many entries came. What comes in snapshots is
    /// counted by the position they are of.
    ///
    /// # Errors
    /// If the server hangs up.
    pub async fn catch_up(&mut self, community: CommunityId) -> Result<usize> {
        self.read_on(community, false).await
    }

    /// The same with every part of a snapshot unfolded, and every entry counted.
    ///
    /// # Errors
    /// If the server hangs up, or sends what cannot be unfolded.
    pub async fn unfold(&mut self, community: CommunityId) -> Result<usize> {
        self.read_on(community, true).await
    }

    async fn read_on(&mut self, community: CommunityId, look: bool) -> Result<usize> {
        let heads = self.welcome.feeds.iter().filter(|grant| grant.feed.community == community);
        let head = heads.filter_map(|grant| grant.head).max().unwrap_or_default();
        let mut entries = 0;
        let mut reached = Seq(0);
        while reached < head {
            match self.next().await? {
                Frame::Items(items) => {
                    entries += items.items.len();
                    reached = items.upto;
                }
                Frame::Chunk(chunk) => {
                    if look {
                        entries += unpack_chunk(&chunk.pack)?.items.len();
                    } else if chunk.last {
                        entries += usize::try_from(chunk.mark.seq.0)?;
                    }
                    if chunk.last {
                        reached = chunk.mark.seq;
                    }
                }
                _ => {}
            }
        }
        Ok(entries)
    }

    /// A sign of life, there and back.
    ///
    /// # Errors
    /// If the server hangs up.
    pub async fn sign_of_life(&mut self) -> Result<()> {
        self.socket.send(Message::binary(Frame::from(Ping { number: 0 }).encode())).await?;
        while !matches!(self.next().await?, Frame::Pong(_)) {}
        Ok(())
    }

    /// Sends a batch and does not wait.
    ///
    /// # Errors
    /// If the server has hung up.
    pub async fn push(&mut self, batch: RawBatch) -> Result<()> {
        Ok(self.socket.send(Message::binary(Frame::from(Push { batch }).encode())).await?)
    }

    /// The next receipt.
    ///
    /// # Errors
    /// If the server hangs up.
    pub async fn receipt(&mut self) -> Result<Receipt> {
        loop {
            match self.next().await? {
                Frame::Receipt(receipt) => return Ok(receipt),
                Frame::Bye(bye) => bail!("the server ends the connection: {}", bye.en),
                _ => {}
            }
        }
    }
}

fn hello(who: &Member, known: Known) -> Result<Hello> {
    let (epoch, seq) = known.position.unwrap_or((Epoch(0), Seq(0)));
    let followed = (!known.only_writes).then_some(Cursor { feed: who.feed(), epoch, seq });
    let feeds: Vec<Cursor> = followed.into_iter().collect();
    let rosters: Vec<RosterVersion> = known.roster.into_iter().collect();
    Ok(Hello {
        oldest: VERSION,
        newest: VERSION,
        device: who.device,
        schema: Schema::built_in().version,
        device_time: now(),
        feeds: List::try_from(feeds).ok().context("one feed")?,
        rosters: List::try_from(rosters).ok().context("one roster")?,
        calendar: Some(Calendar::built_in().fingerprint()),
        dictionary: None,
        snapshots: known.position.is_none().then_some(CHUNK_CODING),
        begun: None,
        open_only: None,
        unsent: None,
    })
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> Result<Frame> {
    while let Some(message) = socket.next().await {
        if let Message::Binary(bytes) = message? {
            return Ok(Frame::decode(&bytes)?);
        }
    }
    bail!("the server hung up")
}
