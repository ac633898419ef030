//! What a page may ask, as JSON: `{"read": {"record": "…"}}`, or `"me"` where there is no more to say. Parsed here, so that
//! behind it nothing can hold a bad value. `server/web/src/device/requests.ts` says the same in TypeScript. With its name in
//! front a request is read straight through; named by one of its members it would have to be kept whole first.

use renolog_client_core::client::OverdueFilter;
use renolog_client_core::store::Filter;
use renolog_protocol::id::{CommunityId, PersonId, RecordId};
use renolog_protocol::record::{Act, EntryParts};
use renolog_protocol::schema::{FieldName, KindName, MoveName, Party, Role, StateName, Value};
use renolog_protocol::time::UnixMs;
use serde::Deserialize;

/// One question or deed. What each means, the methods of [`renolog_client_core::Client`] with these names say.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are those of the client's methods and their arguments")]
pub enum Request {
    Me,
    Before,
    Schema,
    Communities,
    Status,
    List {
        filter: Listing,
    },
    Listed {
        record: RecordId,
    },
    Read {
        record: RecordId,
    },
    Writers {
        record: RecordId,
    },
    History {
        record: RecordId,
    },
    SyncState {
        record: RecordId,
    },
    Due {
        record: RecordId,
    },
    Overdue {
        community: Option<CommunityId>,
        role: Option<Role>,
        party: Option<Party>,
        limit: usize,
    },
    Waiting {
        limit: u32,
    },
    Conflicts,
    Tally {
        motion: RecordId,
    },
    Offers {
        record: RecordId,
    },
    Creatable {
        community: CommunityId,
    },
    Typed {
        community: CommunityId,
        kind: KindName,
        field: FieldName,
        part: Option<FieldName>,
        text: String,
    },
    ChangedSince {
        revision: u64,
        limit: u32,
    },
    Drafts,
    Unfinished,

    Create {
        community: CommunityId,
        kind: KindName,
        values: Vec<(FieldName, Value)>,
        party: Option<Party>,
    },
    Set {
        record: RecordId,
        field: FieldName,
        value: Value,
    },
    Put {
        record: RecordId,
        field: FieldName,
        key: Option<String>,
        entry: EntryParts,
        party: Option<Party>,
    },
    Edit {
        record: RecordId,
        acts: Vec<Act>,
        party: Option<Party>,
    },
    Transition {
        record: RecordId,
        name: MoveName,
        reason: Option<String>,
        party: Option<Party>,
    },
    Note {
        record: RecordId,
        text: String,
        party: Option<Party>,
    },
    Pause {
        record: RecordId,
        until_day: String,
        reason: String,
        party: Option<Party>,
    },
    StrikeOut {
        record: RecordId,
        target: String,
        reason: String,
        party: Option<Party>,
    },
    Retry {
        draft: i64,
    },
    Discard {
        draft: i64,
    },
    KeepUnfinished {
        form: String,
        typed: String,
    },
    SaveData {
        saves: bool,
    },
    DropUnfinished {
        form: String,
    },

    /// What an invitation's link names, or what is wrong with it.
    Invitation {
        link: String,
    },
    /// Enrolment gave this.
    Enrolled {
        server: String,
        person: PersonId,
        name: String,
        communities: Vec<CommunityId>,
    },
    /// What the device's key is to sign to answer this challenge, in hexadecimal digits.
    AnswerText {
        challenge: String,
    },
}

/// Which records a list has.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "as in the store's Filter")]
pub struct Listing {
    pub community: Option<CommunityId>,
    pub kind: Option<KindName>,
    pub state: Option<StateName>,
    pub text: Option<String>,
    pub after: Option<(UnixMs, RecordId)>,
    pub limit: u32,
}

impl From<Listing> for Filter {
    fn from(listing: Listing) -> Self {
        let Listing { community, kind, state, text, after, limit } = listing;
        Self { community, kind, state, text, after, limit }
    }
}

pub(crate) fn overdue(community: Option<CommunityId>, role: Option<Role>, party: Option<Party>) -> OverdueFilter {
    OverdueFilter { community, role, party }
}
