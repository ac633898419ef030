//! `renolog admin import`: a roster from a spreadsheet. See [`crate::import`].

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use renolog_protocol::calendar::Calendar;

use super::{heading, written};
use crate::cli::desk::Desk;
use crate::cli::progress::Progress;
use crate::cli::{print_text, schema_of};
use crate::clock::{Clock, SystemClock};
use crate::columns::table;
use crate::data_dir;
use crate::import::{Carried, FILE_BYTES, Plan, Sheet, Whom, carry_out, plan};
use crate::link::PublicUrl;
use crate::office;
use crate::store::{ALL, CommunityRow, Read, Reader};

/// Numbers of rows that are told one by one.
const TOLD: usize = 30;

#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// 表格 The roster: .xlsx, or .csv in UTF-8 or GB18030. Headings in any order: 姓名 name, 小区 community, 角色 role; and
    /// where wanted 代表方 party, 单位 organisation, 从 from, 至 until, 人员编号 person.
    file: PathBuf,
    /// 只检查，不写入 Says what is wrong and what would be made, and writes nothing.
    #[arg(long)]
    dry_run: bool,
    /// 跳过问题行 Leaves out the rows with problems, and does the rest.
    #[arg(long)]
    skip_problems: bool,
    /// 为每个新人生成邀请码，存入此文件 Makes a one-time code for each new person, and writes them to a new file.
    #[arg(long, value_name = "OUT.csv", conflicts_with = "dry_run")]
    invites: Option<PathBuf>,
    /// 邀请码有效小时数 How many hours those codes are good for.
    #[arg(long, default_value_t = 72, value_parser = clap::value_parser!(u32).range(1..=744))]
    hours: u32,
    /// 服务器的公开网址 Where others reach the server; as the running server knows it if not said.
    #[arg(long, env = "RENOLOG_PUBLIC_URL", value_name = "URL")]
    public_url: Option<PublicUrl>,
}

pub(super) fn run(data: &Path, args: ImportArgs) -> Result<()> {
    let sheet = Sheet::read(&bounded(&args.file)?).with_context(|| args.file.display().to_string())?;
    let store = data_dir::reader(data)?;
    if args.dry_run {
        let plan = planned(&store, &sheet)?;
        return print_text(&(makes(&store, &plan)? + &told(&plan)));
    }
    // Taken before anything is planned, so that no server begins in between.
    let mut desk = Desk::open(data)?;
    let plan = planned(&store, &sheet)?;
    drop(store);
    print_text(&told(&plan))?;
    if !plan.problems.is_empty() && !args.skip_problems {
        bail!(
            "没有写入任何内容；请改正后重试，或加 --skip-problems 跳过问题行 nothing was written; put it right, or leave those rows out with --skip-problems"
        );
    }
    let public_url = args.public_url.or_else(|| data_dir::running(data)?.public_url);
    let codes = args.invites.as_deref().map(Codes::begin).transpose()?;
    let mut progress = Progress::of("导入 importing");
    let hours = codes.is_some().then_some(args.hours);
    let carried = carry_out(&plan, hours, &mut desk, |done, all| progress.at(done, all)).context(
        "导入中断；重新导入同一文件会接着做，不会重复 the import was cut short; import the same file again, and it goes on without doubling anything",
    )?;
    drop(progress);
    let Carried { organisations, people, roles, .. } = carried;
    print_text(&format!("已写入 written: 单位 organisations {organisations}, 人员 people {people}, 角色 roles {roles}\n"))?;
    codes.map_or(Ok(()), |codes| codes.write(&plan, &carried, public_url.as_ref()))
}

/// The file, or as much of it as shows that it is too large.
fn bounded(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES as u64 + 1).read_to_end(&mut bytes));
    read.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes)
}

fn planned(store: &Reader, sheet: &Sheet) -> Result<Plan> {
    let schema = schema_of(store)?;
    let desk = office::Desk { store, schema: &schema, now: SystemClock.now() };
    Ok(plan(sheet, &desk, &Calendar::built_in())?)
}

