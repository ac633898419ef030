//! The link as a client sees it: what happens to it, and what to do with it.

use renolog_protocol::wire::Bye;

/// What happened to the link.
#[derive(Debug)]
pub enum Input<'a> {
    /// Be connected from now on.
    Start,
    /// Be offline from now on.
    Stop,
    /// On the way to the connection that [`Output::Connect`] asked for, the server gave the device another token.
    SignedIn(String),
    /// The connection that [`Output::Connect`] asked for stands.
    Connected,
    /// A message arrived.
    Frame(&'a [u8]),
    /// The connection is gone, or never came about.
    Disconnected,
    /// The connection was a visit: what left with [`Output::Send`] before anything was heard is answered, and it is over.
    /// What was sent later did not leave, and is sent with the next.
    Visited,
    /// The server would not open the connection, and said why.
    TurnedAway(Bye),
    /// Bytes moved on the link; see [`crate::engine::Input::LinkMoved`].
    LinkMoved,
    /// Someone looks at the screen, or the network changed.
    Nudge,
    /// The moment of [`super::Client::poll_timeout`] has come.
    Timeout,
}

/// What to do with the link next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Open a connection to [`super::Client::enrolment`]'s server.
    Connect,
    /// Send this message.
    Send(Vec<u8>),
    /// Close the connection, or stop trying to open it. Needs no answer.
    Disconnect,
}
