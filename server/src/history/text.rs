//! The merged history on a terminal: a lane for each party, a row for each change, marks where people should look.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use renolog_protocol::schema::{Party, Schema};
use renolog_protocol::time::{SpanMs, UnixMs};
use unicode_width::UnicodeWidthStr;

use super::Entry;

/// China has one time zone and no summer time.
const CHINA: Offset = Offset::constant(8);
/// A span on the device below this is the link's, not the person's.
const OFFLINE_SHOWN: SpanMs = SpanMs::from_secs(120);
/// A clock closer than this is right.
const SKEW_SHOWN: SpanMs = SpanMs::from_secs(60);

/// What one person said in one record and sent together: shown under one heading.
type Visit<'a> = Vec<&'a Entry>;

/// Lines of one visit shown in full; of longer ones (a community's hundred buildings) the first few and the count.
const LINES: usize = 12;
const LINES_OF_MANY: usize = 3;

/// Renders entries in the order in which they happened (device time, corrected), with `refused` ones at the end.
pub fn render(schema: &Schema, heading: &str, entries: &[Entry], refused: &[Entry]) -> String {
    let spoken: BTreeSet<&Party> = entries.iter().chain(refused).map(|entry| &entry.party).collect();
    let lanes: Vec<&Party> = schema.parties.keys().filter(|party| spoken.contains(party)).collect();
    let mut out = String::new();
    let _ = writeln!(out, "{heading}\n");
    for (number, party) in lanes.iter().enumerate() {
        let _ = writeln!(out, "  {}  {}", lane(number, lanes.len()), schema.party_label(party));
    }
    let mut ordered: Vec<&Entry> = entries.iter().collect();
    ordered.sort_by_key(|entry| (entry.corrected, entry.batch, entry.feed, entry.seq));
    let mut day = String::new();
    for visit in visits(&ordered) {
        let (date, time) = date_and_time(visit[0].corrected);
        if date != day {
            let _ = writeln!(out, "\n── {date} {}", "─".repeat(60));
            day = date;
        }
        write_visit(&mut out, schema, &lanes, &visit, &time);
    }
    if !refused.is_empty() {
        let _ = writeln!(out, "\n── 未被接受，已隔离保存 refused, kept in quarantine {}", "─".repeat(20));
        for entry in refused {
            let (date, time) = date_and_time(entry.corrected);
            write_visit(&mut out, schema, &lanes, &vec![entry], &format!("{date} {time}"));
        }
    }
    out
}

/// Received within this of each other, changes are one visit: a phone that is online sends each on its own.
const ONE_VISIT: SpanMs = SpanMs::from_secs(600);

/// Cuts a history into visits: what follows each other in one record, by one device, received together, the same day.
fn visits<'a>(ordered: &[&'a Entry]) -> Vec<Visit<'a>> {
    let mut visits: Vec<Visit<'a>> = Vec::new();
    let belongs = |first: &Entry, entry: &Entry| {
        (first.record, first.device, &first.party) == (entry.record, entry.device, &entry.party)
            && (entry.received - first.received).0.abs() < ONE_VISIT.0
            && date_and_time(first.corrected).0 == date_and_time(entry.corrected).0
    };
    for entry in ordered {
        match visits.last_mut() {
            Some(visit) if belongs(visit[0], entry) => visit.push(entry),
            _ => visits.push(vec![entry]),
        }
    }
    visits
}

/// `│ ● │`: the party's place among the lanes.
fn lane(number: usize, lanes: usize) -> String {
    (0..lanes).map(|n| if n == number { "●" } else { "│" }).collect::<Vec<_>>().join(" ")
}

