//! `renolog admin organisation` and `renolog admin person`.

use std::path::Path;

use anyhow::{Context, Result};
use clap::Subcommand;
use renolog_protocol::id::PersonId;

use super::{done, heading, who, written};
use crate::cli::desk::give;
use crate::cli::print_text;
use crate::clock::{Clock, SystemClock};
use crate::columns::table;
use crate::data_dir;
use crate::office::{Organisation, Person, Suspension};
use crate::roll::{self, Held, whole};

#[derive(Debug, Subcommand)]
pub(super) enum OrganisationVerb {
    /// 添加 Adds an organisation.
    Add {
        /// 名称 Its name.
        name: String,
    },
    /// 改名 Gives an organisation another name.
    Rename {
        /// 单位 The organisation, by id or name.
        organisation: String,
        /// 新名称 Its name from now on.
        name: String,
    },
    /// 列出 Lists the organisations.
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum PersonVerb {
    /// 添加 Adds a person, without any role yet.
    Add {
        /// 姓名 Their name.
        name: String,
        /// 单位 Where they belong, by id or name.
        #[arg(long)]
        organisation: Option<String>,
    },
    /// 修改 Gives a person another name or organisation.
    Change {
        /// 姓名或编号 Who, by id or name.
        person: String,
        /// 新姓名 Their name from now on.
        #[arg(long)]
        name: Option<String>,
        /// 单位；空白表示无 Where they belong, by id or name; nothing between the quotes for nowhere.
        #[arg(long, required_unless_present = "name")]
        organisation: Option<String>,
    },
    /// 列出 Lists the people with their roles.
    List,
    /// 暂停 Suspends a person everywhere, at once.
    Suspend(Standing),
    /// 恢复 Lets a suspended person in again.
    Readmit(Standing),
}

#[derive(Debug, clap::Args)]
pub(super) struct Standing {
    /// 姓名或编号 Who, by id or name.
    person: String,
    /// 原因 Why.
    #[arg(long)]
    reason: String,
}

pub(super) fn organisation(data: &Path, verb: OrganisationVerb) -> Result<()> {
    match verb {
        OrganisationVerb::Add { name } => done(&give(data, Organisation { id: None, name })?.id.to_string()),
        OrganisationVerb::Rename { organisation, name } => {
            let store = data_dir::reader(data)?;
            let all = whole(|page| roll::organisations(&store, page))?;
            let meant = all.iter().find(|known| known.name == organisation || known.id.to_string() == organisation);
            let id = meant.with_context(|| format!("没有这个单位 there is no organisation {organisation:?}"))?.id;
            give(data, Organisation { id: Some(id), name })?;
            done("已改名 renamed")
        }
        OrganisationVerb::List => {
            let store = data_dir::reader(data)?;
            let mut rows = heading(["编号 id", "单位 organisation"]);
            rows.extend(
                whole(|page| roll::organisations(&store, page))?.into_iter().map(|row| vec![row.id.to_string(), row.name]),
            );
            print_text(&table(&rows))
        }
    }
}

pub(super) fn person(data: &Path, verb: PersonVerb) -> Result<()> {
    match verb {
        PersonVerb::Add { name, organisation } => done(&give(data, Person { id: None, name, organisation })?.id.to_string()),
        PersonVerb::Change { person, name, organisation } => change(data, &person, name, organisation),
        PersonVerb::List => list(data),
        PersonVerb::Suspend(asked) => suspend(data, asked, true),
        PersonVerb::Readmit(asked) => suspend(data, asked, false),
    }
}

fn suspend(data: &Path, asked: Standing, suspended: bool) -> Result<()> {
    let person = who(&data_dir::reader(data)?, &asked.person)?;
    give(data, Suspension { person, suspended, reason: asked.reason })?;
    done(if suspended { "已暂停 suspended" } else { "已恢复 let in again" })
}

/// An order describes a person whole, so what is not said is taken from what is known.
fn change(data: &Path, typed: &str, name: Option<String>, organisation: Option<String>) -> Result<()> {
    let store = data_dir::reader(data)?;
    let id: PersonId = who(&store, typed)?;
    let all = whole(|page| roll::people(&store, SystemClock.now(), page))?;
    let known = all.into_iter().find(|known| known.id == id).with_context(|| format!("没有这个人 there is no person {id}"))?;
    let organisation = organisation.or(known.organisation).filter(|named| !named.trim().is_empty());
    give(data, Person { id: Some(id), name: name.unwrap_or(known.name), organisation })?;
    done("已修改 changed")
}

fn list(data: &Path) -> Result<()> {
    let store = data_dir::reader(data)?;
    let mut rows = heading(["编号 id", "姓名 name", "单位 organisation", "角色 roles", "设备 devices", "状态 standing"]);
    for person in whole(|page| roll::people(&store, SystemClock.now(), page))? {
        let role = |held: &Held| format!("{}/{}", held.community_name, held.role);
        let roles: Vec<String> = person.roles.iter().filter(|held| held.now).map(role).collect();
        let suspended = person.suspended.map(|since| format!("已暂停 suspended {}", written(since)));
        let administrator = person.administrator.then(|| "系统管理员 administrator".to_owned());
        let standing: Vec<String> = administrator.into_iter().chain(suspended).collect();
        rows.push(vec![
            person.id.to_string(),
            person.name,
            person.organisation.unwrap_or_default(),
            roles.join(" "),
            person.devices.len().to_string(),
            standing.join(" "),
        ]);
    }
    print_text(&table(&rows))
}
