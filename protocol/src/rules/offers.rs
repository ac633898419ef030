//! What may someone do here? The same rules that judge a change, asked beforehand, so that a form offers what will stand
//! and says of the rest why not.

use std::cell::OnceCell;

use indexmap::IndexMap;
use serde::Serialize;

use super::{Author, Case, Code, refuse, voided};
use crate::id::EntryId;
use crate::record::{EntryParts, Record, VoidTarget};
use crate::refusal::Refusal;
use crate::roster::{Member, Roster};
use crate::schema::{FieldName, Kind, KindName, MoveName, Party, Role, Schema, Value, built_in};

/// What a person may do in a record as it stands, in one of their roles. A change is allowed by one role alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offers {
    /// The party they would speak for.
    pub party: Party,
    /// The role that would allow it.
    pub role: Role,
    /// Every field of the kind and those of every record: nothing if it may be written, else why not. What is written must
    /// still fit the field.
    pub fields: IndexMap<FieldName, Option<Refusal>>,
    /// Every move of the kind: nothing if it may be made, with its reason where it needs one; else why not.
    pub moves: IndexMap<MoveName, Option<Refusal>>,
    /// Striking out the record as a whole.
    pub void: Option<Refusal>,
}

/// What `author` may do in `record` as it stands, role by role; nothing where they have none, or where the schema does not know
/// the record's kind.
pub fn offers(schema: &Schema, roster: &Roster, record: &Record, author: Author) -> Vec<Offers> {
    let kind = record.created().and_then(|created| schema.kinds.get(&created.kind));
    let Some(kind) = kind else { return Vec::new() };
    roster.roles_of(author.person, author.at).map(|member| of_role(schema, kind, record, author, member)).collect()
}

/// The kinds of which a person may make records, and for which of their parties.
pub fn creatable(schema: &Schema, roster: &Roster, author: Author) -> IndexMap<KindName, Vec<Party>> {
    let makers = |kind: &Kind| {
        let mut parties: Vec<Party> = Vec::new();
        for member in roster.roles_of(author.person, author.at).filter(|member| kind.create.contains(&member.role)) {
            if !parties.contains(&member.party) {
                parties.push(member.party.clone());
            }
        }
        parties
    };
    schema.kinds.iter().map(|(name, kind)| (name.clone(), makers(kind))).filter(|(_, makers)| !makers.is_empty()).collect()
}

fn of_role(schema: &Schema, kind: &Kind, record: &Record, author: Author, member: &Member) -> Offers {
    let seen = record.now();
    let (party, written) = (&member.party, author.at);
    let case = Case { schema, kind, seen: &seen, now: record.now(), member, author, party, written, state: OnceCell::new() };
    let standing = || if seen.is_voided() { Err(voided()) } else { Ok(()) };
    let built_in = [built_in::NOTES, built_in::ATTACHMENTS, built_in::PAUSES, built_in::VOIDS];
    let built_in = built_in.map(|name| FieldName::parse(name).expect("built-in names are names"));
    let fields = kind.fields.keys().chain(&built_in);
    Offers {
        party: party.clone(),
        role: member.role.clone(),
        fields: fields.map(|name| (name.clone(), standing().and_then(|()| case.may_write(name)).err())).collect(),
        moves: kind.moves.keys().map(|name| (name.clone(), standing().and_then(|()| case.may_step(name)).err())).collect(),
        void: standing().and_then(|()| case.may_add()).and_then(|()| case.may_void(&whole_record())).err(),
    }
}

fn whole_record() -> EntryParts {
    let target = FieldName::parse("target").expect("built-in names are names");
    [(target, Value::Text(VoidTarget::Record.to_string()))].into()
}

impl Case<'_> {
    /// Whether the field may be written at all; what is written is another question.
    fn may_write(&self, name: &FieldName) -> Result<(), Refusal> {
        match name.as_str() {
            built_in::PAUSES => self.may_add().and_then(|()| self.may_pause()),
            _ if !self.kind.fields.contains_key(name) => self.may_add(),
            _ => self.field(name).and_then(|field| self.not_written_yet(name, field)),
        }
    }

    /// Whether the move may be made next, under a name that nothing has.
    fn may_step(&self, name: &MoveName) -> Result<(), Refusal> {
        let free = (0..=u8::MAX).map(|drawn| EntryId::from_random([drawn; 5])).find(|id| !self.now.has_move(id));
        let free =
            free.ok_or_else(|| refuse(Code::Inconsistent, "记录已满，请另建一条", "the record is full; start a new one"))?;
        self.may_move(&free, name, &self.seen.latest_moves(), Some("—"))
    }
}
