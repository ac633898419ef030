//! A peer that speaks frames over a websocket without being a device: it can say what no device of ours would.

use futures_util::{SinkExt, StreamExt};
use renolog_protocol::batch::Batch;
use renolog_protocol::id::{ActorId, Audience, CommunityId, DeviceId, FeedId, PersonId, RecordId};
use renolog_protocol::key::DeviceKey;
use renolog_protocol::record::{Created, Record, Stamp, creation};
use renolog_protocol::schema::{FieldName, KindName, Party, Schema, Value};
use renolog_protocol::time::UnixMs;
use renolog_protocol::wire::{Bye, Cursor, Frame, Hello, List, Push, Receipt, VERSION};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderMap;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::served::{Office, request};

/// Someone enrolled by hand, with everything that a device would hold.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// Their device.
    pub device: DeviceId,
    /// Its key.
    pub key: DeviceKey,
    /// Who they are.
    pub person: PersonId,
    /// Their bearer token.
    pub token: String,
    /// The community they were invited to.
    pub community: CommunityId,
}

fn now() -> UnixMs {
    renolog_server::clock::Clock::now(&renolog_server::clock::SystemClock)
}

impl Enrolled {
    /// Enrols with a code of `office`.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn with_code(office: &Office, code: &str, seed: u8) -> Self {
        let key = DeviceKey::from_seed([seed; 32]);
        let device = DeviceId::from_parts(now(), [seed; 10]);
        let public_key = data_encoding::HEXLOWER.encode(key.public().as_bytes());
        let asked = json!({"device": device, "public_key": public_key, "device_name": "by hand"});
        let (status, made) = request("POST", &format!("{}/api/v1/enrol", office.base()), Some(code), Some(&asked));
        assert_eq!(status, 200, "{made}");
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        Self {
            device,
            key,
            person: text(&made["person"]).parse().expect("an id"),
            token: text(&made["token"]),
            community: text(&made["communities"][0]["id"]).parse().expect("an id"),
        }
    }

    /// The community's open feed.
    pub fn feed(&self) -> FeedId {
        FeedId { community: self.community, audience: Audience::Open }
    }

    /// A rectification that a captain of the volunteers may raise, by an actor of one's choice.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn rectification(&self, actor: ActorId, number: u8) -> (RecordId, renolog_protocol::change::Change) {
        let schema = Schema::built_in();
        let party = Party::parse("volunteers").expect("a party");
        let at = now();
        let created = Created {
            kind: KindName::parse("rectification").expect("a kind"),
            schema: schema.version,
            person: self.person,
            party: party.clone(),
            device: self.device,
            device_time: at,
        };
        let field = |name| FieldName::parse(name).expect("a field");
        let values = vec![(field("item"), Value::from("safety")), (field("location"), Value::from("3幢2单元"))];
        let acts = creation(created, &schema.kinds["rectification"], values);
        let mut record = Record::empty(RecordId::from_parts(at, [number; 10]));
        let change = record.write(&acts, &Stamp { actor, party, device_time: at }).expect("a change");
        (record.id(), change)
    }

    /// Puts changes under this device's signature.
    ///
    /// # Panics
    /// If there are none.
    pub fn batch(&self, number: u64, feed: FeedId, changes: Vec<(RecordId, renolog_protocol::change::Change)>) -> Batch {
        Batch::sign(&self.key, self.device, number, feed, now(), changes).expect("a batch")
    }

    /// What an older device would say first that follows these feeds.
    ///
    /// # Panics
    /// If there are more of them than a device may follow.
    pub fn hello(&self, feeds: Vec<Cursor>) -> Hello {
        Hello {
            oldest: VERSION,
            newest: VERSION,
            device: self.device,
            schema: u32::MAX,
            device_time: now(),
            feeds: feeds.try_into().expect("no more than one may follow"),
            rosters: List::default(),
            calendar: None,
            dictionary: None,
            snapshots: None,
            begun: None,
            open_only: None,
            unsent: None,
        }
    }
}

