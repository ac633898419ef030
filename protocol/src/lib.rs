//! What a device and the server agree on.
//!
//! A community (小区) being renovated has a **log** of **records**. Each record is one small Automerge document, read and
//! written by a [`schema::Schema`] that is data. People say things in records: an [`record::Act`]. A device turns acts
//! into a [`change::Change`], asks [`rules::judge`] whether it may stand, keeps it, and later sends it in a signed
//! [`batch::Batch`] over a [`session`]. The server asks the same question and gives the same answer.
//!
//! This crate knows no clock, no randomness, no files and no sockets: moments, random bytes and messages are handed in.
//! So the same code runs on a phone, in a browser, in the server, and in a simulation of all three.
//!
//! ```text
//!   acts ──write──► change ──sign──► batch ──encode──► frame ══► frame ──decode──► batch ──open──► change ──understand──► acts
//!                      │                                                                             │
//!                      └───────────── rules::judge, the same on both ends ◄──────────────────────────┘
//! ```
//!
//! # Example
//! A volunteer raises a rectification; someone else's device reads the same acts out of the change and reaches the same
//! verdict.
//! ```
//! use renolog_protocol::id::{ActorId, Audience, DeviceId, PersonId, RecordId};
//! use renolog_protocol::record::{creation, Created, Record, Stamp};
//! use renolog_protocol::roster::{Member, Roster};
//! use renolog_protocol::rules::{judge, Author};
//! use renolog_protocol::schema::{FieldName, KindName, Party, Role, Schema, Value};
//! use renolog_protocol::time::UnixMs;
//!
//! let schema = Schema::built_in();
//! let now = UnixMs(1_767_225_600_000);
//! let (person, device) = (PersonId::from_parts(now, [1; 10]), DeviceId::from_parts(now, [2; 10]));
//! let volunteers = Party::parse("volunteers")?;
//! let roster = Roster {
//!     version: 1,
//!     members: vec![Member {
//!         person,
//!         name: "陈阿姨".into(),
//!         role: Role::parse("captain")?,
//!         party: volunteers.clone(),
//!         from: UnixMs(0),
//!         until: None,
//!     }],
//! };
//!
//! // On the volunteer's phone, in a stairwell without signal:
//! let kind = &schema.kinds["rectification"];
//! let created = Created {
//!     kind: KindName::parse("rectification")?,
//!     schema: schema.version,
//!     person,
//!     party: volunteers.clone(),
//!     device,
//!     device_time: now,
//! };
//! let acts = creation(created, kind, vec![
//!     (FieldName::parse("item")?, Value::from("safety")),
//!     (FieldName::parse("location")?, Value::from("3幢2单元 消防通道")),
//! ]);
//! let mut record = Record::empty(RecordId::from_parts(now, [3; 10]));
//! let change = record.write(&acts, &Stamp { actor: ActorId([4; 16]), party: volunteers, device_time: now })?;
//!
//! // On the server, later:
//! let mut received = Record::empty(record.id());
//! let author = Author { person, device, at: now };
//! let allowed = judge(&schema, &roster, &received, Audience::Open, author, &change).expect("a captain may raise one");
//! assert_eq!(allowed.understood.acts, acts);
//! received.take(&change, &allowed.understood)?;
//! assert_eq!(received.view(&schema), record.view(&schema));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod batch;
pub mod calendar;
pub mod chain;
pub mod change;
mod chunk;
pub mod codec;
pub mod deadlines;
mod digits;
#[cfg(feature = "files")]
mod file;
pub mod id;
pub mod key;
pub mod limits;
pub mod names;
pub mod packed;
pub mod record;
pub mod refusal;
pub mod roster;
pub mod rules;
pub mod schema;
pub mod session;
pub mod sorted;
pub mod tally;
pub mod time;
pub mod wire;
pub mod words;
