//! `renolog evidence` and `renolog verify-evidence`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use renolog_protocol::id::RecordId;

use super::Data;
use super::progress::Progress;
use crate::data_dir;
use crate::evidence::{self, Day, Head, Question};
use crate::office::find_community;

#[derive(Debug, clap::Args)]
pub(super) struct EvidenceArgs {
    /// The community, by short name, name or id.
    community: String,
    /// Only this record.
    #[arg(long)]
    record: Option<RecordId>,
    /// Only what the server received from the beginning of this day, such as 2026-03-02.
    #[arg(long)]
    from: Option<Day>,
    /// Only what the server received until the end of this day.
    #[arg(long)]
    to: Option<Day>,
    /// The file to write.
    #[arg(short, long)]
    output: PathBuf,
    #[command(flatten)]
    data: Data,
}

#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    /// The bundle.
    bundle: PathBuf,
    /// A head that a device holds, such as open:5f0c…; may be given several times.
    #[arg(long)]
    head: Vec<Head>,
}

pub(super) fn write(args: &EvidenceArgs) -> Result<()> {
    let store = data_dir::reader(&args.data.data)?;
    let schema = super::schema_of(&store)?;
    let named = &args.community;
    let row = find_community(&store, named)?.with_context(|| format!("there is no community {named:?}"))?;
    let question = Question { record: args.record, from: args.from, to: args.to, ..Question::whole(row.id) };
    let mut progress = Progress::of("读取 reading");
    let bytes = evidence::bundle(&store, &schema, &question, &mut |read, all| progress.at(read, all))?;
    drop(progress);
    let checked = evidence::verify(&bytes, &[]).context("the bundle does not hold: the store is damaged")?;
    keep(&args.output, &bytes)?;
    println!("{}  {} bytes", args.output.display(), bytes.len());
    print(&checked);
    Ok(())
}

pub(super) fn verify(args: &VerifyArgs) -> Result<()> {
    let bytes = std::fs::read(&args.bundle).with_context(|| format!("cannot read {}", args.bundle.display()))?;
    let checked = evidence::verify(&bytes, &args.head)?;
    println!("✓ {} · 全部相符 everything holds · {}", checked.community, checked.build);
    print(&checked);
    for (head, seq) in &checked.heads {
        println!("✓ {} {}：与设备所持相同，位于第 {seq} 条 as the device holds it, at entry {seq}", head.audience, head.link);
    }
    println!(
        "包上没有服务器签名：请将链值与设备所持的比较（--head）。详见包内 README.txt\n\
         No server signs a bundle: compare its heads with those that devices hold (--head). See README.txt in it."
    );
    Ok(())
}

fn print(checked: &evidence::Checked) {
    let evidence::Checked { changes, batches, refused, .. } = checked;
    println!("{changes} 项修改 changes · {batches} 个签名 signatures · {refused} 项曾被拒 refused");
    checked.spans.iter().for_each(|span| println!("{span}"));
}

/// Writes a file as a whole or not at all.
fn keep(path: &Path, bytes: &[u8]) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(cannot)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).with_context(cannot)?;
    file.persist(path).with_context(cannot)?;
    Ok(())
}