/// A websocket on which anything can be said.
#[derive(Debug)]
pub struct Peer {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Peer {
    /// Connects with someone's token and says nothing yet.
    ///
    /// # Panics
    /// If the server does not let it in.
    pub async fn connect(office: &Office, who: &Enrolled) -> Self {
        Self::connect_with(office, &[("Authorization", &format!("Bearer {}", who.token))]).await.0
    }

    /// Connects with these headers and says nothing yet; what the server put on its answer.
    ///
    /// # Panics
    /// If the server does not let it in.
    pub async fn connect_with(office: &Office, headers: &[(&'static str, &str)]) -> (Self, HeaderMap) {
        let url = format!("{}/api/v1/sync", office.base().replacen("http", "ws", 1));
        let mut asked = url.into_client_request().expect("a request");
        for (name, value) in headers.iter().chain(&[("Sec-WebSocket-Protocol", "renolog.v1")]) {
            asked.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        let (socket, answer) = tokio_tungstenite::connect_async(asked).await.expect("the server lets it in");
        (Self { socket }, answer.headers().clone())
    }

    /// Connects, and greets as a device would; waits for the welcome.
    ///
    /// # Panics
    /// If there is none.
    pub async fn greet(office: &Office, who: &Enrolled) -> Self {
        let mut peer = Self::connect(office, who).await;
        peer.welcomed(who).await;
        peer
    }

    /// Greets as a device would; waits for the welcome.
    ///
    /// # Panics
    /// If there is none.
    pub async fn welcomed(&mut self, who: &Enrolled) {
        self.hello(who, Vec::new()).await;
        self.until(|frame| matches!(frame, Frame::Welcome(_))).await;
    }

    /// Says hello as an older device would that follows these feeds.
    ///
    /// # Panics
    /// If the socket is gone.
    pub async fn hello(&mut self, who: &Enrolled, feeds: Vec<Cursor>) {
        self.say(who.hello(feeds)).await;
    }

    /// Sends a frame.
    ///
    /// # Panics
    /// If the socket is gone.
    pub async fn say(&mut self, frame: impl Into<Frame>) {
        self.bytes(frame.into().encode()).await;
    }

    /// Sends any bytes as a binary message.
    ///
    /// # Panics
    /// If the socket is gone.
    pub async fn bytes(&mut self, bytes: Vec<u8>) {
        self.message(Message::binary(bytes)).await;
    }

    /// Sends any message.
    ///
    /// # Panics
    /// If the socket is gone.
    pub async fn message(&mut self, message: Message) {
        self.socket.send(message).await.expect("the socket stands");
    }

    /// The next frame; nothing once the server has hung up.
    ///
    /// # Panics
    /// If the server sends what is no frame.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Binary(bytes))) => return Some(Frame::decode(&bytes).expect("a frame")),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next frame that `wanted` asks for.
    ///
    /// # Panics
    /// If the server hangs up before it comes.
    pub async fn until(&mut self, wanted: impl Fn(&Frame) -> bool) -> Frame {
        loop {
            let frame = self.next().await.expect("the server goes on talking");
            if wanted(&frame) {
                return frame;
            }
        }
    }

    /// Sends a batch and waits for its receipt.
    ///
    /// # Panics
    /// If the server hangs up instead.
    pub async fn push(&mut self, batch: &Batch) -> Receipt {
        self.say(Push { batch: batch.to_raw() }).await;
        match self.until(|frame| matches!(frame, Frame::Receipt(_))).await {
            Frame::Receipt(receipt) => receipt,
            _ => unreachable!("only a receipt is waited for"),
        }
    }

    /// Waits for the server's farewell and for the end of the connection.
    ///
    /// # Panics
    /// If it hangs up without a word, or goes on talking.
    pub async fn farewell(&mut self) -> Bye {
        let bye = match self.until(|frame| matches!(frame, Frame::Bye(_))).await {
            Frame::Bye(bye) => bye,
            _ => unreachable!("only a farewell is waited for"),
        };
        assert!(self.next().await.is_none(), "nothing comes after a farewell");
        bye
    }
}
