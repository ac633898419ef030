//! Stories: what happens to people's work when phones, links and servers behave as they do.
//!
//! Each runs in a [`World`](renolog_tests::world::World) and ends with [`converged`](renolog_tests::checks::converged):
//! everyone sees the same, nothing is lost, nothing is doubled.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cuts;
mod forks;
mod links;
mod newcomers;
mod offline;
mod random;
mod restored;
mod rulings;
mod together;
