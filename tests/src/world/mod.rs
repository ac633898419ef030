//! A world in one thread: a server, phones, the network between them, and a clock that jumps.
//!
//! Everything in it is the real code but for sockets, threads and time. The same seed gives the same run, message for
//! message; the seed is printed when the world is made, and so stands in the output of a test that fails.

mod faults;
mod links;
mod network;
mod people;
mod phone;
mod server;

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use renolog_client_core::client::{Client, Input};
use renolog_protocol::batch::RawBatch;
use renolog_protocol::id::{ChangeHash, CommunityId, Epoch};
use renolog_protocol::schema::Schema;
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_server::command::{Command, Found, Stamped};
use renolog_server::ingest::{Ingest, Outcome, Rejection};
use renolog_server::store::{Memory, Store};
use tempfile::TempDir;

pub use people::Backup;
pub use phone::{Phone, PhoneId};
pub use server::Crash;

use network::{Event, LinkId, Network, draw};
use server::{Server, Wish};

/// Monday, 2 March 2026, nine o'clock in Hangzhou.
pub const MORNING: UnixMs = UnixMs(1_772_413_200_000);
/// Events after which a world that should have come to rest is said to go round in circles.
const RESTLESS: usize = 400_000;

/// See the module.
pub struct World<S = Memory> {
    seed: u64,
    rng: ChaCha8Rng,
    now: UnixMs,
    network: Network,
    server: Server<S>,
    server_is_up: bool,
    crash: Option<(u64, Crash)>,
    commits: u64,
    pub(crate) phones: Vec<Phone>,
    /// Changes that the server acknowledged to whoever sent them.
    pub(crate) acknowledged: BTreeSet<ChangeHash>,
    /// What people said, each in words of its own.
    pub(crate) said: BTreeMap<String, PhoneId>,
    /// Every batch that a phone handed to the network, whether or not it arrived.
    pushed: Vec<RawBatch>,
    directory: TempDir,
    backups: u32,
}

impl World<Memory> {
    /// A world with a server that nobody knows yet.
    pub fn new(seed: u64) -> Self {
        Self::on(Memory::new(), seed)
    }
}

impl<S: Store> World<S> {
    /// The same on a store of one's own.
    pub fn on(store: S, seed: u64) -> Self {
        println!("seed {seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let ingest = Ingest::new(store, Schema::built_in()).expect("the store works");
        let mut server = Server::new(ingest);
        let founded = server.command(MORNING, Command::Found(Found { epoch: Epoch((rng.next_u64() >> 1) | 1) }));
        founded.expect("a new store");
        Self {
            seed,
            rng,
            now: MORNING,
            network: Network::default(),
            server,
            server_is_up: true,
            crash: None,
            commits: 0,
            phones: Vec::new(),
            acknowledged: BTreeSet::new(),
            said: BTreeMap::new(),
            pushed: Vec::new(),
            directory: tempfile::tempdir().expect("a temporary directory"),
            backups: 0,
        }
    }

    /// What it was made from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The true time, which is the server's.
    pub fn now(&self) -> UnixMs {
        self.now
    }

    /// The generator that everything in this world is drawn from.
    pub fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }

    /// What the server has stored.
    pub fn store(&self) -> &S {
        self.server.ingest.store()
    }

    /// Every command that came to the server in this life of its store, in order, whatever became of it.
    pub fn log(&self) -> &[Stamped] {
        &self.server.log
    }

    /// Does what an operator asks for.
    ///
    /// # Errors
    /// [`Rejection`], if it cannot be done.
    pub fn operate(&mut self, command: Command) -> Result<Outcome, Rejection> {
        let done = self.server.command(self.now, command);
        self.pump_server();
        done
    }

    /// A phone's client, to look at.
    pub fn client(&mut self, phone: PhoneId) -> &mut Client {
        &mut self.phones[phone.0].client
    }

    /// A phone's name.
    pub fn name(&self, phone: PhoneId) -> &str {
        &self.phones[phone.0].name
    }

    /// Every phone there ever was.
    pub fn phones(&self) -> Vec<PhoneId> {
        (0..self.phones.len()).map(PhoneId).collect()
    }

    /// Whether a phone has a network where it is, and is not lost.
    pub fn is_reachable(&self, phone: PhoneId) -> bool {
        self.phones[phone.0].is_reachable()
    }

    /// The batches of a phone that were handed to the network, arrived or not, each once, in the order of their numbers.
    pub fn batches_of(&mut self, phone: PhoneId) -> Vec<RawBatch> {
        let device = self.client(phone).device();
        let of_phone = self.pushed.iter().filter(|batch| batch.device == device);
        of_phone.map(|batch| (batch.number, batch.clone())).collect::<BTreeMap<_, _>>().into_values().collect()
    }

    /// Messages handed to the network so far.
    pub fn messages(&self) -> u64 {
        self.network.messages
    }

