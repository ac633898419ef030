//! `renolog admin`: everything that is asked for at the desk. Each order is given to the running server, or straight into
//! the data directory; lists are read from the data directory, beside a server that may run on it.

mod access;
mod import;
mod people;
mod roles;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Subcommand;
use renolog_protocol::calendar::Calendar;
use renolog_protocol::id::{DeviceId, PersonId, RecordId};
use renolog_protocol::time::UnixMs;

use super::desk::{ask_list, give};
use super::print_text;
use crate::columns::table;
use crate::data_dir;
use crate::hub::Hub;
use crate::office::{Administration, Erasure, Revocation};
use crate::roll::{self, Devices, whole};
use crate::store::Reader;

/// How much of a hash is shown: enough to tell any two apart, and to be typed.
const SHORT: usize = 12;

#[derive(Debug, clap::Args)]
pub(super) struct AdminArgs {
    /// 数据目录 The data directory.
    #[arg(long, env = "RENOLOG_DATA", default_value = "renolog-data", global = true)]
    data: PathBuf,
    #[command(subcommand)]
    verb: AdminVerb,
}

#[derive(Debug, Subcommand)]
enum AdminVerb {
    /// 单位 The organisations that people belong to.
    #[command(subcommand)]
    Organisation(people::OrganisationVerb),
    /// 人员 People: added, listed, described anew, suspended, let in again.
    #[command(subcommand)]
    Person(people::PersonVerb),
    /// 角色 What people are where, from when until when.
    #[command(subcommand)]
    Role(roles::RoleVerb),
    /// 设备 Devices: listed; revoked when they are lost.
    #[command(subcommand)]
    Device(DeviceVerb),
    /// 邀请码 One-time codes for people and for their next devices.
    #[command(subcommand)]
    Invite(access::InviteVerb),
    /// 接口令牌 Bearer tokens for programs.
    #[command(subcommand)]
    Token(access::TokenVerb),
    /// 系统管理员 Who administers the whole district.
    #[command(subcommand)]
    Administrator(AdministratorVerb),
    /// 导入名册 Brings a roster from a spreadsheet: people, organisations, roles.
    Import(import::ImportArgs),
    /// 操作记录 What administrators did, when and why.
    Audit {
        /// 最近多少条 At most so many, the latest.
        #[arg(long, default_value_t = 200)]
        limit: usize,
    },
    /// 彻底删除一条记录的内容 Erases what a record says, for good and on every device; its name, the reason and who asked stay.
    Erase {
        /// 记录编号 The record.
        record: RecordId,
        /// 原因（会保留） Why. It stays.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
enum DeviceVerb {
    /// 列出 Lists the devices.
    List {
        /// 某人的 Only those of this person, by id or name.
        #[arg(long)]
        person: Option<String>,
    },
    /// 停用 Ends a device for good, at once. What it still brings goes to quarantine.
    Revoke {
        /// 设备编号 The device.
        device: DeviceId,
        /// 原因 Why.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
enum AdministratorVerb {
    /// 设为系统管理员 Makes somebody an administrator of the whole district.
    Make {
        /// 姓名或编号 Who, by id or name.
        person: String,
    },
    /// 取消系统管理员 Makes somebody an administrator no more.
    Unmake {
        /// 姓名或编号 Who, by id or name.
        person: String,
    },
}

/// Runs one of them.
///
/// # Errors
/// A sentence for the person at the terminal.
pub(super) fn run(AdminArgs { data, verb }: AdminArgs) -> Result<()> {
    match verb {
        AdminVerb::Organisation(verb) => people::organisation(&data, verb),
        AdminVerb::Person(verb) => people::person(&data, verb),
        AdminVerb::Role(verb) => roles::run(&data, verb),
        AdminVerb::Device(DeviceVerb::List { person }) => devices(&data, person.as_deref()),
        AdminVerb::Device(DeviceVerb::Revoke { device, reason }) => {
            give(&data, Revocation { device, reason })?;
            done("已停用 revoked")
        }
        AdminVerb::Invite(verb) => access::invite(&data, verb),
        AdminVerb::Token(verb) => access::token(&data, verb),
        AdminVerb::Administrator(AdministratorVerb::Make { person }) => administrator(&data, &person, true),
        AdminVerb::Administrator(AdministratorVerb::Unmake { person }) => administrator(&data, &person, false),
        AdminVerb::Import(args) => import::run(&data, args),
        AdminVerb::Audit { limit } => audit(&data, limit),
        AdminVerb::Erase { record, reason } => {
            give(&data, Erasure { record, reason })?;
            done("已删除 erased")
        }
    }
}

fn done(words: &str) -> Result<()> {
    print_text(&format!("{words}\n"))
}

fn administrator(data: &Path, person: &str, administrator: bool) -> Result<()> {
    let person = who(&data_dir::reader(data)?, person)?;
    give(data, Administration { person, administrator })?;
    done(if administrator {
        "已设为系统管理员 an administrator now"
    } else {
        "已不是系统管理员 an administrator no more"
    })
}

fn devices(data: &Path, person: Option<&str>) -> Result<()> {
    let store = data_dir::reader(data)?;
    let person = person.map(|typed| who(&store, typed)).transpose()?;
    // Only the running server knows who is connected.
    let devices = whole(|page| match (data_dir::running(data), person) {
        (Some(running), None) => ask_list(&running, "admin/devices", &page.query()),
        (Some(running), Some(person)) => ask_list(&running, "admin/devices", &format!("person={person}")),
        (None, _) => {
            let asked = Devices { person, after: page.after.clone(), limit: page.limit };
            Ok(roll::devices(&store, &Hub::default(), &asked)?)
        }
    })?;
    let mut rows = heading(["设备 device", "姓名 person", "名称 name", "登记 enrolled", "最近 last seen", "状态 standing"]);
    for device in devices {
        let standing = match (device.revoked, device.connected) {
            (Some(at), _) => format!("已停用 revoked {} {}", written(at), device.revoked_why.unwrap_or_default()),
            (None, true) => "在线 connected".to_owned(),
            (None, false) => String::new(),
        };
        let seen = device.seen.map(written).unwrap_or_default();
        rows.push(vec![device.id.to_string(), device.person_name, device.name, written(device.enrolled), seen, standing]);
    }
    print_text(&table(&rows))
}

fn audit(data: &Path, limit: usize) -> Result<()> {
    let store = data_dir::reader(data)?;
    let deeds = whole(|page| roll::audit(&store, page))?;
    let mut rows = heading(["序号 no.", "时间 when", "谁 who", "操作 what", "对象 to what", "原因 why"]);
    for deed in deeds.iter().skip(deeds.len().saturating_sub(limit)) {
        let who = if deed.person.is_none() { "（本机 at the machine）" } else { &deed.name };
        rows.push(vec![
            deed.command.to_string(),
            written(deed.received),
            who.to_owned(),
            deed.action.clone(),
            deed.subject.clone(),
            deed.reason.clone(),
        ]);
    }
    print_text(&table(&rows))
}

fn heading<const N: usize>(columns: [&str; N]) -> Vec<Vec<String>> {
    vec![columns.map(str::to_owned).to_vec()]
}

/// A moment as people of the district write it.
fn written(moment: UnixMs) -> String {
    Calendar::built_in().written(moment).unwrap_or_default()
}

/// The person meant by an id, or by a name that one person has.
fn who(store: &Reader, typed: &str) -> Result<PersonId> {
    if let Ok(id) = typed.parse() {
        return Ok(id);
    }
    let people = whole(|page| roll::people(store, UnixMs(0), page))?;
    let meant: Vec<_> = people.iter().filter(|person| person.name == typed).collect();
    match meant[..] {
        [person] => Ok(person.id),
        [] => bail!("没有叫“{typed}”的人 nobody is called {typed:?}"),
        _ => {
            let ids: Vec<String> = meant.iter().map(|person| format!("\n  {}", person.id)).collect();
            bail!("有 {0} 人叫“{typed}”，请写编号 {0} people are called {typed:?}; say which by id:{1}", ids.len(), ids.concat())
        }
    }
}

/// The one of `names` that begins with what was typed.
fn the_one<'a>(names: impl Iterator<Item = &'a str>, typed: &str) -> Result<String> {
    let typed = typed.to_ascii_lowercase();
    let meant: Vec<&str> = names.filter(|name| name.starts_with(&typed)).collect();
    match meant[..] {
        [name] => Ok(name.to_owned()),
        [] => bail!("没有 there is none that begins with {typed:?}"),
        _ => bail!("有多个以此开头，请多写几位 several begin with {typed:?}; write more of it"),
    }
}

fn short(name: &str) -> String {
    name.chars().take(SHORT).collect()
}
