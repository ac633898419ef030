//! The driver: moves bytes between real sockets as [`Pipe`] says, and decides nothing.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::pipe::{Counts, Output, Passed, Pipe, Way};
use super::shape::Shape;

/// Connections whose counts are kept after their end.
const REMEMBERED: usize = 1_024;
const READ_BYTES: usize = 16 << 10;

/// A link to one server, for any number of connections. Ends with its handle.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

/// What passed over a link in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Connections so far.
    pub connections: u64,
    /// Up.
    pub up: Passed,
    /// Down.
    pub down: Passed,
}

#[derive(Debug)]
struct State {
    to: watch::Sender<SocketAddr>,
    shape: watch::Sender<Shape>,
    /// Grows with every cut by hand.
    cuts: watch::Sender<u64>,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    accepted: u64,
    standing: BTreeMap<u64, Arc<Mutex<Pipe>>>,
    ended: VecDeque<(u64, Counts)>,
    /// Of those that have ended.
    totals: Totals,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    /// A link to `server` on a free port of this machine.
    ///
    /// # Errors
    /// If no port can be had.
    pub async fn to(server: SocketAddr, shape: Shape) -> std::io::Result<Self> {
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), server, shape).await
    }

    /// The same on an address of one's choice.
    ///
    /// # Errors
    /// If the address cannot be had.
    pub async fn listen(on: SocketAddr, server: SocketAddr, shape: Shape) -> std::io::Result<Self> {
        let listener = TcpListener::bind(on).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            to: watch::Sender::new(server),
            shape: watch::Sender::new(shape),
            cuts: watch::Sender::new(0),
            book: Mutex::default(),
        });
        let task = tokio::spawn(accept(listener, state.clone()));
        Ok(Self { address, state, task })
    }

    /// Where to connect instead.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same for a device.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Connections from now on go to another address: a server that was started again.
    pub fn point_to(&self, server: SocketAddr) {
        self.state.to.send_replace(server);
    }

    /// Connections from now on are shaped so; those that stand stay as they are.
    pub fn reshape(&self, shape: Shape) {
        self.state.shape.send_replace(shape);
    }

    /// Hangs up on every connection that stands.
    pub fn cut(&self) {
        self.state.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// What each connection was seen to do, by its number, counted from 0: those that stand, and the last to have ended.
    pub fn connections(&self) -> BTreeMap<u64, Counts> {
        let book = lock(&self.state.book);
        let standing = book.standing.iter().map(|(number, pipe)| (*number, lock(pipe).counts()));
        standing.chain(book.ended.iter().copied()).collect()
    }

    /// The same for the last connections to have ended.
    pub fn ended(&self) -> BTreeMap<u64, Counts> {
        lock(&self.state.book).ended.iter().copied().collect()
    }

    /// What passed in all.
    pub fn totals(&self) -> Totals {
        let book = lock(&self.state.book);
        let standing = book.standing.values().map(|pipe| lock(pipe).counts());
        let totals = Totals { connections: book.accepted, ..book.totals };
        standing.fold(totals, Totals::and)
    }
}

impl Totals {
    fn and(self, counts: Counts) -> Self {
        let sum = |a: Passed, b: Passed| Passed { bytes: a.bytes + b.bytes, chunks: a.chunks + b.chunks };
        Self { up: sum(self.up, counts.up), down: sum(self.down, counts.down), ..self }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        // A failed accept is the caller's misfortune (no file handles left), not the link's end.
        let Ok((caller, _)) = listener.accept().await else { continue };
        let cuts = state.cuts.subscribe();
        let (number, pipe) = begin(&state);
        let state = state.clone();
        tokio::spawn(async move {
            carry(caller, &state, &pipe, cuts).await;
            end(&state, number);
        });
    }
}

fn begin(state: &State) -> (u64, Arc<Mutex<Pipe>>) {
    let mut book = lock(&state.book);
    let number = book.accepted;
    book.accepted += 1;
    let pipe = Arc::new(Mutex::new(Pipe::new(&state.shape.borrow(), number)));
    book.standing.insert(number, pipe.clone());
    (number, pipe)
}

fn end(state: &State, number: u64) {
    let mut book = lock(&state.book);
    let Some(pipe) = book.standing.remove(&number) else { return };
    let counts = lock(&pipe).counts();
    book.totals = book.totals.and(counts);
    book.ended.push_back((number, counts));
    if book.ended.len() > REMEMBERED {
        book.ended.pop_front();
    }
}

/// Carries one connection until both sides have finished, or it is cut.
async fn carry(caller: TcpStream, state: &State, pipe: &Mutex<Pipe>, mut cuts: watch::Receiver<u64>) {
    let began = Instant::now();
    let server = *state.to.borrow();
    let Ok(called) = TcpStream::connect(server).await else { return };
    if caller.set_nodelay(true).and_then(|()| called.set_nodelay(true)).is_err() {
        return;
    }
    let (from_caller, to_caller) = caller.into_split();
    let (from_called, to_called) = called.into_split();
    let up = one_way(pipe, began, Way::Up, from_caller, to_called);
    let down = one_way(pipe, began, Way::Down, from_called, to_caller);
    tokio::select! {
        _ = async { tokio::try_join!(up, down) } => {}
        _ = cuts.changed() => {}
    }
}

/// Neither way goes on: the connection was cut, or a side has gone.
struct Broken;

/// Moves bytes one way until whoever says them has finished.
async fn one_way(
    pipe: &Mutex<Pipe>,
    began: Instant,
    way: Way,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
) -> Result<(), Broken> {
    let mut buffer = vec![0; READ_BYTES];
    let mut reading = true;
    loop {
        let now = began.elapsed();
        let (output, room) = {
            let mut pipe = lock(pipe);
            (pipe.poll(now, way), pipe.room(now, way).min(READ_BYTES))
        };
        let wait = match output {
            Output::Deliver(bytes) => match to.write_all(&bytes).await {
                Ok(()) => continue,
                Err(_) => return Err(Broken),
            },
            Output::Finish => {
                // The far end may be gone already.
                drop(to.shutdown().await);
                return Ok(());
            }
            Output::Cut => return Err(Broken),
            Output::Wait(at) => Some(at),
            Output::Idle => None,
        };
        tokio::select! {
            read = from.read(&mut buffer[..room]), if reading && room > 0 => match read {
                Ok(bytes) if bytes > 0 => lock(pipe).take(began.elapsed(), way, &buffer[..bytes]),
                _ => {
                    reading = false;
                    lock(pipe).finish(way);
                }
            },
            () = until(began, wait) => {}
        }
    }
}

async fn until(began: Instant, at: Option<Duration>) {
    match at {
        Some(at) => tokio::time::sleep_until(began + at).await,
        None => std::future::pending().await,
    }
}
