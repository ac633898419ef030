//! File handles: each connection takes one, and the database must never want for them.

/// Handles that are not for connections: the database and its readers, listeners, what the runtime needs.
const KEPT_BACK: usize = 128;

/// Asks the system for as many file handles as it lets this process have, and answers how many connections that is enough
/// for; nothing if the system does not say.
pub fn room_for_connections() -> Option<usize> {
    Some(handles()?.saturating_sub(KEPT_BACK).max(1))
}

#[cfg(unix)]
fn handles() -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let most = Rlimit { current: maximum, maximum };
    let current = if setrlimit(Resource::Nofile, most).is_ok() { maximum } else { current };
    current.map(|handles| usize::try_from(handles).unwrap_or(usize::MAX))
}

#[cfg(not(unix))]
fn handles() -> Option<usize> {
    None
}