    fn draw<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// Lets the next thing happen; `false` if nothing ever will, or not before `until`.
    fn step(&mut self, until: Option<UnixMs>) -> bool {
        let wake = self.phones.iter().enumerate().filter_map(|(id, phone)| Some((phone.wakes_at()?, PhoneId(id)))).min();
        let event = self.network.next_at();
        let next = event.into_iter().chain(wake.map(|(at, _)| at)).min();
        let Some(at) = next.filter(|at| until.is_none_or(|until| *at <= until)) else { return false };
        self.now = self.now.max(at);
        match wake {
            Some((at, phone)) if event.is_none_or(|event| at < event) => self.tell(phone, Input::Timeout),
            _ => {
                let event = self.network.next().expect("it was just seen");
                self.happens(event);
            }
        }
        self.pump_server();
        true
    }

    /// Lets time pass, and everything happen that happens meanwhile.
    pub fn pass(&mut self, span: SpanMs) {
        let until = self.now + span;
        while self.step(Some(until)) {}
        self.now = until;
    }

    /// Lets things happen until something is true.
    ///
    /// # Panics
    /// If it does not come true.
    pub fn run_until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..RESTLESS {
            if done(self) {
                return;
            }
            assert!(self.step(None), "seed {}: nothing more happens, and it has not come true\n{}", self.seed, self.unsettled());
        }
        panic!("seed {}: it does not come true\n{}", self.seed, self.unsettled());
    }

    /// Lets things happen until every phone that has a network has sent what it has, received what there is, and nothing
    /// is under way.
    ///
    /// # Panics
    /// If the world does not come to rest.
    pub fn run_until_quiet(&mut self) {
        self.run_until(|world| {
            let quiet = world.network.is_idle() && !world.server.has_work();
            quiet && world.phones.iter().all(|phone| world.is_settled(phone))
        });
    }

    /// Whether a phone is out of reach, or has nothing to send and nothing to receive. One whose link died without a word
    /// believes so too soon.
    fn is_settled(&self, phone: &Phone) -> bool {
        let believes_in_a_dead_link = phone.link.is_some_and(|link| self.network.is_dead(link));
        !phone.is_reachable() || (phone.is_settled() && !believes_in_a_dead_link)
    }

    /// Who is not settled, for the person who reads why a test failed.
    fn unsettled(&self) -> String {
        let restless = self.phones.iter().filter(|phone| !self.is_settled(phone));
        restless.map(|phone| format!("{}: {:?}\n", phone.name, phone.client.status())).collect()
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Opened(link) => self.opened(link),
            Event::Failed(link) | Event::PhoneHearsTheEnd(link) => self.phone_lost(link),
            Event::Up(link, bytes) => self.server.receive(link, &bytes),
            Event::Down(link, bytes) => {
                self.server.sent(link);
                self.delivered(link, &bytes);
            }
            Event::ServerHearsTheEnd(link) => self.server.forget(link),
            Event::Signed(phone, number, signature) if !self.phones[phone.0].lost => {
                self.tell(phone, Input::Signed(number, signature));
            }
            Event::Signed(..) => {}
            Event::Commit => self.commit(),
            Event::ServerIsUp => self.server_is_up = true,
        }
    }

    fn pump_server(&mut self) {
        for (link, wish) in self.server.pump(self.now) {
            self.grant(link, wish);
        }
        if self.server.has_work() && !self.network.is_planned(&Event::Commit) {
            let at = self.now + draw(&mut self.rng, &(0..=20));
            self.network.plan(at, Event::Commit);
        }
    }

    fn grant(&mut self, link: LinkId, wish: Wish) {
        match wish {
            Wish::Send(bytes) => self.send(link, false, bytes),
            Wish::Close => {
                let at = self.network.after_everything_down(link, self.now);
                self.network.plan(at, Event::PhoneHearsTheEnd(link));
            }
        }
    }

    fn commit(&mut self) {
        let (most, news_first) = (1 + (self.rng.next_u32() % 8) as usize, self.rng.next_u32().is_multiple_of(2));
        let crash = self.crash.filter(|(at, _)| *at == self.commits).map(|(_, crash)| crash);
        self.commits += 1;
        self.server.commit(self.now, most, news_first, crash);
        if crash.is_some() {
            self.crash = None;
            self.everyone_hears_the_end();
        }
    }

    /// How many commits the server has tried.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    fn everyone_hears_the_end(&mut self) {
        self.server_is_up = false;
        let links = self.phones.iter().filter_map(|phone| phone.link).filter(|link| !self.network.is_dead(*link));
        for link in links.collect::<Vec<LinkId>>() {
            self.network.kill(link, None);
            let after = draw(&mut self.rng, &(0..=200));
            self.network.plan(self.now + after, Event::PhoneHearsTheEnd(link));
        }
        let back = self.now + draw(&mut self.rng, &(100..=5000));
        self.network.plan(back, Event::ServerIsUp);
    }
}

/// A community's id by its short name, the same in every world.
pub(crate) fn community_id(slug: &str) -> CommunityId {
    let mut name = [0; 10];
    name.iter_mut().zip(slug.bytes()).for_each(|(byte, letter)| *byte = letter);
    CommunityId::from_parts(MORNING, name)
}
