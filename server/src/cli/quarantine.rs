//! `renolog quarantine`: what was refused, and what becomes of it.

use anyhow::{Context, Result};
use clap::Subcommand;
use renolog_protocol::id::{Audience, ChangeHash, FeedId};
use renolog_protocol::schema::Role;

use super::desk::{Desk, apply, ask};
use super::{Data, schema_of};
use crate::command::{Command, Settle};
use crate::data_dir;
use crate::history::{self, Entry};
use crate::office::{Decision, find_community};

#[derive(Debug, Subcommand)]
pub(super) enum QuarantineVerb {
    /// Lists what was refused in a community, and why.
    List {
        /// The community, by short name, name or id.
        community: String,
        #[command(flatten)]
        data: Data,
    },
    /// Shows one refused change in words.
    Show {
        /// The change.
        change: ChangeHash,
        #[command(flatten)]
        data: Data,
    },
    /// Lets a refused change stand after all.
    Release(SettleArgs),
    /// Leaves a refused change refused, as seen.
    Dismiss(SettleArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct SettleArgs {
    /// The change.
    change: ChangeHash,
    /// Why. It is kept with the decision.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    data: Data,
}

/// Runs one of them.
///
/// # Errors
/// A sentence for the person at the terminal.
pub(super) fn run(verb: QuarantineVerb) -> Result<()> {
    match verb {
        QuarantineVerb::List { community, data } => {
            let store = data_dir::reader(&data.data)?;
            let row = find_community(&store, &community)?.with_context(|| format!("there is no community {community:?}"))?;
            for audience in Audience::ALL {
                for entry in history::refused(&store, &*schema_of(&store)?, FeedId { community: row.id, audience }, 1000)? {
                    print_refused(&entry);
                }
            }
            Ok(())
        }
        QuarantineVerb::Show { change, data } => {
            let store = data_dir::reader(&data.data)?;
            let entry = history::in_quarantine(&store, &*schema_of(&store)?, change)?;
            print_refused(&entry.with_context(|| format!("change {change} is not in quarantine"))?);
            Ok(())
        }
        QuarantineVerb::Release(args) => settle(args, true),
        QuarantineVerb::Dismiss(args) => settle(args, false),
    }
}

fn print_refused(entry: &Entry) {
    println!("{}  {}（{}）  {}", entry.change, entry.name, entry.party, entry.title);
    entry.words.iter().for_each(|words| println!("    {words}"));
    if let Some(refusal) = &entry.marks.refused {
        println!("    ✗ {} {} [{}]", refusal.zh, refusal.en, refusal.code);
    }
}

fn settle(args: SettleArgs, release: bool) -> Result<()> {
    let SettleArgs { change, reason, data } = args;
    match Desk::open(&data.data)? {
        Desk::Running(running) => {
            let _: serde_json::Value = ask(&running, &format!("refused/{change}"), &Decision { release, reason })?;
        }
        Desk::Here(mut ingest, _data) => {
            let role = Role::parse("district")?;
            apply(&mut ingest, Command::Settle(Settle { change, release, role, reason }))?;
        }
    }
    println!("{}", if release { "已放行 released" } else { "已阅，不予采纳 dismissed" });
    Ok(())
}