fn write_visit(out: &mut String, schema: &Schema, lanes: &[&Party], visit: &Visit<'_>, time: &str) {
    let entry = visit[0];
    let place = lanes.iter().position(|party| **party == entry.party).unwrap_or(0);
    let role = entry.role.as_ref().and_then(|role| schema.roles.get(role)).map(|role| format!("（{}）", role.label.zh));
    let kind = entry.kind.as_ref().and_then(|kind| schema.kinds.get(kind)).map(|kind| kind.label.zh.clone());
    let who = format!("{}{}", entry.name, role.unwrap_or_default());
    let about = format!("{} {}", kind.unwrap_or_default(), entry.title);
    let _ = writeln!(out, "{time}  {}  {} {}", lane(place, lanes.len()), pad(&who, 22), about.trim());
    let margin = format!("{}  {}    ", " ".repeat(time.width()), "│ ".repeat(lanes.len()));
    let lines: Vec<String> = visit.iter().flat_map(|entry| said(entry)).collect();
    let shown = if lines.len() > LINES { LINES_OF_MANY } else { lines.len() };
    for line in &lines[..shown] {
        let _ = writeln!(out, "{margin}{line}");
    }
    if shown < lines.len() {
        let _ = writeln!(out, "{margin}… 另有 {0} 项  and {0} more", lines.len() - shown);
    }
    for note in how_it_came(entry) {
        let _ = writeln!(out, "{margin}{note}");
    }
}

/// What an entry says, and whether it still counts.
fn said(entry: &Entry) -> Vec<String> {
    let words = entry
        .words
        .iter()
        .map(|words| if words.en == words.zh { words.zh.clone() } else { format!("{}  {}", words.zh, words.en) });
    words.chain(marks(entry)).collect()
}

/// Whether an entry still counts.
pub(crate) fn marks(entry: &Entry) -> Vec<String> {
    let mut lines = Vec::new();
    if entry.marks.superseded {
        lines.push("↯ 已被并行的办理取代，不再生效 superseded by a parallel move".to_owned());
    }
    if entry.marks.conflicting {
        lines.push("⚡ 与他人同时填写的内容不一致，待确认 conflicts with what others wrote apart".to_owned());
    }
    if let Some(refusal) = &entry.marks.refused {
        lines.push(format!("✗ {} {} [{}]", refusal.zh, refusal.en, refusal.code));
    }
    if let Some(released) = &entry.marks.released {
        let (zh, en, who) = (&released.refused.zh, &released.refused.en, &released.name);
        lines.push(format!(
            "⚖ 曾因“{zh}”未被接受，由{}{who}放行：{} refused ({en}), then released",
            released.role, released.reason
        ));
    }
    lines
}

/// What is to be known of how a visit came.
pub(crate) fn how_it_came(entry: &Entry) -> Vec<String> {
    let mut notes = Vec::new();
    if entry.offline >= OFFLINE_SHOWN {
        let (date, time) = date_and_time(entry.received);
        notes.push(format!("⇡ 离线 {} 后于 {date} {time} 送达 written offline, received {} later", entry.offline, entry.offline));
    }
    if entry.skew.0.abs() >= SKEW_SHOWN.0 {
        let words = if entry.skew.0 > 0 { "慢 slow" } else { "快 fast" };
        notes.push(format!("◷ 设备时钟{words} by {}", SpanMs(entry.skew.0.abs())));
    }
    if entry.carrier.is_some() {
        notes.push("⇄ 由另一台设备代为送达 carried by another device".to_owned());
    }
    notes
}

/// To a width on the terminal, where a Chinese character takes two places.
fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

fn date_and_time(moment: UnixMs) -> (String, String) {
    let Ok(timestamp) = Timestamp::from_millisecond(moment.0) else { return ("?".into(), "?".into()) };
    let zoned = timestamp.to_zoned(TimeZone::fixed(CHINA));
    let weekday = ["日", "一", "二", "三", "四", "五", "六"][usize::from(zoned.weekday().to_sunday_zero_offset().unsigned_abs())];
    (format!("{} 周{weekday}", zoned.date()), zoned.strftime("%H:%M").to_string())
}
