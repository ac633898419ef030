//! May this change stand? One pure function, [`judge`], asked by the device before an edit is stored and by the server
//! when it arrives, so that the two never disagree about the same facts.
//!
//! What the writer could see decides: a move is judged by the state *its writer saw*, not by what others did meanwhile —
//! that is for the fold ([`crate::record::fold`]) to order. Only the writer's standing is judged by the clock of whoever
//! asks: a role that has ended has ended, however old the change claims to be.

mod offers;

use std::cell::OnceCell;
use std::collections::BTreeSet;

use crate::change::Change;
use crate::digits;
use crate::id::{Audience, ChangeHash, DeviceId, EntryId, PersonId};
use crate::limits;
use crate::record::{Act, Created, EntryParts, NotUnderstood, Record, Said, Seen, Source, Understood, VoidTarget};
use crate::refusal::{Code, Refusal};
use crate::roster::{Member, Roster};
use crate::schema::{
    Entry, Field, FieldName, KeySource, Kind, Label, MoveName, Needs, Party, Role, Scalar, Schema, Shape, StateName, Value,
    built_in,
};
use crate::time::UnixMs;

pub use offers::{Offers, creatable, offers};

/// Whose change it is, and the moment at which their roles are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Author {
    /// Who signed it.
    pub person: PersonId,
    /// On which device.
    pub device: DeviceId,
    /// Receipt by the server's clock; on the device, its best guess of that.
    pub at: UnixMs,
}

/// A change that may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// What it says, read in the record as it stood.
    pub understood: Understood,
    /// The role that allowed it.
    pub role: Role,
}

/// Why a change does not stand now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objection {
    /// It never will, as it is.
    Refused(Refusal),
    /// It was written on top of changes that are not here. Ask again when they are.
    Missing(Vec<ChangeHash>),
    /// Its actor and number are taken by another change. Its device must take a new actor and write it again.
    Forked,
}

impl From<Refusal> for Objection {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Judges a change to `record` that arrives in a feed of `audience`.
///
/// # Errors
/// [`Objection`]; the record is untouched either way.
pub fn judge(
    schema: &Schema,
    roster: &Roster,
    record: &Record,
    audience: Audience,
    author: Author,
    change: &Change,
) -> Result<Allowed, Objection> {
    let understood = record.understand(change).map_err(objection)?;
    let acts = &understood.acts;
    let seen = record.seen_by(change);
    let created = match &acts[0] {
        Act::Create(created) => created.clone(),
        _ => seen.created().ok_or_else(|| refuse(Code::NotAnAct, "记录尚未建立", "the record was never made"))?,
    };
    let kind = schema.kinds.get(&created.kind).ok_or_else(|| {
        let kind = &created.kind;
        Refusal::new(Code::UnknownKind, format!("没有“{kind}”这种记录"), format!("there is no kind of record called {kind}"))
    })?;
    if kind.audience != audience {
        return Err(refuse(Code::WrongAudience, "记录不属于这个范围", "a record of this kind belongs into another feed").into());
    }
    if acts.iter().filter(|act| matches!(act, Act::Move { .. })).count() > 1 {
        let refusal = refuse(Code::WrongFollows, "一次只能办理一步", "the second move of a change does not follow the first");
        return Err(refusal.into());
    }
    if !matches!(acts[0], Act::Create(_)) && seen.is_voided() {
        return Err(voided().into());
    }
    let mut refusal = not_a_member(schema, change);
    for (number, member) in roster.roles_of(author.person, author.at).filter(|m| m.party == *change.party()).enumerate() {
        let (party, written) = (change.party(), change.device_time());
        let now = record.now();
        let case = Case { schema, kind, seen: &seen, now, member, author, party, written, state: OnceCell::new() };
        match acts.iter().try_for_each(|act| case.may(act, acts)) {
            Ok(()) => return Ok(Allowed { role: member.role.clone(), understood }),
            Err(reason) if number == 0 => refusal = reason,
            Err(_) => {}
        }
    }
    Err(refusal.into())
}

/// What is objected to a change that was not understood.
pub fn objection(why: NotUnderstood) -> Objection {
    let en = why.to_string();
    let code = match why {
        NotUnderstood::Missing(missing) => return Objection::Missing(missing),
        NotUnderstood::Forked => return Objection::Forked,
        NotUnderstood::Deletes(_) => Code::Deletes,
        NotUnderstood::RewritesHistory(_) => Code::RewritesHistory,
        NotUnderstood::Inconsistent(_) => Code::Inconsistent,
        NotUnderstood::Retypes(_) => Code::Retypes,
        NotUnderstood::TooDeep => Code::TooDeep,
        NotUnderstood::Strange(_) => Code::NotAnAct,
    };
    let en = en.chars().take(limits::SENTENCE_CHARS).collect::<String>();
    Objection::Refused(Refusal::new(code, "这不是本系统能写出的修改", format!("no device of ours writes this: {en}")))
}

fn refuse(code: Code, zh: &str, en: &str) -> Refusal {
    Refusal::new(code, zh, en)
}

fn voided() -> Refusal {
    refuse(Code::Voided, "这条记录已作废", "this record was struck out")
}

fn not_a_member(schema: &Schema, change: &Change) -> Refusal {
    let Label { zh, en } = schema.party_label(change.party());
    Refusal::new(
        Code::NotAMember,
        format!("您目前在本小区没有“{zh}”的身份"),
        format!("you do not speak for the {en} in this community now"),
    )
}

/// One change, in the eyes of one of its writer's roles.
struct Case<'a> {
    schema: &'a Schema,
    kind: &'a Kind,
    seen: &'a Seen<'a>,
    now: Seen<'a>,
    member: &'a Member,
    author: Author,
    /// The party spoken for.
    party: &'a Party,
    /// When, by the writer's clock.
    written: UnixMs,
    /// The state the writer saw, folded once however many acts ask for it.
    state: OnceCell<StateName>,
}

