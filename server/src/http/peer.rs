//! Who a request is from, as far as addresses go.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use super::Problem;
use crate::app::App;
use crate::door::Arrival;
use crate::gate::{Seat, Told};

/// The client of a request: the far end of the connection or, where that is a proxy of ours, whom it speaks for. An
/// extractor, and an extension of every request that the router has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Whether everything between it and us, or our proxies, is encrypted. Only then are cookies `Secure`, and only then
    /// may a browser be told to insist on it.
    pub secure: bool,
}

impl Peer {
    /// A request that came over no socket is this machine's own.
    const OURSELVES: Self = Self { address: IpAddr::V4(Ipv4Addr::LOCALHOST), secure: false };

    /// The client of a request with these parts.
    fn of(parts: &Parts, app: &App) -> Self {
        let Some(arrival) = parts.extensions.get::<Arrival>() else { return Self::OURSELVES };
        let told = Told {
            hops: entries(&parts.headers, "x-forwarded-for"),
            protocols: entries(&parts.headers, "x-forwarded-proto"),
            forwarded: entries(&parts.headers, "forwarded"),
        };
        match app.gate.proxies().read(arrival.address, &told) {
            Some(forwarded) => Self { address: forwarded.address, secure: forwarded.encrypted },
            None => Self { address: arrival.address, secure: arrival.encrypted },
        }
    }
}

/// The entries of a list that may be spread over several headers.
fn entries<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    // What is no text is an entry all the same, and names nobody.
    headers.get_all(name).iter().flat_map(|value| value.to_str().unwrap_or("?").split(',')).collect()
}

impl FromRequestParts<App> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(*known);
        }
        let peer = Self::of(parts, app);
        parts.extensions.insert(peer);
        Ok(peer)
    }
}

/// A seat for a websocket that a proxy of ours brought, among those of the address it speaks for. Connections that come
/// straight to us had theirs at the door.
#[derive(Debug)]
pub(super) struct Brought(pub(super) Option<Seat>);

impl FromRequestParts<App> for Brought {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Ok(peer) = Peer::from_request_parts(parts, app).await;
        let straight = parts.extensions.get::<Arrival>().is_none_or(|arrival| arrival.address == peer.address);
        if straight {
            return Ok(Self(None));
        }
        app.gate.admit_forwarded(peer.address).map(|seat| Self(Some(seat))).ok_or_else(Problem::crowded)
    }
}
