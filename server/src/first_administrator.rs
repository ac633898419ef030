//! The first administrator of a data directory: whoever is handed the code that its server prints.

use crate::app::App;
use crate::office::{Code, Invitation, NotDone, Unfit, Withdrawal};
use crate::store::{ALL, InviteRow, PersonRow, Read, Reader, StoreError};

/// How long the code is good for. Every start makes a fresh one.
pub const GOOD_HOURS: u32 = 72;
/// What the person is called until somebody says otherwise; by it such a code is known again.
const NAME: &str = "首位管理员 First administrator";

/// What is known of administrators.
struct Standing {
    /// Whether there is one, or a code with which somebody was asked to become one.
    provided: bool,
    /// Codes that earlier starts made and nobody used.
    stale: Vec<String>,
}

/// A one-time code for the first administrator, if there is none and nobody else was invited to be one. What an earlier
/// start printed is good no more.
///
/// # Errors
/// [`NotDone`]; the server does as well without.
pub async fn code(app: &App) -> Result<Option<Code>, NotDone> {
    let now = app.clock.now();
    let Standing { provided, stale } = app.readers.ask(move |store| standing(store, now)).await.map_err(Unfit::from)?;
    for invite in stale {
        app.take(None, Withdrawal { invite }).await?;
    }
    if provided {
        return Ok(None);
    }
    let asked = Invitation { name: NAME.into(), administrator: true, hours: GOOD_HOURS, ..Invitation::default() };
    app.take(None, asked).await.map(Some)
}

fn standing(store: &Reader, now: renolog_protocol::time::UnixMs) -> Result<Standing, StoreError> {
    let people: Vec<PersonRow> = store.list(&[], None, ALL)?;
    let invites: Vec<InviteRow> = store.list(&[], None, ALL)?;
    let unused = invites.into_iter().filter(|invite| invite.administrator == 1 && invite.used_by.is_none());
    let (ours, others): (Vec<InviteRow>, Vec<InviteRow>) =
        unused.partition(|invite| invite.person.is_none() && invite.name == NAME);
    let provided = people.iter().any(|person| person.administrator == 1) || others.iter().any(|invite| now < invite.expires);
    let stale = ours.iter().map(|invite| data_encoding::HEXLOWER.encode(&invite.code_hash)).collect();
    Ok(Standing { provided, stale })
}
