//! Phones and their links: what a driver with real sockets does between a client and the network.

use renolog_client_core::client::{Client, Input, Output};
use renolog_protocol::codec::unpack_push;
use renolog_protocol::id::DeviceId;
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::{BadFrame, Frame, Ruling};
use renolog_server::store::Store;

use super::World;
use super::network::{Event, LinkId, draw};
use super::phone::{Phone, PhoneId};

impl<S: Store> World<S> {
    pub(super) fn add_phone(&mut self, name: &str, client: Client) -> PhoneId {
        self.phones.push(Phone::new(name.to_owned(), client));
        PhoneId(self.phones.len() - 1)
    }

    /// Tells a phone's client something about its link.
    pub(super) fn tell(&mut self, phone: PhoneId, input: Input<'_>) {
        let it = &mut self.phones[phone.0];
        let clock = it.clock(self.now);
        it.client.handle(clock, input).expect("the phone's store works");
        self.drain(phone);
    }

    /// Does something with a phone's client, at the phone's own time, and sends what it then wants sent.
    pub fn with<T>(&mut self, phone: PhoneId, work: impl FnOnce(&mut Client, UnixMs) -> T) -> T {
        let it = &mut self.phones[phone.0];
        let clock = it.clock(self.now);
        let done = work(&mut it.client, clock);
        self.drain(phone);
        self.pump_server();
        done
    }

    pub(super) fn drain(&mut self, phone: PhoneId) {
        while let Some(output) = self.phones[phone.0].client.poll_output() {
            match output {
                Output::Connect => self.connect(phone),
                Output::Send(bytes) => {
                    if let Some(link) = self.phones[phone.0].link.filter(|_| self.phones[phone.0].open) {
                        self.send(link, true, bytes);
                    }
                }
                Output::Disconnect => self.phone_hangs_up(phone),
            }
        }
    }

    fn connect(&mut self, phone: PhoneId) {
        let link = self.network.new_link(phone, self.now);
        self.phones[phone.0].link = Some(link);
        self.phones[phone.0].open = false;
        let delay = draw(&mut self.rng, &self.phones[phone.0].delay);
        let reachable = self.phones[phone.0].covered && self.server_is_up;
        let event = if reachable { Event::Opened(link) } else { Event::Failed(link) };
        self.network.plan(self.now + delay, event);
    }

    pub(super) fn opened(&mut self, link: LinkId) {
        let phone = self.network.phone(link);
        if self.phones[phone.0].link != Some(link) {
            return;
        }
        if !self.server_is_up {
            return self.phone_lost(link);
        }
        let device: DeviceId = self.phones[phone.0].client.device();
        self.server.connect(link, device);
        self.phones[phone.0].open = true;
        self.tell(phone, Input::Connected);
    }

    pub(super) fn delivered(&mut self, link: LinkId, bytes: &[u8]) {
        let phone = self.network.phone(link);
        if self.phones[phone.0].link != Some(link) {
            return;
        }
        if let Ok(Frame::Receipt(receipt)) = self.seen_by(phone, bytes) {
            let accepted = receipt.rulings.iter().filter(|ruled| matches!(ruled.ruling, Ruling::Accepted(..)));
            self.acknowledged.extend(accepted.map(|ruled| ruled.hash));
        }
        self.tell(phone, Input::Frame(bytes));
    }

    /// The phone learns that its link is gone.
    pub(super) fn phone_lost(&mut self, link: LinkId) {
        let phone = self.network.phone(link);
        if self.phones[phone.0].link == Some(link) {
            (self.phones[phone.0].link, self.phones[phone.0].open) = (None, false);
            self.tell(phone, Input::Disconnected);
        }
    }

    /// What it sent last may still arrive.
    fn phone_hangs_up(&mut self, phone: PhoneId) {
        let it = &mut self.phones[phone.0];
        it.open = false;
        if let Some(link) = it.link.take() {
            let at = self.network.after_everything_up(link, self.now);
            self.network.plan(at, Event::ServerHearsTheEnd(link));
        }
    }

    /// A frame of a phone's connection, with what was left out of it.
    fn seen_by(&self, phone: PhoneId, bytes: &[u8]) -> Result<Frame, BadFrame> {
        Frame::decode(bytes).map(|frame| self.phones[phone.0].client.in_full(frame))
    }

    pub(super) fn send(&mut self, link: LinkId, up: bool, bytes: Vec<u8>) {
        let phone = self.network.phone(link);
        match self.seen_by(phone, &bytes) {
            Ok(Frame::Push(push)) => self.pushed.push(push.batch),
            Ok(Frame::PackedPush(push)) => {
                let phone = &self.phones[phone.0].client;
                self.pushed.push(unpack_push(push, phone).expect("its writer has all that it refers to"));
            }
            _ => {}
        }
        let delay = draw(&mut self.rng, &self.phones[self.network.phone(link).0].delay);
        if !self.network.send(self.now, link, delay, up, bytes) {
            self.cut_link(link, None);
        }
    }

    /// The link is gone, and what was under way with it; `late`: but for what was on its way to the server, which still
    /// arrives after that span, as if it had waited in some buffer.
    pub(super) fn cut_link(&mut self, link: LinkId, late: Option<SpanMs>) {
        self.network.kill(link, late);
        self.network.plan(self.now, Event::PhoneHearsTheEnd(link));
        // The server may not hear of it for minutes.
        let hears = self.now + late.unwrap_or(SpanMs(0)) + draw(&mut self.rng, &(0..=200_000));
        self.network.plan(hears, Event::ServerHearsTheEnd(link));
    }
}
