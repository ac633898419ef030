//! What the whole promises: devices, link and server together.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod bad_input;
mod codec;
mod console;
mod convergence;
mod door;
mod evidence;
mod history;
mod http_api;
mod link;
mod live;
mod openapi;
mod page;
mod past;
mod permissions;
mod replay;
mod store;
mod stories;
mod threats;
mod trust;
mod upkeep;
mod visits;

#[test]
#[ignore = "a server in a process of its own, which other tests start and kill"]
fn server_process() {
    renolog_tests::sockets::serve_as_child();
}
