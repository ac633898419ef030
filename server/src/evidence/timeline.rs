//! The timeline: a line for each thing that was said, in the words in which people read it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use renolog_protocol::id::ChangeHash;
use renolog_protocol::schema::{Label, Schema};
use renolog_protocol::time::UnixMs;

use super::facts::{Facts, Refused};
use super::ledger::Ledger;
use crate::history::{self, Entry};

/// One line.
pub(super) struct Line<'a> {
    pub(super) entry: &'a Entry,
    /// By the device's clock.
    pub(super) written: String,
    /// The same by the server's clock, as far as the connection showed how they differ.
    pub(super) corrected: String,
    /// By the server's clock.
    pub(super) received: String,
    /// As what they wrote; none if it was refused.
    pub(super) role: Option<Label>,
    pub(super) party: Label,
    pub(super) kind: Option<Label>,
    /// Whether it still counts, and how it came, in both languages.
    pub(super) notes: Vec<String>,
}

/// The lines of a ledger, in its order.
pub(super) fn lines<'a>(facts: &Facts, ledger: &'a Ledger) -> Vec<Line<'a>> {
    let refused: BTreeMap<ChangeHash, &Refused> = facts.refused.iter().map(|refused| (refused.hash, refused)).collect();
    ledger.entries.iter().map(|entry| line(&ledger.schema, entry, refused.get(&entry.change).copied())).collect()
}

fn line<'a>(schema: &Schema, entry: &'a Entry, refused: Option<&Refused>) -> Line<'a> {
    let mut notes = history::marks(entry);
    if let Some(settled) = refused.and_then(|refused| refused.settled.as_ref()).filter(|settled| !settled.released) {
        notes.push(format!("✗ 经{}阅处，不予采纳：{0} dismissed by {0}: {1}", settled.role, settled.reason));
    }
    if entry.marks.erased && !entry.words.iter().any(|words| words.en.starts_with("erased")) {
        notes.push("⌫ 该记录已依法删除，内容不再保存 the record was erased, and these words with it".to_owned());
    }
    notes.extend(history::how_it_came(entry));
    Line {
        written: moment(entry.device_time),
        corrected: moment(entry.corrected),
        received: moment(entry.received),
        role: entry.role.as_ref().map(|role| match schema.roles.get(role) {
            Some(known) => known.label.clone(),
            None => Label { zh: role.to_string(), en: role.to_string() },
        }),
        party: schema.party_label(&entry.party),
        kind: entry.kind.as_ref().and_then(|kind| schema.kinds.get(kind)).map(|kind| kind.label.clone()),
        notes,
        entry,
    }
}

/// A moment in China, to the second.
pub(super) fn moment(at: UnixMs) -> String {
    match Timestamp::from_millisecond(at.0) {
        Ok(timestamp) => timestamp.to_zoned(TimeZone::fixed(Offset::constant(8))).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => "?".to_owned(),
    }
}

/// What was asked for, in both languages.
pub(super) fn question(facts: &Facts, ledger: &Ledger) -> Label {
    let about = &facts.about;
    let (mut zh, mut en) = (about.community.name.clone(), about.community.name.clone());
    if let Some(record) = about.record {
        let title = ledger.records.iter().find(|stood| stood.record.id == record).map(|stood| stood.record.title.as_str());
        let title = title.unwrap_or_default();
        zh += &format!(" · 记录 {title}（{record}）");
        en += &format!(" · record {title} ({record})");
    }
    let day = |day: Option<super::Day>, open: &str| day.map_or_else(|| open.to_owned(), |day| day.to_string());
    if about.from.is_some() || about.to.is_some() {
        zh += &format!(" · 收到日期 {} 至 {}", day(about.from, "最初"), day(about.to, "截止时"));
        en += &format!(" · received from {} to {}", day(about.from, "the beginning"), day(about.to, "the end"));
    }
    Label { zh, en }
}
