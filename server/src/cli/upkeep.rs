//! `renolog backup`, `restore`, `verify`, `compact`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use renolog_protocol::calendar::Calendar;
use renolog_protocol::time::UnixMs;

use super::Data;
use super::progress::Progress;
use crate::clock::{Clock, SystemClock};
use crate::data_dir;
use crate::store::{Reader, Sqlite};
use crate::upkeep::{backup, compact as packing, restore as restoring, verify as proving};

#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// The file to write; it must not be there yet.
    #[arg(short, long)]
    output: PathBuf,
    #[command(flatten)]
    data: Data,
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// The backup.
    backup: PathBuf,
    #[command(flatten)]
    data: Data,
}

#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    /// A backup to verify, instead of the data directory.
    #[arg(long)]
    backup: Option<PathBuf>,
    #[command(flatten)]
    data: Data,
}

#[derive(Debug, clap::Args)]
pub(super) struct CompactArgs {
    #[command(flatten)]
    data: Data,
}

pub(super) fn back_up(args: &BackupArgs) -> Result<()> {
    let mut bar = Progress::of("备份 backing up");
    let made = backup::back_up(&args.data.data, &args.output, SystemClock.now(), &mut |done, all| bar.at(done, all))?;
    drop(bar);
    println!(
        "已备份并复读核对 backed up, and read again: {} · {} 条指令 commands · {}",
        args.output.display(),
        made.commands,
        size(made.database_bytes)
    );
    Ok(())
}

pub(super) fn restore(args: &RestoreArgs) -> Result<()> {
    let mut bar = Progress::of("恢复 restoring");
    let header = restoring::restore(&args.backup, &args.data.data, &SystemClock, &mut |done, all| bar.at(done, all))?;
    drop(bar);
    println!(
        "已恢复到 restored to {}，备份时间 taken {}，{} 条指令 commands",
        args.data.data.display(),
        shown(header.taken),
        header.commands
    );
    println!("手机再次连接时会补发备份之后的内容 devices send again what came after, when they next connect");
    println!("此前发出的接口令牌仍然有效；手机会用自己的密钥重新登录 devices sign in again by their keys");
    println!(
        "备份之后登记的设备需要新的邀请码，在原机重新登记，内容不丢 a device that enrolled after it needs a new code; it keeps its work"
    );
    println!(
        "备份之后的停用、离任和删除不在其中，请重新办理 what was ended or erased after it is not in it: do so again, first of all for lost phones"
    );
    Ok(())
}

pub(super) fn verify(args: &VerifyArgs) -> Result<()> {
    let room = tempfile::Builder::new().prefix("renolog-verify-").tempdir().context("no temporary directory")?;
    let mut bar = Progress::of("核验 verifying");
    let store = match &args.backup {
        Some(path) => {
            let database = room.path().join("backup.sqlite3");
            backup::unwrap(path, &database, &mut |_, _| {})?;
            Reader::open(&database)?
        }
        None => data_dir::reader(&args.data.data)?,
    };
    let scratch = Sqlite::open(&room.path().join("again.sqlite3"), None)?;
    let report = proving::verify(store, scratch, &mut |done, all| bar.at(done, all))?;
    drop(bar);
    for finding in &report.findings {
        println!("{finding}");
    }
    if !report.findings.is_empty() {
        bail!("{} 处不符 findings: the store does not say what happened", report.findings.len());
    }
    println!("核验无误 all holds: {} 条指令 commands applied again, {} 行 rows compared", report.commands, report.rows);
    Ok(())
}

pub(super) fn compact(args: &CompactArgs) -> Result<()> {
    let (before, after) = packing::compact(Path::new(&args.data.data))?;
    println!("已整理 compacted: {} → {}", size(before), size(after));
    Ok(())
}

/// A moment as the clock on the wall shows it here.
fn shown(moment: UnixMs) -> String {
    Calendar::built_in().written(moment).unwrap_or_else(|| format!("{} ms", moment.0))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}
