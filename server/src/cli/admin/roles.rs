//! `renolog admin role`.

use std::path::Path;

use anyhow::{Context, Result};
use clap::Subcommand;
use renolog_protocol::calendar::Calendar;
use renolog_protocol::schema::{Party, Role};
use renolog_protocol::time::UnixMs;

use super::{done, heading, who, written};
use crate::cli::desk::give;
use crate::cli::{print_text, schema_of};
use crate::clock::{Clock, SystemClock};
use crate::columns::table;
use crate::data_dir;
use crate::day::When;
use crate::office::{Assignment, Ending, find_community};
use crate::roll;

#[derive(Debug, Subcommand)]
pub(super) enum RoleVerb {
    /// 授予 Gives a person a role.
    Give {
        /// 姓名或编号 Who, by id or name.
        person: String,
        /// 角色 As what, such as captain, property_manager, street.
        #[arg(long)]
        role: Role,
        /// 小区，可多次 Where: a community by short name, name or id. May be given several times.
        #[arg(long, required = true)]
        community: Vec<String>,
        /// 代表方 For which party; the role's own if not said.
        #[arg(long)]
        party: Option<Party>,
        /// 自何日或何时起 From a day, 2026-12-01, or a moment, 2026-12-01T08:00:00+08:00; from now if not said.
        #[arg(long, value_name = "WHEN")]
        from: Option<When>,
        /// 至何日（含）或何时止 Until the end of a day, or a moment; for good if not said.
        #[arg(long, value_name = "WHEN")]
        until: Option<When>,
    },
    /// 终止 Ends a role. What was done under it stands.
    End {
        /// 小区 The community, by short name, name or id.
        community: String,
        /// 列表中的序号 Which, as `role list` numbers them.
        number: u64,
        /// 至何日（含）或何时止 At the end of a day, or at a moment; now if not said.
        #[arg(long, value_name = "WHEN")]
        at: Option<When>,
    },
    /// 列出 Lists who is what where.
    List {
        /// 小区 Only in this community, by short name, name or id.
        #[arg(long)]
        community: Option<String>,
        /// 某人的 Only those of this person, by id or name.
        #[arg(long)]
        person: Option<String>,
        /// 包括已结束和未开始的 Those that have ended or not begun, too.
        #[arg(long)]
        all: bool,
    },
}

pub(super) fn run(data: &Path, verb: RoleVerb) -> Result<()> {
    match verb {
        RoleVerb::Give { person, role, community: communities, party, from, until } => {
            let person = who(&data_dir::reader(data)?, &person)?;
            let (from, until) = (from.map(begins).transpose()?, until.map(ends).transpose()?);
            give(data, Assignment { person, role, party, communities, from, until })?;
            done("已授予 given")
        }
        RoleVerb::End { community, number, at } => {
            give(data, Ending { community, number, at: at.map(ends).transpose()? })?;
            done("已终止 ended")
        }
        RoleVerb::List { community, person, all } => list(data, community, person.as_deref(), all),
    }
}

fn begins(when: When) -> Result<UnixMs> {
    when.begins(&Calendar::built_in()).context("日期超出范围 a day beyond all calendars")
}

fn ends(when: When) -> Result<UnixMs> {
    when.ends(&Calendar::built_in()).context("日期超出范围 a day beyond all calendars")
}

fn list(data: &Path, community: Option<String>, person: Option<&str>, all: bool) -> Result<()> {
    let store = data_dir::reader(data)?;
    if let Some(named) = &community {
        find_community(&store, named)?.with_context(|| format!("没有这个小区 there is no community {named:?}"))?;
    }
    let person = person.map(|typed| who(&store, typed)).transpose()?;
    let schema = schema_of(&store)?;
    let mut rows = heading(["小区 community", "序号 no.", "姓名 name", "角色 role", "代表方 party", "自 from", "至 until"]);
    let held = roll::roles(&store, SystemClock.now(), &roll::Roles { community, person })?.items;
    for held in held.into_iter().filter(|held| all || held.now) {
        let role = schema.roles.get(&held.role).map(|rules| format!(" {}", rules.label.zh)).unwrap_or_default();
        rows.push(vec![
            held.community_name,
            held.number.to_string(),
            held.name,
            format!("{}{role}", held.role),
            schema.party_label(&held.party).zh,
            written(held.from),
            held.until.map(written).unwrap_or_default(),
        ]);
    }
    print_text(&table(&rows))
}
