//! The real thing on real sockets: a server in this process or in one of its own that can be killed, a relay between a
//! device and it, and a peer that speaks frames without being a device.

mod peer;
mod raw;
mod relay;
mod secure;
mod served;

pub use peer::{Enrolled, Peer};
pub use raw::{Answer, exchange, plain};
pub use relay::{Breaks, Relay};
pub use secure::{Authority, shown};
pub(crate) use served::knock;
pub use served::{InProcess, Killable, Office, Opening, request, serve_as_child};