impl Case<'_> {
    fn state(&self) -> &StateName {
        self.state.get_or_init(|| self.seen.state(self.kind))
    }

    fn may(&self, act: &Act, all: &[Act]) -> Result<(), Refusal> {
        match act {
            Act::Create(created) => self.may_create(created, all),
            Act::Set { field, value } => self.may_set(field, value),
            Act::Write { field, text } => self.may_draft(field, text),
            Act::Put { field, key, entry } => self.may_put(field, key, entry),
            Act::Move { id, name, follows, reason } => self.may_move(id, name, follows, reason.as_deref()),
        }
    }

    fn may_create(&self, created: &Created, all: &[Act]) -> Result<(), Refusal> {
        let honest = created.person == self.author.person
            && created.device == self.author.device
            && created.party == *self.party
            && created.device_time == self.written;
        if !honest {
            return Err(refuse(
                Code::CreatedForged,
                "建立人、设备或时间与修改不符",
                "who, where or when it was made is not who, where and when it was written",
            ));
        }
        if !self.kind.create.contains(&self.member.role) {
            let (kind, who) = (&self.kind.label, self.schema.who(&self.kind.create));
            return Err(Refusal::new(
                Code::MayNotCreate,
                format!("“{}”由{}建立", kind.zh, who.zh),
                format!("a {} is made by: {}", kind.en, who.en),
            ));
        }
        if let Some(not_by) = &self.kind.not_by {
            let own = Value::Text(self.member.party.to_string());
            if all.iter().any(|act| matches!(act, Act::Set { field, value } if field == not_by && *value == own)) {
                return Err(refuse(
                    Code::HandledByOwnParty,
                    "经办方不能回访自己办的事",
                    "who handled it does not ask how it went",
                ));
            }
        }
        let given = |name: &FieldName| {
            all.iter().any(|act| match act {
                Act::Set { field, value } => field == name && *value != Value::Nothing,
                Act::Write { field, text } => field == name && !text.is_empty(),
                Act::Put { field, .. } => field == name,
                Act::Create(_) | Act::Move { .. } => false,
            })
        };
        match self.kind.fields.iter().find(|(name, field)| field.needed && !given(name)) {
            Some((_, field)) => Err(needed(&field.label)),
            None => Ok(()),
        }
    }

    fn field(&self, name: &FieldName) -> Result<&Field, Refusal> {
        let field = self.kind.fields.get(name).ok_or_else(|| self.unknown_field(name))?;
        if !field.writable_in.is_empty() && !field.writable_in.contains(self.state()) {
            let Label { zh, en } = &field.label;
            return Err(Refusal::new(Code::Frozen, format!("“{zh}”现在不能再改"), format!("{en} cannot be written any more")));
        }
        if field.write.contains(&self.member.role) {
            return Ok(field);
        }
        let who = self.schema.who(&field.write);
        let Label { zh, en } = &field.label;
        Err(Refusal::new(Code::MayNotWrite, format!("“{zh}”由{}填写", who.zh), format!("{en} is written by: {}", who.en)))
    }

    fn unknown_field(&self, name: &FieldName) -> Refusal {
        let kind = &self.kind.label;
        Refusal::new(
            Code::UnknownField,
            format!("“{}”没有“{name}”这一项", kind.zh),
            format!("a {} has no such field as {name}", kind.en),
        )
    }

    fn may_set(&self, name: &FieldName, value: &Value) -> Result<(), Refusal> {
        let field = self.field(name)?;
        let Shape::Register(scalar) = &field.shape else { return Err(retypes(&field.label)) };
        check_value(&field.label, scalar, value)?;
        if field.needed && *value == Value::Nothing {
            return Err(needed(&field.label));
        }
        self.not_written_yet(name, field)
    }

    fn not_written_yet(&self, name: &FieldName, field: &Field) -> Result<(), Refusal> {
        if field.once && self.seen.has_value(name) {
            let Label { zh, en } = &field.label;
            return Err(Refusal::new(Code::WriteOnce, format!("“{zh}”只能填写一次"), format!("{en} is written once")));
        }
        Ok(())
    }

    fn may_draft(&self, name: &FieldName, text: &str) -> Result<(), Refusal> {
        let field = self.field(name)?;
        let Shape::Prose { max } = field.shape else { return Err(retypes(&field.label)) };
        match text.chars().count() {
            0 if field.needed => Err(needed(&field.label)),
            long if long > max => Err(bad_value(&field.label, &format!("longer than {max} characters"))),
            _ => Ok(()),
        }
    }

    fn may_put(&self, name: &FieldName, key: &str, entry: &EntryParts) -> Result<(), Refusal> {
        let holds = self.kind.entry(name.as_str()).ok_or_else(|| match self.kind.fields.get(name) {
            Some(field) => retypes(&field.label),
            None => self.unknown_field(name),
        })?;
        check_entry(holds, entry)?;
        if !self.kind.fields.contains_key(name) {
            self.may_add()?;
        }
        match name.as_str() {
            built_in::NOTES => self.new_entry(name, key, entry),
            built_in::ATTACHMENTS => match digits::unhex(key) {
                Some(hash) if hash.len() == 32 => Ok(()),
                _ => Err(refuse(Code::BadValue, "附件要以内容的哈希命名", "an attachment is named by the SHA-256 of its bytes")),
            },
            built_in::PAUSES => self.new_entry(name, key, entry).and_then(|()| self.may_pause()),
            built_in::VOIDS => self.new_entry(name, key, entry).and_then(|()| self.may_void(entry)),
            _ => match &self.field(name)?.shape {
                Shape::Log(_) | Shape::Set { key: KeySource::Drawn, .. } if self.seen.entry(name, key).is_empty() => {
                    self.new_entry(name, key, entry)
                }
                Shape::Log(_) => {
                    Err(refuse(Code::WriteOnce, "已写下的内容不能改，可以作废", "what was written stays; it can be struck out"))
                }
                Shape::PerParty(_) if key != self.party.as_str() => {
                    Err(refuse(Code::OtherParty, "只能代表本方发表意见", "each party speaks for itself only"))
                }
                _ => Ok(()),
            },
        }
    }

    /// Remarks, papers, pauses and voids are added by those who may read the record.
    fn may_add(&self) -> Result<(), Refusal> {
        if self.schema.may_read(self.kind.audience, [&self.member.role]) {
            return Ok(());
        }
        Err(refuse(Code::MayNotWrite, "您不在这条记录的可见范围内", "who may not read this record adds nothing to it"))
    }

    /// A key that the device drew, and that nothing in the record has.
    fn new_entry(&self, name: &FieldName, key: &str, entry: &EntryParts) -> Result<(), Refusal> {
        if key.parse::<EntryId>().is_err() {
            return Err(refuse(Code::BadValue, "条目名称不对", "the entry's name is not one that a device draws"));
        }
        let there = self.now.entry(name, key);
        match there.iter().any(|said| said.value == *entry) {
            _ if there.is_empty() => Ok(()),
            true => {
                Err(refuse(Code::AlreadySaid, "同一内容已由您手机的另一份副本提交", "another copy of your phone has said this"))
            }
            false => Err(taken()),
        }
    }

    /// Clocks are stopped by those who may move the record somewhere.
    fn may_pause(&self) -> Result<(), Refusal> {
        let moves = self.kind.moves.values().any(|rule| rule.by.contains(&self.member.role));
        if moves {
            Ok(())
        } else {
            Err(refuse(Code::MayNotWrite, "暂停期限由办理人填写", "a pause is written by those who move the record"))
        }
    }

    fn may_void(&self, void: &EntryParts) -> Result<(), Refusal> {
        let target = match void.get("target") {
            Some(Value::Text(text)) => VoidTarget::parse(text),
            _ => None,
        };
        let allowed = match target {
            None => return Err(refuse(Code::BadValue, "没有说明作废什么", "it does not say what is struck out")),
            // Only whose party made it: otherwise whoever a fault is held against could strike it out.
            Some(VoidTarget::Record) => {
                let made_by_own = self.seen.created().is_some_and(|created| created.party == *self.party);
                made_by_own && self.kind.create.contains(&self.member.role)
            }
            Some(VoidTarget::Entry { field, key }) => {
                let said = self.seen.entry(&field, &key);
                if said.is_empty() {
                    return Err(refuse(Code::BadValue, "要作废的内容不存在", "there is nothing by that name to strike out"));
                }
                let rules = self.kind.fields.get(&field);
                if rules.is_some_and(|field| matches!(field.shape, Shape::PerParty(_))) {
                    // A party that changes its mind writes again; a sign-off both given and struck out would mean nothing.
                    return Err(refuse(
                        Code::OtherParty,
                        "本方意见直接改写，不用作废",
                        "a party writes its own entry again instead",
                    ));
                }
                let own = said.iter().all(|said| said.source.party == *self.party);
                let shared = rules.is_some_and(|field| field.write.contains(&self.member.role));
                own || shared
            }
        };
        if allowed {
            Ok(())
        } else {
            Err(refuse(Code::OtherParty, "只能作废本方写的内容", "only those who may write it strike it out"))
        }
    }

    fn may_move(&self, id: &EntryId, name: &MoveName, follows: &BTreeSet<EntryId>, reason: Option<&str>) -> Result<(), Refusal> {
        let rule = self.kind.moves.get(name).ok_or_else(|| {
            let kind = &self.kind.label;
            Refusal::new(
                Code::UnknownMove,
                format!("“{}”没有“{name}”这一步", kind.zh),
                format!("a {} has no such move as {name}", kind.en),
            )
        })?;
        let Label { zh, en } = &rule.label;
        if !rule.by.contains(&self.member.role) {
            let who = self.schema.who(&rule.by);
            return Err(Refusal::new(Code::MayNotMove, format!("“{zh}”由{}办理", who.zh), format!("to {en} is for: {}", who.en)));
        }
        if rule.reason && reason.is_none_or(|reason| reason.trim().is_empty()) {
            return Err(Refusal::new(Code::Needed, format!("“{zh}”需要说明原因"), format!("to {en} needs a reason")));
        }
        if reason.is_some_and(|reason| reason.chars().count() > limits::TEXT_CHARS) {
            return Err(bad_value(&rule.label, "the reason is too long"));
        }
        if self.now.move_count() >= limits::RECORD_MOVES {
            return Err(refuse(Code::Inconsistent, "记录已满，请另建一条", "the record is full; start a new one"));
        }
        if *follows != self.seen.latest_moves() {
            return Err(refuse(
                Code::WrongFollows,
                "没有接着最近的办理步骤",
                "it does not follow the latest moves its writer saw",
            ));
        }
        if self.now.has_move(id) {
            return Err(taken());
        }
        if !rule.from.contains(self.state()) {
            let state = self.kind.state_label(self.state());
            return Err(Refusal::new(
                Code::NotFromThisState,
                format!("当前是“{}”，不能“{zh}”", state.zh),
                format!("it is {} and cannot {en} from there", state.en),
            ));
        }
        rule.needs.iter().try_for_each(|needs| self.signed_off(needs))
    }

    fn signed_off(&self, needs: &Needs) -> Result<(), Refusal> {
        if needs.when.as_ref().is_some_and(|when| !self.seen.meets(when)) {
            return Ok(());
        }
        let last = self.seen.last_of(self.kind, &needs.after);
        if needs.parties.is_empty() {
            let missing = || self.kind.fields.get(&needs.field).map_or_else(taken, |field| needed(&field.label));
            return if self.seen.holds(&needs.field, last.as_ref()) { Ok(()) } else { Err(missing()) };
        }
        let agreed = |parts: &EntryParts| !parts.values().any(|value| *value == Value::YesNo(false));
        let in_time = |source: &Source| last.as_ref().is_none_or(|id| self.seen.was_said_after(source, id));
        let counts = |said: &Said<EntryParts>| agreed(&said.value) && in_time(&said.source);
        let signed = |party: &str| self.seen.entry(&needs.field, party).iter().all(counts);
        let missing: Vec<Label> = needs
            .parties
            .iter()
            .filter(|party| self.seen.entry(&needs.field, party.as_str()).is_empty() || !signed(party.as_str()))
            .map(|party| self.schema.party_label(party))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let zh = missing.iter().map(|l| l.zh.as_str()).collect::<Vec<_>>().join("、");
        let en = missing.iter().map(|l| l.en.as_str()).collect::<Vec<_>>().join(", ");
        Err(Refusal::new(Code::SignOffsMissing, format!("还缺{zh}的签字"), format!("not yet signed by: {en}")))
    }
}

