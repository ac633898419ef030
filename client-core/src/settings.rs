//! What a device takes from its surroundings.

use crate::device::Clock;

/// What a device takes from its surroundings; the defaults are those of a real phone.
#[derive(Clone, Default)]
pub struct Settings {
    /// Another clock than the system's, for demonstrations and tests.
    pub clock: Option<Clock>,
    /// A fixed seed instead of fresh randomness, for tests.
    pub seed: Option<[u8; 32]>,
    /// Root certificates as PEM, trusted beside the public ones: those of a district that signs its own.
    pub roots: Option<String>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("own_clock", &self.clock.is_some())
            .field("seeded", &self.seed.is_some())
            .field("own_roots", &self.roots.is_some())
            .finish()
    }
}
