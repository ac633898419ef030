//! Stories: what happens to people's work when phones, links and servers behave as they do.
//!
//! Each runs in a [`World`](renolog_tests::world::World) and ends with [`converged`](renolog_tests::checks::converged):
//! everyone sees the same, nothing is lost, nothing is doubled.

mod cuts;
mod forks;
mod links;
mod newcomers;
mod offline;
mod random;
mod restored;
mod rulings;
mod together;
