//! The device: a durable notebook of records, an outbox, and a sync engine that works on bad links.
//!
//! A [`Device`] is what an app holds: reading and writing never wait for the network, and what was written is on disk when
//! the call returns. Behind it stands a [`Client`], which is everything a device is but for the clock and the sockets; it
//! owns the [`store`], where the only SQL is, and the [`engine`], which decides when to connect and whether a link is
//! alive. The rules, the records and the frames are those of `renolog_protocol`.
//!
//! ```text
//!   Device ──► Client ──► store      SQLite: records, changes, outbox, drafts, cursors
//!     │           └─────► engine     connect, greet, push, ping, wait
//!     └──► transport                 websocket; where networks break them, one request at a time
//! ```
//!
//! What was refused comes back as a draft with the reason; what was written on top of it is said again as far as it can
//! be. Nothing that a person wrote is lost.
//!
//! # Example
//! A volunteer raises a rectification in a stairwell without signal, and reads it.
//! ```
//! use renolog_client_core::client::{Client, SyncState};
//! use renolog_client_core::store::{Enrolled, Filter, Place};
//! use renolog_protocol::id::{CommunityId, PersonId};
//! use renolog_protocol::roster::{Member, Roster};
//! use renolog_protocol::schema::{FieldName, KindName, Party, Role, Value};
//! use renolog_protocol::time::UnixMs;
//!
//! let now = UnixMs(1_767_225_600_000);
//! let mut client = Client::open(&Place::Memory, [7; 32], now)?;
//! let (community, person) = (CommunityId::from_parts(now, [1; 10]), PersonId::from_parts(now, [2; 10]));
//! # let member = Member {
//! #     person,
//! #     name: "陈阿姨".into(),
//! #     role: Role::parse("captain")?,
//! #     party: Party::parse("volunteers")?,
//! #     from: UnixMs(0),
//! #     until: None,
//! # };
//! # let roster = Roster { version: 1, members: vec![member] };
//! // Enrolment and the first connection bring these:
//! client.enrolled(Enrolled { server: "http://localhost".into(), person, name: "陈阿姨".into(), token: "…".into() })?;
//! client.follow(now, community)?;
//! client.set_roster(community, "德胜新村", roster)?;
//!
//! let values = vec![
//!     (FieldName::parse("item")?, Value::from("safety")),
//!     (FieldName::parse("location")?, Value::from("3幢2单元 消防通道")),
//! ];
//! let record = client.create(now, community, &KindName::parse("rectification")?, values, None)?;
//! client.note(now, record, "堆了两辆电动车", None)?;
//!
//! assert_eq!(client.list(&Filter::default())?[0].title, "3幢2单元 消防通道");
//! assert_eq!(client.read(record)?.entries("notes").len(), 1);
//! assert_eq!(client.sync_state(record)?, SyncState::Local);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod asking;
pub mod client;
pub mod device;
mod driver;
pub mod engine;
mod enrol;
mod invitation;
mod settings;
mod sign_in;
pub mod store;
mod transport;
mod trust;
mod visit;
mod ways;

pub use asking::AskError;
pub use client::Client;
pub use device::{Device, DeviceError, Settings};
pub use enrol::{EnrolledCommunity, Enrolment};
pub use invitation::{BadInvitation, Invitation};
pub use trust::BadRoots;
