//! The server of a district's renovation logs.
//!
//! Commands come in — a device's signed batch, an enrolment, a new community — and go through one write path:
//! [`writer`] takes them in one order, [`ingest`] judges and applies them, [`store`] makes them durable, and only then is
//! anyone told. Everything else reads.
//!
//! ```text
//!   http ─┐                                     ┌─► readers ─► http, history
//!         ├─► command ─► writer ─► ingest ─► store
//!   live ─┘                │                    └─► reception (what a device may know, pages of feeds)
//!     ▲                    └─ after the commit ─► hub ─┐
//!     └────────────────── wakes ───────────────────────┘
//! ```
//!
//! - [`cli`] → [`app`] → {[`http`], [`live`]} → {[`ingest`], [`store`]}; SQL stands under `store/` only, axum in
//!   [`http`], [`live`], [`door`] only.
//! - [`door`] turns sockets into requests; [`gate`] counts who comes in, and [`limits`] says how much is too much.
//! - [`ingest`] looks at no clock and draws no random number: what it needs, the [`command`] carries.
//! - [`demo`] alone uses the device crate.
//!
//! # Example
//! The write path without sockets: found a store, add a community, and find it there.
//! ```
//! use renolog_protocol::schema::Schema;
//! use renolog_server::app::found;
//! use renolog_server::clock::{Clock, SystemClock};
//! use renolog_server::command::Stamped;
//! use renolog_server::office::{Desk, NewCommunity, Order};
//! use renolog_server::store::{Column, CommunityRow, Memory, Read};
//!
//! let mut ingest = found(Memory::new(), Schema::built_in(), &SystemClock)?;
//! let asked = NewCommunity { slug: "desheng".into(), name: "德胜新村".into() };
//! let desk = Desk { store: ingest.store(), schema: ingest.schema(), now: SystemClock.now() };
//! let (command, made) = asked.command(&desk)?;
//! ingest.apply(&Stamped::new(SystemClock.now(), command))?;
//! ingest.commit()?;
//! let row: CommunityRow = ingest.store().get(&[made.id.to_cell()])?.expect("it was just added");
//! assert_eq!(row.name, "德胜新村");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod app;
pub mod ballots;
pub mod cli;
pub mod clock;
mod columns;
pub mod command;
pub mod conflicts;
pub mod data_dir;
pub mod day;
pub mod demo;
pub mod door;
pub mod evidence;
pub mod figures;
pub mod first_administrator;
pub mod gate;
pub mod history;
pub mod http;
pub mod hub;
pub mod import;
pub mod ingest;
pub mod limits;
pub mod link;
pub mod live;
pub mod office;
pub mod overdue;
pub mod readers;
pub mod reception;
pub mod retention;
pub mod roll;
pub mod rosters;
pub mod schema_text;
pub mod secret;
pub mod serve;
pub mod snapshot;
mod stay;
pub mod store;
#[cfg(test)]
mod testing;
pub mod ticket;
pub mod upkeep;
pub mod writer;
