//! When a record is overdue. Computed from the moves, the schema and the calendar, and never stored as truth: a device
//! without signal and the server say the same about the same facts.
//!
//! Clocks run on the server's receive time. A pause — a built-in field of every record — stops them until the end of a day,
//! with a reason; striking the pause out lets them run again.

use serde::Serialize;

use crate::calendar::Calendar;
use crate::id::ChangeHash;
use crate::record::{RecordView, Standing};
use crate::schema::{Deadline, Kind, Label, Role, StateName, Value, When, Within, built_in};
use crate::time::{SpanMs, UnixMs};

/// One clock of a record that is running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    /// The rule in words.
    pub rule: Label,
    /// Since when it runs.
    pub since: UnixMs,
    /// When it ends, pauses included.
    pub due: UnixMs,
    /// Whether nothing may happen *before* that moment, rather than after it.
    pub earliest: bool,
    /// How long it has been over; nothing while there is time.
    pub overdue: Option<SpanMs>,
    /// Who has been told by now, in the order of the schema: the first when it is over, each next after the same span again.
    pub escalated: Vec<Role>,
}

/// The clocks that run for a record now. `received` tells when the server received a change, `made` when it received the
/// first one; changes that it has not received run no clocks.
pub fn due(
    kind: &Kind,
    view: &RecordView,
    made: Option<UnixMs>,
    received: impl Fn(ChangeHash) -> Option<UnixMs>,
    calendar: &Calendar,
    now: UnixMs,
) -> Vec<Due> {
    let Some(made) = made.filter(|_| view.voided.is_none()) else { return Vec::new() };
    let entered = entered(kind, view, made, &received);
    let pauses = pauses(view, calendar, &received);
    let running = kind.deadlines.iter().filter(|rule| rule.states.contains(&view.state) && meets(rule.when.as_ref(), view));
    running.map(|rule| clock(rule, &entered, &pauses, calendar, now)).collect()
}

/// Each state the record went through, and when.
fn entered(
    kind: &Kind,
    view: &RecordView,
    made: UnixMs,
    received: &impl Fn(ChangeHash) -> Option<UnixMs>,
) -> Vec<(StateName, UnixMs)> {
    let mut entered = vec![(kind.initial.clone(), made)];
    for step in view.moves.iter().filter(|step| step.standing == Standing::Stands) {
        let Some(rule) = kind.moves.get(&step.name) else { continue };
        let last = entered.last().map_or(made, |(_, at)| *at);
        // A move may be received before one that it comes after in the fold; a clock does not run backwards for that.
        entered.push((rule.to.clone(), received(step.source.change).unwrap_or(last).max(last)));
    }
    entered
}

/// Spans in which no clock of the record runs.
fn pauses(view: &RecordView, calendar: &Calendar, received: &impl Fn(ChangeHash) -> Option<UnixMs>) -> Vec<(UnixMs, UnixMs)> {
    let standing = view.entries(built_in::PAUSES).iter().filter(|entry| entry.voided.is_none());
    let span = |entry: &crate::record::EntryView| {
        let said = entry.values.last()?;
        let Some(Value::Text(until)) = said.value.get("until") else { return None };
        Some((received(said.source.change)?, calendar.end_of_day(until)?))
    };
    let mut spans: Vec<(UnixMs, UnixMs)> = standing.filter_map(span).filter(|(from, until)| from < until).collect();
    spans.sort_unstable();
    spans
}

fn meets(when: Option<&When>, view: &RecordView) -> bool {
    when.is_none_or(|when| (view.value(when.field.as_str()) == Some(&Value::Text(when.choice.clone()))) == when.is)
}

fn clock(rule: &Deadline, entered: &[(StateName, UnixMs)], pauses: &[(UnixMs, UnixMs)], calendar: &Calendar, now: UnixMs) -> Due {
    // The unbroken run of the rule's states that ends with the present one.
    let run = entered.iter().rev().take_while(|(state, _)| rule.states.contains(state));
    let since = run.last().map_or(now, |(_, at)| *at);
    let due = paused(since, calendar.end_of(since, rule.within), pauses);
    let overdue = (now >= due && !rule.earliest).then(|| now - due);
    let mut escalated = Vec::new();
    let mut step = due;
    for role in &rule.escalate {
        if overdue.is_none() || now < step {
            break;
        }
        escalated.push(role.clone());
        step = next_step(calendar, step, rule.within);
    }
    Due { rule: rule.label.clone(), since, due, earliest: rule.earliest, overdue, escalated }
}

/// The same span again; at least an hour, so that every step comes.
fn next_step(calendar: &Calendar, from: UnixMs, within: Within) -> UnixMs {
    calendar.end_of(from, within).max(from + SpanMs::from_secs(3600))
}

/// `due`, moved back by every pause that falls before it.
fn paused(since: UnixMs, mut due: UnixMs, pauses: &[(UnixMs, UnixMs)]) -> UnixMs {
    let mut counted = since;
    for (from, until) in pauses {
        let from = (*from).max(counted);
        if from < due && from < *until {
            due = due + (*until - from);
            counted = *until;
        }
    }
    due
}