fn check_entry(holds: &Entry, entry: &EntryParts) -> Result<(), Refusal> {
    for (name, value) in entry {
        let Some(part) = holds.parts.get(name) else {
            return Err(Refusal::new(
                Code::UnknownField,
                format!("没有“{name}”这一项"),
                format!("an entry has no such part as {name}"),
            ));
        };
        check_value(&part.label, &part.scalar, value)?;
    }
    let empty = |name: &FieldName| entry.get(name).is_none_or(|value| *value == Value::Nothing || *value == "".into());
    match holds.parts.iter().find(|(name, part)| part.needed && empty(name)) {
        Some((_, part)) => Err(needed(&part.label)),
        None => Ok(()),
    }
}

fn check_value(label: &Label, scalar: &Scalar, value: &Value) -> Result<(), Refusal> {
    if !scalar.is_of_type(value) {
        return Err(retypes(label));
    }
    scalar.check(value).map_err(|misfit| bad_value(label, &misfit.to_string()))
}

fn retypes(label: &Label) -> Refusal {
    let Label { zh, en } = label;
    Refusal::new(Code::Retypes, format!("“{zh}”不能改成另一种类型"), format!("{en} cannot become of another type"))
}

fn needed(label: &Label) -> Refusal {
    Refusal::new(Code::Needed, format!("“{}”不能为空", label.zh), format!("{} may not be left empty", label.en))
}

fn bad_value(label: &Label, misfit: &str) -> Refusal {
    Refusal::new(Code::BadValue, format!("“{}”填写有误", label.zh), format!("{}: {misfit}", label.en))
}

fn taken() -> Refusal {
    refuse(Code::TakenName, "名称已被使用", "the record already has something by that name")
}
