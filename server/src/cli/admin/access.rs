//! `renolog admin invite` and `renolog admin token`: what opens a door for people and for programs.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use renolog_protocol::schema::{Party, Role};

use super::{done, heading, short, the_one, who, written};
use crate::cli::desk::give;
use crate::cli::print_text;
use crate::clock::{Clock, SystemClock};
use crate::columns::table;
use crate::data_dir;
use crate::link::{Link, PublicUrl};
use crate::office::{Invitation, NewToken, TokenEnd, Withdrawal};
use crate::roll::{self, whole};

#[derive(Debug, Subcommand)]
pub(super) enum InviteVerb {
    /// 生成 Makes a one-time code for somebody new, or for a known person's next device.
    Make(NewInvite),
    /// 列出 Lists the codes that can be used; never the codes themselves.
    List {
        /// 包括已用和过期的 Those that were used or have expired, too.
        #[arg(long)]
        all: bool,
    },
    /// 收回 Takes back a code that was not used.
    Withdraw {
        /// 列表中的名称 What the list calls it, or the beginning of that.
        invite: String,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct NewInvite {
    /// 新人的姓名 The name of somebody new.
    #[arg(long, conflicts_with = "person")]
    name: Option<String>,
    /// 已登记的人，姓名或编号 Somebody who is known, by id or name: for their next device.
    #[arg(long, required_unless_present = "name")]
    person: Option<String>,
    /// 角色 As what, such as captain, property_manager, street.
    #[arg(long, requires = "community")]
    role: Option<Role>,
    /// 代表方 For which party; the role's own if not said.
    #[arg(long, requires = "role")]
    party: Option<Party>,
    /// 小区，可多次 Where: a community by short name, name or id. May be given several times.
    #[arg(long, requires = "role")]
    community: Vec<String>,
    /// 系统管理员 As an administrator of the whole district.
    #[arg(long)]
    administrator: bool,
    /// 有效小时数 How many hours the code is good for.
    #[arg(long, default_value_t = 72)]
    hours: u32,
    /// 二维码存为文件 Writes the link's QR code to a file, too.
    #[arg(long, value_name = "FILE.svg|FILE.png")]
    qr: Option<Picture>,
    /// 服务器的公开网址 Where others reach the server; as the running server knows it if not said.
    #[arg(long, env = "RENOLOG_PUBLIC_URL", value_name = "URL")]
    public_url: Option<PublicUrl>,
}

/// A picture file, by its name.
#[derive(Debug, Clone)]
enum Picture {
    Svg(PathBuf),
    Png(PathBuf),
}

impl std::str::FromStr for Picture {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let path = PathBuf::from(text);
        match path.extension().map(|kind| kind.to_ascii_lowercase()) {
            Some(kind) if kind == "svg" => Ok(Self::Svg(path)),
            Some(kind) if kind == "png" => Ok(Self::Png(path)),
            _ => Err("文件名请以 .svg 或 .png 结尾 the file's name must end in .svg or .png"),
        }
    }
}

impl Picture {
    /// Whoever sees it can use the code, so only its owner reads it.
    fn write(&self, link: &Link) -> Result<()> {
        let (path, bytes) = match self {
            Self::Svg(path) => (path, link.svg().into_bytes()),
            Self::Png(path) => (path, link.png().context("the picture cannot be made")?),
        };
        let written = data_dir::private_file(path).and_then(|mut file| file.write_all(&bytes));
        written.with_context(|| format!("cannot write {}", path.display()))
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenVerb {
    /// 生成 Makes a bearer token for the API, and prints it this once.
    Make {
        /// 用途 What it is for.
        #[arg(long, default_value = "operator")]
        label: String,
        /// 有效天数 How many days it is good for.
        #[arg(long, default_value_t = 30)]
        days: u32,
    },
    /// 列出 Lists the tokens; never the tokens themselves.
    List,
    /// 终止 Ends a token, at once.
    End {
        /// 列表中的名称 What the list calls it, or the beginning of that.
        token: String,
    },
}

pub(super) fn invite(data: &Path, verb: InviteVerb) -> Result<()> {
    match verb {
        InviteVerb::Make(asked) => make(data, asked),
        InviteVerb::List { all } => invites(data, all),
        InviteVerb::Withdraw { invite } => {
            let store = data_dir::reader(data)?;
            let known = whole(|page| roll::invites(&store, SystemClock.now(), page))?;
            let invite = the_one(known.iter().map(|known| known.invite.as_str()), &invite)?;
            give(data, Withdrawal { invite })?;
            done("已收回 taken back")
        }
    }
}

fn make(data: &Path, asked: NewInvite) -> Result<()> {
    let NewInvite { name, person, role, party, community: communities, administrator, hours, qr, public_url } = asked;
    let public_url = public_url.or_else(|| data_dir::running(data)?.public_url);
    if qr.is_some() && public_url.is_none() {
        bail!("不知道服务器的公开网址，请给出 it is not known how others reach the server; say --public-url https://…");
    }
    let person = person.map(|typed| who(&data_dir::reader(data)?, &typed)).transpose()?;
    let name = name.unwrap_or_default();
    let code = give(data, Invitation { name, person, role, party, communities, administrator, hours })?.code;
    let Some(link) = public_url.map(|url| url.invitation(&code)) else { return done(&code) };
    let shown = if std::io::stdout().is_terminal() { link.for_terminal() } else { link.half_blocks() };
    done(&format!("{code}\n{link}\n\n{}", shown.trim_end_matches('\n')))?;
    qr.map_or(Ok(()), |picture| picture.write(&link))
}

fn invites(data: &Path, all: bool) -> Result<()> {
    let store = data_dir::reader(data)?;
    let mut rows = heading(["名称 called", "给 for", "身份 as", "生成 made", "有效至 good until", "状态 state"]);
    let known = whole(|page| roll::invites(&store, SystemClock.now(), page))?;
    for invite in known.into_iter().filter(|invite| all || invite.open) {
        let role = invite.role.as_ref().map(Role::to_string);
        let administrator = invite.administrator.then(|| "系统管理员 administrator".to_owned());
        let state = match (invite.used_by, invite.open) {
            (Some(device), _) => format!("已用 used by {device}"),
            (None, true) => "可用 open".to_owned(),
            (None, false) => "已过期 expired".to_owned(),
        };
        let cells = [role, administrator].into_iter().flatten().collect::<Vec<_>>().join(" ");
        rows.push(vec![short(&invite.invite), invite.name, cells, written(invite.made), written(invite.expires), state]);
    }
    print_text(&table(&rows))
}

pub(super) fn token(data: &Path, verb: TokenVerb) -> Result<()> {
    match verb {
        TokenVerb::Make { label, days } => done(&give(data, NewToken { label, days })?.token),
        TokenVerb::List => {
            let store = data_dir::reader(data)?;
            let mut rows = heading(["名称 called", "用途 for", "有效至 good until"]);
            let tokens = whole(|page| roll::tokens(&store, page))?;
            rows.extend(tokens.into_iter().map(|token| vec![short(&token.name), token.label, written(token.expires)]));
            print_text(&table(&rows))
        }
        TokenVerb::End { token } => {
            let store = data_dir::reader(data)?;
            let tokens = whole(|page| roll::tokens(&store, page))?;
            let name = the_one(tokens.iter().map(|token| token.name.as_str()), &token)?;
            give(data, TokenEnd { name })?;
            done("已终止 ended")
        }
    }
}
