//! Every bound that the server sets to the outside, in one place, and why it is what it is. What both ends of the
//! protocol obey stands in [`renolog_protocol::limits`].
//!
//! Two things pull against each other here. Many phones share one address: a mobile network puts thousands behind one, a
//! street office a whole floor. So what is counted by address is counted generously, and whoever shows a good token is
//! never held up by a neighbour's bad ones. And a flood must cost the server little and nothing lasting: every table is
//! bounded, every wait has an end.

use std::num::NonZeroUsize;
use std::time::Duration;

use renolog_protocol::time::SpanMs;

/// Bytes of a push that weigh as much as one change. Changes are some hundred bytes each; only the very long weigh more.
pub const BYTES_PER_CHANGE: usize = 4 << 10;

/// How often something may be done: at once, and then again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How often without waiting.
    pub burst: u32,
    /// How long it takes until it may be done once more.
    pub every: SpanMs,
}

/// The bounds of one server; [`Limits::default`] has those of a district.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Connections in all. A district has some thousand devices; each connection takes some ten kilobytes and a file handle.
    pub connections: usize,
    /// Connections from one address (IPv6: from one /64). Behind one address of a mobile network there may be hundreds of
    /// phones; an eighth of all is as much as one may take from the others.
    pub connections_per_address: usize,
    /// Connections of one device at a time. It needs one; a phone that lost its link comes back before the server has
    /// noticed, and may do so twice in a bad stairwell. One more closes the oldest.
    pub connections_per_device: NonZeroUsize,
    /// How long a TLS handshake may take: two round trips and a certificate chain of four kilobytes over 8 kbit/s take
    /// less than ten seconds.
    pub handshake_within: Duration,
    /// How long a request's header may take, and how long a connection may lie idle between two requests.
    pub header_within: Duration,
    /// The same for connections of our own proxies, which keep them for the next client for about a minute and take it ill
    /// if they go just then.
    pub header_of_proxy_within: Duration,
    /// How long a device that has connected may take to say hello. One that follows a thousand feeds says it in 45 kB.
    pub hello_within: Duration,
    /// A connection whose far end takes nothing for this long is given up.
    pub stalled_after: Duration,
    /// How often the certificate's files are looked at. Certificates are renewed weeks before they run out.
    pub look_every: Duration,
    /// Attempts with a one-time code or a password that failed, by address. A meeting of fifty volunteers enrols without
    /// noticing, since what succeeds does not count; guessing at codes of 80 bits is hopeless at any rate, and at this one
    /// it costs the server nothing either.
    pub attempts: Rate,
    /// Requests with a token that is not one of ours, by address. A program with an old token may ask every two seconds.
    pub failures: Rate,
    /// Changes pushed by one device. The busiest manager writes some hundred a day, so a month in a basement passes at
    /// once; afterwards ten a second are more than anybody types, and no load.
    pub pushes: Rate,
    /// Addresses, and devices, that are remembered; those not seen for longest are forgotten first. Some bytes each.
    pub remembered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_address: 512,
            connections_per_device: NonZeroUsize::new(3).unwrap_or(NonZeroUsize::MIN),
            handshake_within: Duration::from_secs(20),
            header_within: Duration::from_secs(20),
            header_of_proxy_within: Duration::from_secs(120),
            hello_within: Duration::from_secs(60),
            stalled_after: Duration::from_secs(120),
            look_every: Duration::from_secs(30),
            attempts: Rate { burst: 30, every: SpanMs::from_secs(20) },
            failures: Rate { burst: 100, every: SpanMs::from_secs(2) },
            pushes: Rate { burst: 10_000, every: SpanMs(100) },
            remembered: 16_384,
        }
    }
}
