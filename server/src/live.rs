//! One websocket: moves bytes between a socket and a [`ServerSession`], and does what the session asks.

pub mod visit;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use renolog_protocol::batch::Batch;
use renolog_protocol::codec::Parcel;
use renolog_protocol::id::{DeviceId, FeedId, Seq};
use renolog_protocol::key::PublicKey;
use renolog_protocol::limits;
use renolog_protocol::session::ByeCode;
use renolog_protocol::session::server::{FeedEntry, Input, Output, Packed, ServerSession};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::{Cursor, Place, Receipt, TokenFrame};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use crate::app::App;
use crate::command::{Command, Left, Push, Runs, Saw};
use crate::hub::{News, Wake};
use crate::ingest::{Outcome, Pushed, Rejection};
use crate::reception::{self, NotTaken};
use crate::stay::{Pace, Stay};
use crate::store::{DeviceRow, StoreError};
use crate::ticket::{GOOD_FOR, Ticket};
use crate::writer::WriteError;

/// A connection on which nothing came for this long is gone: its device asks for signs of life more often.
const GONE: Duration = Duration::from_millis((limits::QUIET.0 + 2 * limits::SILENT.0) as u64);
/// A message that could not be handed to the network within this long never will be.
const STUCK: Duration = Duration::from_secs(120);

struct Connection {
    app: App,
    device: DeviceRow,
    session: ServerSession,
    wake: Arc<Wake>,
    /// Few, and looked through when something new is followed.
    listening: Vec<FeedId>,
    skew: SpanMs,
    /// What opened the connection, where the device keeps it itself.
    ticket: Option<Ticket>,
    /// When the device is to be given another.
    renew_at: Option<UnixMs>,
    /// When a role of its person begins or ends next.
    reconsider: Option<UnixMs>,
    stay: Stay,
}

/// What a connection waits for, beside its socket. Boxed: an empty set keeps room for one of its futures, and most connections
/// wait for nothing.
#[derive(Default)]
struct UnderWay {
    judging: FuturesUnordered<BoxFuture<'static, Judged>>,
    /// Apart, so that a receipt does not wait for a part of a snapshot that is still being made.
    packing: FuturesUnordered<BoxFuture<'static, ReadChunk>>,
    to_read: Option<(FeedId, Seq)>,
}

/// What became of a submitted batch.
type Judged = Result<Pushed, (ByeCode, String)>;

/// Serves one device until it goes, misbehaves or the server stops. In a box of its own, begun before it: what an `async fn` is
/// given takes its room twice, in each of ten thousand silent connections.
pub fn serve(app: App, device: DeviceRow, ticket: Option<Ticket>, mut socket: WebSocket) -> BoxFuture<'static, ()> {
    let id = device.id;
    info!(device = %id, "connected");
    let mut connection = Connection::begin(app, device, ticket);
    Box::pin(async move {
        match connection.run(&mut socket).await {
            Ok(()) => info!(device = %id, "disconnected"),
            Err(why) => info!(device = %id, %why, "connection lost"),
        }
        note_unsent(&connection);
    })
}

/// Notes how many of its changes a device had not got through when it was gone; a connection that is found dead after the
/// device came back says nothing of it. Nobody waits for it.
fn note_unsent(connection: &Connection) {
    let Some(unsent) = connection.session.unsent().map(u64::from).filter(|_| !connection.wake.is_overtaken()) else { return };
    let (writer, device) = (connection.app.writer.clone(), connection.device.id);
    tokio::spawn(async move {
        if let Err(error) = writer.submit(Command::Left(Left { device, unsent })).await {
            debug!(%device, %error, "not noted what the device has not sent");
        }
    });
}

/// Notes which version a device runs, if it says another than before. Nobody waits for it.
pub fn note_version(app: &App, device: &DeviceRow, version: Option<String>) {
    let Some(version) = version.filter(|version| device.runs.as_ref() != Some(version)) else { return };
    let (writer, device) = (app.writer.clone(), device.id);
    tokio::spawn(async move {
        if let Err(error) = writer.submit(Command::Runs(Runs { device, version })).await {
            debug!(%device, %error, "not noted which version the device runs");
        }
    });
}

impl Connection {
    fn begin(app: App, device: DeviceRow, ticket: Option<Ticket>) -> Self {
        let id = device.id;
        Self {
            session: ServerSession::new(id),
            listening: Vec::new(),
            skew: SpanMs(0),
            ticket,
            renew_at: None,
            reconsider: None,
            stay: Stay::begin(&app, id),
            wake: app.hub.connect(id),
            app,
            device,
        }
    }

