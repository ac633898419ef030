//! `renolog overdue`: what is over its time, the longest first.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use renolog_protocol::calendar::Calendar;
use renolog_protocol::id::PersonId;
use renolog_protocol::schema::{Party, Role, Schema};

use super::Data;
use crate::clock::{Clock, SystemClock};
use crate::data_dir;
use crate::overdue::{self, Filter, Overdue};

#[derive(Debug, clap::Args)]
pub(super) struct OverdueArgs {
    /// Only this community, by short name, name or id.
    community: Option<String>,
    /// Only what waits for this party.
    #[arg(long)]
    party: Option<Party>,
    /// Only what waits for this role, or has been escalated to it.
    #[arg(long)]
    role: Option<Role>,
    /// Only what waits for a role of this person, by id, or has been escalated to one.
    #[arg(long)]
    person: Option<PersonId>,
    /// Only communities of this street.
    #[arg(long)]
    street: Option<String>,
    /// The file of holidays and make-up days that the server was started with, if it was not the built-in one.
    #[arg(long)]
    calendar: Option<PathBuf>,
    #[command(flatten)]
    data: Data,
}

pub(super) fn print(args: OverdueArgs) -> Result<()> {
    let store = data_dir::reader(&args.data.data)?;
    let schema = super::schema_of(&store)?;
    let calendar = super::read_calendar(args.calendar.as_deref())?;
    let scope = super::scope_of(&store, args.community.as_deref())?;
    let filter = Filter { party: args.party, role: args.role, person: args.person, street: args.street };
    let found = overdue::list(&store, &scope, &schema, &calendar, SystemClock.now(), &filter)?;
    super::print_text(&render(&schema, &calendar, &found))?;
    Ok(())
}

fn render(schema: &Schema, calendar: &Calendar, found: &[Overdue]) -> String {
    let mut text = format!("超期 overdue: {}\n", found.len());
    for late in found {
        let kind = schema.kinds.get(&late.kind);
        let label = kind.map_or_else(|| late.kind.to_string(), |kind| kind.label.to_string());
        let state = kind.map_or_else(|| late.state.to_string(), |kind| kind.state_label(&late.state).to_string());
        let _ = writeln!(text, "\n{label} · {} · {state}", late.title);
        let due = calendar.written(late.due).unwrap_or_default();
        let _ = writeln!(text, "  {}；应于 due {due}，已超 over by {}", late.rule, late.overdue);
        let names = |roles: &mut dyn Iterator<Item = &Role>| roles.map(Role::as_str).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "  待办 waits for: {}", names(&mut late.waits_for.iter()));
        if !late.escalated.is_empty() {
            let _ = writeln!(text, "  已上报 escalated to: {}", names(&mut late.escalated.iter()));
        }
        let _ = writeln!(text, "  {}", late.record);
    }
    text
}