/// What would be made.
fn makes(store: &Reader, plan: &Plan) -> Result<String> {
    let communities: Vec<CommunityRow> = store.list(&[], None, ALL)?;
    let mut rows = heading(["行 row", "姓名 name", "", "角色 role", "小区 community", "自 from", "至 until"]);
    for grant in &plan.grants {
        let community = communities.iter().find(|row| row.id == grant.community).map(|row| row.name.clone());
        let (name, known) = match grant.whom {
            Whom::New(index) => (plan.newcomers[index].name.clone(), "新 new".to_owned()),
            Whom::Known(id) => (
                store
                    .get::<crate::store::PersonRow>(&[crate::store::Column::to_cell(&id)])?
                    .map(|row| row.name)
                    .unwrap_or_default(),
                "已有 known".to_owned(),
            ),
        };
        rows.push(vec![
            grant.row.to_string(),
            name,
            known,
            grant.role.to_string(),
            community.unwrap_or_default(),
            grant.from.map(written).unwrap_or_default(),
            grant.until.map(written).unwrap_or_default(),
        ]);
    }
    Ok(if plan.grants.is_empty() { String::new() } else { table(&rows) + "\n" })
}

/// What was found in the file.
fn told(plan: &Plan) -> String {
    let mut text = String::new();
    for problem in &plan.problems {
        let (row, column, wrong) = (problem.row, problem.column, &problem.wrong);
        let _ = writeln!(text, "第 {row} 行 row {row} · {column}: {} {}", wrong.zh(), wrong.en());
    }
    let there: Vec<String> = plan.there.iter().take(TOLD).map(|there| there.row.to_string()).collect();
    if !there.is_empty() {
        let more = if plan.there.len() > TOLD { " …" } else { "" };
        let _ = writeln!(text, "已有，不重复 there already, and not doubled: 行 rows {}{more}", there.join(", "));
    }
    if !plan.telephones.is_empty() {
        let _ = writeln!(text, "电话不予保存 telephone numbers are not stored: {}", plan.telephones.join(", "));
    }
    if !plan.ignored.is_empty() {
        let _ = writeln!(text, "不认识的列，已忽略 columns that are not understood, and left out: {}", plan.ignored.join(", "));
    }
    let wrong: BTreeSet<u32> = plan.problems.iter().map(|problem| problem.row).collect();
    let (organisations, people, roles) = (plan.organisations.len(), plan.newcomers.len(), plan.grants.len());
    let _ = writeln!(
        text,
        "{} 行 rows: 新单位 new organisations {organisations}, 新人 new people {people}, 角色 roles {roles}, 已有 there already {}, 问题行 rows with problems {}",
        plan.rows,
        plan.there.len(),
        wrong.len()
    );
    text
}

/// A new file for codes, which only its owner reads.
struct Codes(File, PathBuf);

impl Codes {
    /// Before any code is made: one that cannot be written down is lost.
    fn begin(path: &Path) -> Result<Self> {
        let file = data_dir::new_private_file(path);
        Ok(Self(file.with_context(|| format!("cannot make {}", path.display()))?, path.to_owned()))
    }

    fn write(self, plan: &Plan, carried: &Carried, public_url: Option<&PublicUrl>) -> Result<()> {
        let Self(mut file, path) = self;
        let write = || -> Result<()> {
            // Office programs take text for UTF-8 by this mark alone.
            std::io::Write::write_all(&mut file, b"\xef\xbb\xbf")?;
            let mut csv = csv::Writer::from_writer(file);
            csv.write_record(["行 row", "姓名 name", "邀请码 code", "链接 link", "有效至 good until"])?;
            for issued in &carried.codes {
                let link = public_url.map(|url| url.invitation(&issued.code.code).to_string()).unwrap_or_default();
                let (row, until) = (issued.row.to_string(), written(issued.code.expires));
                csv.write_record([&row, &harmless(&issued.name), &issued.code.code, &link, &until])?;
            }
            csv.flush()?;
            Ok(())
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
        print_text(&format!("邀请码 codes: {} / {} → {}\n", carried.codes.len(), plan.newcomers.len(), path.display()))
    }
}

/// A cell that no office program takes for a formula.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() }
}
