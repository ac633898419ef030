//! What goes wrong in a world: links, clocks, servers. And batches that come another way than they should.

use std::ops::RangeInclusive;

use rand::Rng;
use renolog_client_core::client::Input;
use renolog_protocol::batch::RawBatch;
use renolog_protocol::calendar::Calendar;
use renolog_protocol::id::Epoch;
use renolog_protocol::schema::Schema;
use renolog_protocol::session::device::{DeviceSession, Greeting};
use renolog_protocol::sorted::SortedMap;
use renolog_protocol::time::SpanMs;
use renolog_protocol::wire::Frame;
use renolog_server::command::{Command, Restored};
use renolog_server::ingest::Ingest;
use renolog_server::store::{Memory, Store};

use super::network::{CutAt, LinkId};
use super::server::{Crash, Server, Wish};
use super::{PhoneId, World};

impl<S: Store> World<S> {
    /// Cuts a phone's link, with everything under way.
    pub fn cut(&mut self, phone: PhoneId) {
        if let Some(link) = self.phones[phone.0].link {
            self.cut_link(link, None);
        }
    }

    /// Cuts a phone's link; what it had sent still arrives, but only after `span`.
    pub fn cut_and_deliver_late(&mut self, phone: PhoneId, span: SpanMs) {
        if let Some(link) = self.phones[phone.0].link {
            self.cut_link(link, Some(span));
        }
    }

    /// The link dies, and neither end is told. One that is only being made fails in a way that is noticed.
    pub fn link_dies_silently(&mut self, phone: PhoneId) {
        if let Some(link) = self.phones[phone.0].link.filter(|_| self.phones[phone.0].open) {
            self.network.kill(link, None);
        }
    }

    /// The message that would be the `number`-th from the beginning is lost, and its link with it.
    pub fn cut_at_message(&mut self, number: u64) {
        self.network.cut_at = Some(CutAt::Message(number));
    }

    /// The next push of a phone is lost, and its link with it.
    pub fn cut_at_next_push(&mut self, phone: PhoneId) {
        self.network.cut_at = Some(CutAt::PushOf(phone));
    }

    /// Goes where there is no network.
    pub fn offline(&mut self, phone: PhoneId) {
        self.phones[phone.0].covered = false;
        self.cut(phone);
    }

    /// Comes back to where there is one.
    pub fn online(&mut self, phone: PhoneId) {
        self.phones[phone.0].covered = true;
        self.tell(phone, Input::Nudge);
    }

    /// From now on, a message from or to a phone takes so many milliseconds.
    pub fn slow(&mut self, phone: PhoneId, delay: RangeInclusive<i64>) {
        self.phones[phone.0].delay = delay;
    }

    /// A phone's clock is wrong by so much from now on.
    pub fn set_clock_ahead(&mut self, phone: PhoneId, span: SpanMs) {
        self.phones[phone.0].ahead = span;
    }

    /// The server dies at the commit that would be the `number`-th from the beginning, and is back after a while.
    pub fn crash_at_commit(&mut self, number: u64, crash: Crash) {
        self.crash = Some((number, crash));
    }

    /// The server is killed and started again; what is only in its memory is gone.
    pub fn restart_server(&mut self) {
        self.server.die();
        self.everyone_hears_the_end();
    }

    /// A phone hands in batches of anyone's on a connection of its own, and takes no further part. Answers what the server
    /// answers.
    pub fn carry(&mut self, carrier: PhoneId, batches: &[RawBatch]) -> Vec<Frame> {
        let device = self.client(carrier).device();
        let person = self.client(carrier).enrolment().expect("it is enrolled").person;
        let link = self.network.new_link(carrier, self.now);
        self.server.connect(link, device);
        let greeting = Greeting {
            device,
            person,
            schema: 1,
            calendar: Calendar::built_in().fingerprint(),
            device_time: self.now,
            feeds: Vec::new(),
            links: SortedMap::new(),
            rosters: Vec::new(),
            dictionary: None,
            snapshots: false,
            begun: Vec::new(),
            open_only: false,
            unsent: 0,
        };
        let (mut session, hello) = DeviceSession::open(greeting);
        self.server.receive(link, &hello);
        let mut frames = Vec::new();
        for batch in batches {
            let push = session.push_raw(batch.clone()).expect("there is room");
            self.server.receive(link, &push);
            frames.extend(self.answers(link, &mut session));
        }
        self.server.forget(link);
        frames
    }

    /// What the server sends on a link that is not of the network, its commits included.
    fn answers(&mut self, link: LinkId, session: &mut DeviceSession) -> Vec<Frame> {
        let mut frames = Vec::new();
        loop {
            let (ours, others): (Vec<_>, Vec<_>) = self.server.pump(self.now).into_iter().partition(|(of, _)| *of == link);
            others.into_iter().for_each(|(of, wish)| self.grant(of, wish));
            for (_, wish) in &ours {
                if let Wish::Send(bytes) = wish {
                    session.handle(bytes).expect("the server keeps to the protocol");
                    frames.push(Frame::decode(bytes).expect("the server sends frames"));
                }
                self.server.sent(link);
            }
            match (ours.is_empty(), self.server.has_work()) {
                (true, true) => self.commit(),
                (true, false) => return frames,
                (false, _) => {}
            }
        }
    }
}

impl World<Memory> {
    /// A copy of what the server has stored, as a backup.
    pub fn back_up_server(&self) -> Memory {
        self.store().clone()
    }

    /// The server's disk dies, and it begins another life with a copy.
    pub fn restore_server(&mut self, copy: Memory) {
        self.swap_server(copy);
        let epoch = Epoch((self.rng.next_u64() >> 1) | 1);
        self.operate(Command::Restored(Restored { epoch, taken: self.now })).expect("it can always be");
        // What the earlier life acknowledged may be gone with it, until its writers come back.
        self.acknowledged.clear();
        self.everyone_hears_the_end();
    }

    /// Whoever runs the server puts another store in its place, and says nothing of it.
    pub fn rewrite_server(&mut self, other: Memory) {
        self.swap_server(other);
        self.acknowledged.clear();
        self.everyone_hears_the_end();
    }

    fn swap_server(&mut self, store: Memory) {
        self.server = Server::new(Ingest::new(store, Schema::built_in()).expect("memory"));
    }
}
