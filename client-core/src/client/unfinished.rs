//! Forms that are being filled in outlive the app that shows them.

use renolog_protocol::time::UnixMs;

use super::{Client, ClientError};
use crate::store::Unfinished;

/// Most of them; beyond, the oldest go.
const FORMS: u32 = 200;
/// Longest form: the longest record there can be is made of changes of this size.
const FORM_BYTES: usize = 64 << 10;
/// Longest name of a form.
const NAME_BYTES: usize = 200;

impl Client {
    /// What someone was typing when they were last here, latest first.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn unfinished(&self) -> Result<Vec<Unfinished>, ClientError> {
        Ok(self.store.unfinished()?)
    }

    /// Keeps what was typed into a form so far.
    ///
    /// # Errors
    /// [`ClientError::FormTooLong`]; [`ClientError::Store`].
    pub fn keep_unfinished(&mut self, now: UnixMs, form: &str, typed: &str) -> Result<(), ClientError> {
        if form.len() > NAME_BYTES || typed.len() > FORM_BYTES {
            return Err(ClientError::FormTooLong);
        }
        let unfinished = Unfinished { form: form.to_owned(), typed: typed.to_owned(), at: now };
        self.atomically(|me| Ok(me.store.set_unfinished(&unfinished, FORMS)?))
    }

    /// The form was sent, or let go.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn drop_unfinished(&mut self, form: &str) -> Result<(), ClientError> {
        self.atomically(|me| Ok(me.store.drop_unfinished(form)?))
    }
}
