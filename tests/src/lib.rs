//! The workspace's tests.
//!
//! - [`world`]: phones, a network and a server in one thread, with a clock that jumps. The real client and the real write
//!   path; no sockets, no threads, no waiting. The same seed gives the same run.
//! - [`sockets`]: the real thing on real sockets, servers that can be killed among it.
//! - [`mod@bench`]: what `make bench` measures, and how.
//! - [`link`]: a bad link between any two programs: a proxy that shapes, stalls, cuts, goes silent, and counts.
//! - [`play`]: such a world in which anything may happen.
//! - [`rich`]: a log with everything in it that a log can hold.
//! - [`story`]: one small story with everything in it that a history can show.
//! - [`names`]: ids in snapshots, made readable.
//! - [`checks`]: what must be true of such a world at rest.
//!
//! The tests themselves stand in `tests/`: `store`, `replay` and `upkeep` on the server's store, `codec` on what travels, `stories` and `convergence`
//! in the world, `live`, `door`, `trust`, `bad_input` and `http_api` on real sockets, `history` on what administrators read;
//! `gates` asks a device and a server who may do what; `access` and `threats` hold ARCHITECTURE.md to its word.
//!
//! # Example
//! A volunteer and a property manager write about the same leak without a network; then both have one again.
//! ```
//! use renolog_tests::checks::converged;
//! use renolog_tests::world::World;
//!
//! let mut world = World::new(7);
//! let desheng = world.community("desheng", "德胜新村");
//! let chen = world.enrol(desheng, "captain", "陈阿姨");
//! let wang = world.enrol(desheng, "property_manager", "王经理");
//! world.run_until_quiet();
//!
//! let leak = world.raise(chen, desheng, "quality", "3幢2单元 屋面渗水");
//! world.run_until_quiet();
//! world.offline(chen);
//! world.offline(wang);
//! world.note(chen, leak, "五楼也在漏");
//! world.note(wang, leak, "明天上午派人来看");
//! world.online(chen);
//! world.online(wang);
//! world.run_until_quiet();
//!
//! assert_eq!(converged(&mut world).changes, 3);
//! ```

pub mod bench;
pub mod checks;
pub mod link;
pub mod names;
pub mod play;
pub mod rich;
pub mod sockets;
pub mod story;
pub mod world;
