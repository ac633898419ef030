//! `renolog figures`: how far the plan is, what waits for whom and how long things take, and how the owners voted.

use std::path::PathBuf;

use anyhow::Result;

use super::Data;
use crate::ballots;
use crate::clock::{Clock, SystemClock};
use crate::data_dir;
use crate::figures::{self, Known, Scope};
use crate::store::Reader;

#[derive(Debug, clap::Args)]
pub(super) struct FiguresArgs {
    /// Only this community, by short name, name or id.
    community: Option<String>,
    /// The file of holidays and make-up days that the server was started with, if it was not the built-in one.
    #[arg(long)]
    calendar: Option<PathBuf>,
    /// The file of what the district knows of itself that the server was started with, if it was not the built-in one.
    #[arg(long)]
    district: Option<PathBuf>,
    #[command(flatten)]
    data: Data,
}

pub(super) fn print(args: &FiguresArgs) -> Result<()> {
    let store = data_dir::reader(&args.data.data)?;
    let (schema, scope) = (super::schema_of(&store)?, super::scope_of(&store, args.community.as_deref())?);
    let calendar = super::read_calendar(args.calendar.as_deref())?;
    let district = super::read_district(args.district.as_deref())?;
    let known = Known { schema: &schema, district: &district, calendar: &calendar, now: SystemClock.now() };
    super::print_text(&text(&store, &scope, known)?)
}

/// The figures and the votes within a scope, as text.
///
/// # Errors
/// The store fails.
pub(crate) fn text(store: &Reader, scope: &Scope, known: Known<'_>) -> Result<String> {
    let now = known.calendar.written(known.now).unwrap_or_default();
    let figures = figures::render(known.schema, &figures::all(store, scope, known)?);
    let mut text = format!("{} · 指标 figures · {now}\n\n{figures}", known.district.name);
    let votes = ballots::render(store, scope, known.schema)?;
    if !votes.is_empty() {
        text += &format!("\n业主表决 votes of the owners\n{votes}");
    }
    Ok(text)
}
