//! What an operator does with a data directory as a whole: back it up while it is in use, bring one back, prove that it
//! says what happened, and give back the room it does not need.
//!
//! A [backup] is one file: the database, and a hash over all of it. [`restore`] begins the store's next life from one, so
//! that devices know to send again what it lacks. [`verify`] applies the log from its first command and holds the outcome
//! against what is stored, row by row.

pub mod backup;
pub mod compact;
pub mod restore;
pub mod verify;

/// Told how much is done, and how much there is.
pub type Progress<'a> = dyn FnMut(u64, u64) + 'a;