    async fn run(&mut self, socket: &mut WebSocket) -> Result<(), axum::Error> {
        let mut under_way = UnderWay::default();
        let mut stopping = self.app.stopping.clone();
        let mut heard = Instant::now();
        let mut gone = std::pin::pin!(sleep_until(heard + GONE));
        loop {
            // What is seldom awaited is boxed here and below: its state would stand in every silent connection's.
            if Box::pin(self.act(socket, &mut under_way)).await?.is_break() {
                return Ok(());
            }
            let UnderWay { judging, packing, to_read } = &mut under_way;
            let now = self.app.clock.now();
            let [reconsider, renewal] = [self.reconsider, self.renew_at].map(|at| Some((at? - now).0.max(0).unsigned_abs() + 1));
            // In this order: what its person may know is asked before another page is read for it, and what the device says
            // is heard between two pages, however long the feed is.
            tokio::select! {
                biased;
                () = until(&mut stopping) => self.end(ByeCode::GoingAway, "the server is going down"),
                (code, why) = self.stay.over() => self.end(code, why),
                news = self.wake.news() => {
                    if self.news(news) {
                        Box::pin(self.standings()).await;
                        self.listen();
                    }
                }
                () = after(reconsider) => Box::pin(self.standings()).await,
                () = after(renewal) => self.renew(self.app.clock.now()),
                Some(judged) = judging.next(), if !judging.is_empty() => self.judged(judged),
                Some(packed) = packing.next(), if !packing.is_empty() => self.packed(packed),
                message = socket.recv() => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(Message::Binary(bytes))) => {
                            self.session.handle(Input::Frame(&bytes));
                            self.listen();
                        }
                        Some(Ok(Message::Text(_))) => self.end(ByeCode::BadFrame, "frames are binary messages"),
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Close(_))) | None => return Ok(()),
                        Some(Err(why)) => return Box::pin(self.broken(socket, why)).await,
                    }
                }
                // Set anew when it runs out, and not with each message.
                () = gone.as_mut() => match heard + GONE {
                    over if over <= Instant::now() => return Ok(()),
                    later => gone.as_mut().reset(later),
                },
                (feed, after) = next(to_read), if to_read.is_some() => Box::pin(self.read(feed, after)).await,
            }
        }
    }

    /// Does what the session asks for, until it asks for nothing more or for the end.
    async fn act(&mut self, socket: &mut WebSocket, under_way: &mut UnderWay) -> Result<ControlFlow<()>, axum::Error> {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(_) | Output::Share(_) => {
                    if send(socket, output).await? == Sent::Stuck {
                        debug!(device = %self.device.id, "the link takes nothing any more");
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Output::Introduce { device_time, cursors } => self.introduce(device_time, cursors).await,
                Output::Submit(batch) => {
                    let judged = judge(self.app.clone(), self.stay.pace(), self.signer(), self.skew, batch);
                    under_way.judging.push(Box::pin(judged));
                }
                Output::Read { feed, after } => match self.app.hub.tail(feed, after) {
                    Some(stretch) => self.session.handle(Input::Stretch(stretch)),
                    None => under_way.to_read = Some((feed, after)),
                },
                Output::ReadChunk { feed, of, after } => {
                    under_way.packing.push(Box::pin(chunk(self.app.clone(), feed, of, after)));
                }
                Output::Saw { feed, upto } => self.saw(feed, upto),
                Output::Close => {
                    drop(socket.send(Message::Close(None)).await);
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Who signs what is pushed here, mostly, and by which key.
    fn signer(&self) -> (DeviceId, PublicKey) {
        (self.device.id, self.device.public_key)
    }

    fn end(&mut self, code: ByeCode, why: &str) {
        self.session.handle(Input::End(code, why.to_owned()));
    }

    /// A message over the bound, or a socket that fell apart.
    async fn broken(&mut self, socket: &mut WebSocket, why: axum::Error) -> Result<(), axum::Error> {
        let too_long = why.to_string().contains("too long") || why.to_string().contains("too big");
        if !too_long {
            return Err(why);
        }
        self.end(ByeCode::BadFrame, &format!("a frame is over the limit of {} bytes", limits::FRAME_BYTES));
        while let Some(output) = self.session.poll_output() {
            drop(send(socket, output).await);
        }
        Ok(())
    }

    async fn introduce(&mut self, device_time: UnixMs, cursors: Vec<Cursor>) {
        self.stay.greeted();
        let (schema, calendar) = (self.app.schema.clone(), self.app.calendar.clone());
        let (device, person, now) = (self.device.id, self.device.person, self.app.clock.now());
        self.skew = now - device_time;
        let rosters = self.app.rosters.clone();
        let asked = self.app.readers.ask(move |store| {
            let introduction = reception::introduce(store, &rosters, &schema, &calendar, device, &cursors, now)?;
            Ok((introduction, reception::standing_changes_at(store, person, now)?))
        });
        match asked.await {
            Ok((introduction, changes)) => {
                self.reconsider = changes;
                self.session.handle(Input::Introduced(introduction));
                self.renew(now);
            }
            Err(error) => self.storage(&error),
        }
        self.listen();
    }

    /// Gives the device another token before the one it has runs out.
    fn renew(&mut self, now: UnixMs) {
        if let Some(ticket) = self.ticket
            && let Some(token) = self.app.tickets.renewed(ticket, now)
        {
            self.ticket = Some(Ticket { made: now, ..ticket });
            self.session.handle(Input::Token(TokenFrame { token, expires: now + GOOD_FOR }));
        }
        self.renew_at = self.ticket.and_then(|ticket| ticket.renewed_at()).filter(|due| now <= *due);
    }

    fn storage(&mut self, error: &StoreError) {
        warn!(device = %self.device.id, %error, "the store does not answer");
        self.end(ByeCode::StorageFull, "the server cannot read its store now");
    }

    /// Has the hub ring for every feed that is followed by now.
    fn listen(&mut self) {
        let followed: Vec<FeedId> = self.session.followed().collect();
        for feed in followed {
            if self.listening.contains(&feed) {
                continue;
            }
            self.listening.push(feed);
            if let Some(head) = self.app.hub.listen(&self.wake, feed) {
                self.session.handle(Input::Grew(feed, head));
            }
        }
    }

    async fn read(&mut self, feed: FeedId, after: Seq) {
        let schema = self.app.schema.clone();
        let page: Result<Vec<FeedEntry>, StoreError> =
            self.app.readers.ask(move |store| reception::page(store, &schema, feed, after)).await;
        match page {
            Ok(entries) => {
                let head = entries.last().map_or(after, |entry| entry.seq);
                self.session.handle(Input::Page { feed, entries, head });
            }
            Err(error) => self.storage(&error),
        }
    }

    fn packed(&mut self, (feed, packed): ReadChunk) {
        match packed {
            Ok(chunk) => self.session.handle(Input::Chunk { feed, chunk }),
            Err(error) => self.storage(&error),
        }
    }

    /// Notes in the ledger how far the device has come. Nobody waits for it.
    fn saw(&self, feed: FeedId, upto: Seq) {
        if !self.stay.pace().may_note() {
            return;
        }
        let (writer, device) = (self.app.writer.clone(), self.device.id);
        tokio::spawn(async move {
            if let Err(error) = writer.submit(Command::Saw(Saw { device, feed, upto })).await {
                debug!(%device, %error, "not noted how far the device has come");
            }
        });
    }

    fn judged(&mut self, judged: Judged) {
        match judged {
            Ok(pushed) => {
                let Receipt { number, rulings, .. } = &pushed.receipt;
                info!(device = %self.device.id, feed = %pushed.feed, number, changes = rulings.len(), accepted = pushed.grown.len(), "push");
                let placed = pushed.grown.iter().map(|entry| entry.seq).collect();
                self.session.handle(Input::Judged { receipt: pushed.receipt, placed });
            }
            Err((code, why)) => {
                warn!(device = %self.device.id, code = code.as_str(), why, "push not taken");
                self.session.handle(Input::NotTaken(code, why));
            }
        }
    }

    /// Tells the session what happened; whether what the device may know is to be asked again.
    fn news(&mut self, news: News) -> bool {
        for receipt in news.late {
            self.session.handle(Input::JudgedLate(receipt));
        }
        for (feed, head) in news.grown {
            self.session.handle(Input::Grew(feed, head));
        }
        news.roster
    }

    /// Tells the session what the device may know now.
    async fn standings(&mut self) {
        let (schema, rosters) = (self.app.schema.clone(), self.app.rosters.clone());
        let (device, person, now) = (self.device.id, self.device.person, self.app.clock.now());
        let asked = self.app.readers.ask(move |store| {
            Ok((
                reception::standings(store, &rosters, &schema, device, now)?,
                reception::standing_changes_at(store, person, now)?,
            ))
        });
        match asked.await {
            Ok((standings, changes)) => {
                self.reconsider = changes;
                self.session.handle(Input::Standings(standings));
            }
            Err(error) => self.storage(&error),
        }
    }
}

/// A part of a snapshot of this feed.
type ReadChunk = (FeedId, Result<Option<Arc<Packed>>, StoreError>);

/// In a task of its own: others wait for the same part, and must not wait for a connection that is busy sending.
async fn chunk(app: App, feed: FeedId, of: Option<Seq>, after: Place) -> ReadChunk {
    let making = tokio::spawn(async move { app.shelf.chunk(&app.readers, &app.schema, feed, of, after).await });
    (feed, making.await.unwrap_or_else(|why| Err(StoreError::Failing(why.to_string()))))
}

/// Waits so many milliseconds; for ever, if for nothing.
async fn after(wait: Option<u64>) {
    match wait {
        Some(wait) => tokio::time::sleep(Duration::from_millis(wait)).await,
        None => std::future::pending().await,
    }
}

/// Takes what is to be read, if anything is.
async fn next(to_read: &mut Option<(FeedId, Seq)>) -> (FeedId, Seq) {
    match to_read.take() {
        Some(next) => next,
        None => std::future::pending().await,
    }
}

/// Waits until the server goes down.
async fn until(stopping: &mut tokio::sync::watch::Receiver<bool>) {
    // An error means that whoever could say so has gone, which says the same.
    drop(stopping.wait_for(|stopping| *stopping).await);
}

#[derive(PartialEq)]
enum Sent {
    Yes,
    Stuck,
}

/// Sends what is to be sent; anything else there is to do is not for the socket.
async fn send(socket: &mut WebSocket, output: Output) -> Result<Sent, axum::Error> {
    let bytes = match output {
        Output::Send(bytes) => bytes.into(),
        Output::Share(bytes) => Bytes::from_owner(bytes),
        _ => return Ok(Sent::Yes),
    };
    match tokio::time::timeout(STUCK, socket.send(Message::Binary(bytes))).await {
        Ok(sent) => sent.map(|()| Sent::Yes),
        Err(_) => Ok(Sent::Stuck),
    }
}

/// Bytes of changes that are looked through where they came in. It takes less time than to hand them to another thread: some
/// 10 µs a change.
const AT_ONCE_BYTES: usize = 16 << 10;

/// Checks a batch and has it judged; answers once the verdicts are on disk. Batches of a connection reach the writer in the
/// order in which they came.
async fn judge(app: App, pace: Arc<Pace>, signer: (DeviceId, PublicKey), skew: SpanMs, parcel: Parcel) -> Judged {
    let turn = pace.turn(&parcel).await;
    let push = Push { batch: opened(&app, signer, parcel).await?, carrier: signer.0, skew };
    let failed = |error: WriteError| (bye_code(&error), error.to_string());
    let outcome = app.writer.hand_in(None, Command::Push(push)).await.map_err(failed)?;
    drop(turn);
    match outcome.await {
        Ok(Outcome::Pushed(pushed)) => Ok(pushed),
        Ok(_) => Err((ByeCode::Busy, "the server lost track of a push".into())),
        Err(error) => Err(failed(error)),
    }
}

async fn opened(app: &App, (carrier, key): (DeviceId, PublicKey), parcel: Parcel) -> Result<Batch, (ByeCode, String)> {
    let opened = match parcel {
        // Nothing is to be asked of the store about what is as it is and of the connection's own device.
        Parcel::Plain(raw)
            if raw.device == carrier && raw.changes.iter().map(|change| change.bytes.len()).sum::<usize>() <= AT_ONCE_BYTES =>
        {
            Batch::open(raw, &key).map_err(NotTaken::Bad)
        }
        parcel => {
            let opened = app.readers.ask(move |store| Ok(reception::open_batch(store, parcel))).await;
            opened.map_err(NotTaken::Store).and_then(|opened| opened)
        }
    };
    opened.map_err(|why| (why.code(), why.to_string()))
}

fn bye_code(error: &WriteError) -> ByeCode {
    match error {
        WriteError::Rejected(Rejection::UnknownCommunity(_)) => ByeCode::UnknownCommunity,
        WriteError::Rejected(Rejection::UnknownDevice(_)) => ByeCode::UnknownDevice,
        WriteError::Rejected(_) => ByeCode::Misbehaved,
        WriteError::Full | WriteError::Failing(_) => ByeCode::StorageFull,
        WriteError::Stopping => ByeCode::GoingAway,
    }
}
