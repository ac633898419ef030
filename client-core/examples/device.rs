//! A volunteer's device in a terminal. Its store is a file, so two terminals can be two people.
//!
//! ```text
//! cargo run -p renolog-client-core --example device -- --store chen.db enrol http://127.0.0.1:7420 CODE
//! cargo run -p renolog-client-core --example device -- --store chen.db new rectification item=safety location=3幢2单元
//! cargo run -p renolog-client-core --example device -- --store chen.db sync
//! ```

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use renolog_client_core::client::{ClientError, HistoryEntry, Mark, OverdueFilter, SyncState};
use renolog_client_core::store::{DraftId, Filter, ListedRecord};
use renolog_client_core::{Device, DeviceError, Invitation, Settings};
use renolog_protocol::deadlines::Due;
use renolog_protocol::id::{CommunityId, RecordId};
use renolog_protocol::record::{EntryParts, FieldView, VoidTarget, describe};
use renolog_protocol::schema::{FieldName, Kind, KindName, Label, MoveName, Party, Role, Shape, StateName, Value};
use renolog_protocol::tally::{Count, Outcome};
use renolog_protocol::time::UnixMs;
use renolog_protocol::words;

/// A volunteer's device. 志愿者的设备
#[derive(Parser)]
struct Arguments {
    /// The file that holds everything. 本机数据文件
    #[arg(long, default_value = "device.db")]
    store: PathBuf,
    /// Root certificates as PEM, trusted beside the public ones. 另外信任的根证书
    #[arg(long)]
    roots: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Exchange an invitation for a place on the server: its link alone, or the server and the one-time code.
    /// 用邀请链接，或服务器地址和一次性邀请码，登记本机
    Enrol { link_or_server: String, code: Option<String> },
    /// Make a record: `new rectification item=safety location=3幢`. 新建记录
    New {
        kind: String,
        fields: Vec<String>,
        /// Which community, if there are several: the start of its id or name. 小区
        #[arg(long)]
        community: Option<String>,
    },
    /// Write fields: `edit RECORD location=4幢`. 修改
    Edit { record: String, fields: Vec<String> },
    /// Add or rewrite an entry: `put RECORD findings - text=漏水`; `-` lets the device choose the key. 添加条目
    Put { record: String, field: String, key: String, parts: Vec<String> },
    /// Move a record on: `move RECORD issue`. 办理
    Move {
        record: String,
        name: String,
        /// Why. 原因
        #[arg(long)]
        reason: Option<String>,
    },
    /// Add a remark. 备注
    Note { record: String, text: String },
    /// Stop a record's clocks until the end of a day: `pause RECORD 2026-11-30 等配件`. 暂停期限
    Pause { record: String, until_day: String, reason: String },
    /// Strike out a record, or one entry of it. 作废
    Void {
        record: String,
        reason: String,
        /// `field/key` of an entry. 条目
        #[arg(long)]
        entry: Option<String>,
    },
    /// List records, latest first. 列表
    List {
        #[arg(long)]
        kind: Option<String>,
        #[arg(long)]
        state: Option<String>,
        /// Words to look for. 搜索
        #[arg(long)]
        text: Option<String>,
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Show a record. 查看
    Show { record: String },
    /// Show who said what, when. 历史
    History { record: String },
    /// Show where people disagree. 冲突
    Conflicts,
    /// Show the clocks of a record. 期限
    Due { record: String },
    /// List what is overdue, the longest first. 超期
    Overdue {
        /// Which community: the start of its id or name. 小区
        #[arg(long)]
        community: Option<String>,
        /// What concerns a role: waits for it, or was handed up to it. 身份
        #[arg(long)]
        role: Option<String>,
        /// What concerns a party. 哪一方
        #[arg(long)]
        party: Option<String>,
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Count the votes on a motion. 计票
    Tally { record: String },
    /// Show what was refused, and why. 被退回的内容
    Drafts,
    /// Say a refused draft again. 重新提交草稿
    Retry { draft: i64 },
    /// Let a refused draft go. 放弃草稿
    Discard { draft: i64 },
    /// Show how this device is doing. 状态
    Status,
    /// Exchange everything with the server, then exit. 同步
    Sync {
        /// Give up after so many seconds. 最多等待秒数
        #[arg(long, default_value_t = 60)]
        within: u64,
    },
    /// Stay online and print what changes. 保持在线
    Watch,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", for_people(&error));
            ExitCode::FAILURE
        }
    }
}

/// A refusal in its own sentence, without the code that programs read.
fn for_people(error: &anyhow::Error) -> String {
    let client = match error.downcast_ref() {
        Some(DeviceError::Client(error)) => Some(error),
        _ => error.downcast_ref(),
    };
    match client {
        Some(ClientError::Refused(refusal)) => format!("{} {}", refusal.zh, refusal.en),
        _ => error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": "),
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let roots = arguments.roots.map(|path| std::fs::read_to_string(&path).with_context(|| format!("{}", path.display())));
    let settings = Settings { roots: roots.transpose()?, ..Settings::default() };
    let device = Device::open_with(&arguments.store, settings).with_context(|| format!("{}", arguments.store.display()))?;
    match arguments.command {
        Command::Enrol { link_or_server, code } => enrol(&device, Invitation::given(&link_or_server, code.as_deref())?).await,
        Command::Sync { within } => sync(&device, Duration::from_secs(within)).await,
        Command::Watch => watch(&device).await,
        Command::List { kind, state, text, limit } => list(&device, kind, state, text, limit),
        Command::Show { record } => show(&device, find(&device, &record)?),
        Command::History { record } => history(&device, find(&device, &record)?),
        Command::Conflicts => conflicts(&device),
        Command::Due { record } => due(&device, find(&device, &record)?),
        Command::Overdue { community, role, party, limit } => overdue(&device, community, role, party, limit),
        Command::Tally { record } => tally(&device, find(&device, &record)?),
        Command::Drafts => drafts(&device),
        Command::Status => status(&device),
        command => write(&device, command),
    }
}

fn write(device: &Device, command: Command) -> Result<()> {
    let record = match command {
        Command::New { kind, fields, community } => new(device, &kind, &fields, community.as_deref())?,
        Command::Edit { record, fields } => edit(device, find(device, &record)?, &fields)?,
        Command::Put { record, field, key, parts } => put(device, find(device, &record)?, &field, &key, &parts)?,
        Command::Move { record, name, reason } => {
            let record = find(device, &record)?;
            device.transition(record, &MoveName::parse(&name)?, reason.as_deref())?;
            record
        }
        Command::Note { record, text } => {
            let record = find(device, &record)?;
            device.note(record, &text)?;
            record
        }
        Command::Pause { record, until_day, reason } => {
            let record = find(device, &record)?;
            device.pause(record, &until_day, &reason)?;
            record
        }
        Command::Void { record, reason, entry } => {
            let record = find(device, &record)?;
            let target = VoidTarget::parse(entry.as_deref().unwrap_or("record")).context("field/key")?;
            device.with(|client, now| client.void(now, record, &target, &reason, None))?;
            record
        }
        Command::Retry { draft } => device.with(|client, now| client.retry(now, DraftId(draft)))?,
        Command::Discard { draft } => {
            device.with(|client, _| client.discard(DraftId(draft)))?;
            println!("已放弃 let go");
            return Ok(());
        }
        _ => unreachable!("the others do not write"),
    };
    println!("{}  {}", short(record), sync_words(&device.sync_state(record)?));
    Ok(())
}

async fn enrol(device: &Device, Invitation { server, code }: Invitation) -> Result<()> {
    let enrolment = device.enrol(&server, &code, "terminal").await?;
    println!("{}，欢迎 welcome", enrolment.name);
    for community in &enrolment.communities {
        println!("  {}  {}", community.name, community.id);
    }
    sync(device, Duration::from_secs(60)).await
}

/// Waits until everything is exchanged, showing how it goes.
async fn sync(device: &Device, within: Duration) -> Result<()> {
    device.start()?;
    let mut tick = tokio::time::interval(Duration::from_millis(250));
    let settled = device.settled();
    let late = tokio::time::sleep(within);
    tokio::pin!(settled, late);
    let done = loop {
        tokio::select! {
            done = &mut settled => break done,
            () = &mut late => break Err(DeviceError::Stopped),
            _ = tick.tick(), if std::io::stderr().is_terminal() => eprint!("\r{}\x1b[K", progress(device)?),
        }
    };
    let clear = if std::io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
    eprintln!("{clear}{}", progress(device)?);
    device.stop().await;
    if done.is_err() {
        bail!("未能同步，内容仍保存在本机 could not sync; everything is kept on this device");
    }
    Ok(())
}

fn progress(device: &Device) -> Result<String> {
    let status = device.status()?;
    let (up, down) = device.link_bytes();
    let state = match (status.connected, status.caught_up, status.unsent) {
        (_, true, 0) => "已同步 in sync".to_owned(),
        (true, _, unsent) => format!("同步中 syncing, 待发 to send {unsent}"),
        (false, ..) => match &status.last_bye {
            Some(bye) => format!("{} {}", bye.zh, bye.en),
            None => "正在连接 connecting".to_owned(),
        },
    };
    Ok(format!("{state}  ↑{up} B ↓{down} B"))
}

async fn watch(device: &Device) -> Result<()> {
    let mut revisions = device.watch();
    let mut seen = *revisions.borrow_and_update();
    device.start()?;
    println!("在线，按 Ctrl-C 退出 online, Ctrl-C to leave");
    loop {
        tokio::select! {
            changed = revisions.changed() => changed?,
            stop = tokio::signal::ctrl_c() => {
                stop?;
                device.stop().await;
                return Ok(());
            }
        }
        loop {
            let page = device.peek(|client| client.changed_since(seen, 100))?;
            let Some((_, last)) = page.last() else { break };
            seen = *last;
            for (record, _) in page {
                match device.peek(|client| client.listed(record)) {
                    Ok(listed) => println!("{}", line(device, &listed)?),
                    Err(_) => println!("{}  已移除 gone", short(record)),
                }
            }
        }
    }
}

fn new(device: &Device, kind: &str, fields: &[String], community: Option<&str>) -> Result<RecordId> {
    let community = the_community(device, community)?;
    let name = KindName::parse(kind)?;
    let schema = device.peek(|client| client.schema().clone());
    let names = || schema.kinds.values().map(|kind| format!("{}（{}）", kind.name, kind.label)).collect::<Vec<_>>().join("、");
    let kind = schema.kinds.get(&name).with_context(|| format!("有这些种类 kinds are: {}", names()))?;
    let values = pairs(fields)?.into_iter().map(|(field, typed)| {
        let field = FieldName::parse(field)?;
        let value = value_of(device, community, kind, &field, typed)?;
        Ok((field, value))
    });
    Ok(device.create(community, &name, values.collect::<Result<_>>()?)?)
}

fn edit(device: &Device, record: RecordId, fields: &[String]) -> Result<RecordId> {
    let (schema, view) = (device.peek(|client| client.schema().clone()), device.read(record)?);
    let kind = schema.kinds.get(&view.created.kind).context("未知种类 a kind this device does not know")?;
    let community = device.peek(|client| client.listed(record))?.feed.community;
    for (field, typed) in pairs(fields)? {
        let field = FieldName::parse(field)?;
        let value = value_of(device, community, kind, &field, typed)?;
        device.with(|client, now| client.set(now, record, &field, value))?;
    }
    Ok(record)
}

fn put(device: &Device, record: RecordId, field: &str, key: &str, parts: &[String]) -> Result<RecordId> {
    let (schema, view) = (device.peek(|client| client.schema().clone()), device.read(record)?);
    let kind = schema.kinds.get(&view.created.kind).context("未知种类 a kind this device does not know")?;
    let holds = kind.entry(field).with_context(|| format!("“{}”没有 has no {field}", kind.label))?;
    let community = device.peek(|client| client.listed(record))?.feed.community;
    let entry = pairs(parts)?.into_iter().map(|(name, typed)| {
        let name = FieldName::parse(name)?;
        let part = holds.parts.get(&name).with_context(|| format!("没有 there is no part {name}"))?;
        let value = device.peek(|client| client.typed(community, &part.scalar, typed)).with_context(|| part.label.to_string())?;
        Ok((name, value))
    });
    let entry: EntryParts = entry.collect::<Result<_>>()?;
    let key = Some(key).filter(|key| *key != "-");
    device.with(|client, now| client.put(now, record, &FieldName::parse(field).expect("found above"), key, entry, None))?;
    Ok(record)
}

fn pairs(typed: &[String]) -> Result<Vec<(&str, &str)>> {
    typed.iter().map(|text| pair(text)).collect()
}

fn pair(text: &str) -> Result<(&str, &str)> {
    text.split_once('=').with_context(|| format!("{text}: 请写成 write it as 项=值 field=value"))
}

fn value_of(device: &Device, community: CommunityId, kind: &Kind, field: &FieldName, typed: &str) -> Result<Value> {
    let names = || kind.fields.iter().map(|(name, field)| format!("{name}（{}）", field.label.zh)).collect::<Vec<_>>().join("、");
    let rules = kind.fields.get(field).with_context(|| format!("没有 there is no {field}；有 there are: {}", names()))?;
    match &rules.shape {
        Shape::Register(scalar) => {
            device.peek(|client| client.typed(community, scalar, typed)).with_context(|| rules.label.to_string())
        }
        Shape::Prose { .. } => Ok(Value::from(typed)),
        _ => bail!("“{}”请用 put 添加 is added to with `put`", rules.label),
    }
}

fn the_community(device: &Device, wanted: Option<&str>) -> Result<CommunityId> {
    let known: Vec<(CommunityId, String)> =
        device.peek(|client| client.communities().iter().map(|(id, known)| (*id, known.name.clone())).collect());
    let wanted = wanted.unwrap_or_default();
    let fits = |(id, name): &&(CommunityId, String)| id.to_string().starts_with(wanted) || name.starts_with(wanted);
    let fitting: Vec<_> = known.iter().filter(fits).collect();
    match fitting[..] {
        [(id, _)] => Ok(*id),
        [] => bail!("没有小区，请先同步 no community is known here yet: sync first"),
        _ => bail!("请用 --community 选择小区 choose one with --community: {known:?}"),
    }
}

/// A record by the start, or the end, of its id.
fn find(device: &Device, part: &str) -> Result<RecordId> {
    Ok(device.peek(|client| client.record_typed(None, part))?)
}

fn short(record: RecordId) -> String {
    let id = record.to_string();
    id[id.len() - 6..].to_owned()
}

fn line(device: &Device, listed: &ListedRecord) -> Result<String> {
    let schema = device.peek(|client| client.schema().clone());
    let kind = schema.kinds.get(&listed.kind);
    let plain = |text: &str| Label { zh: text.into(), en: text.into() };
    let label = kind.map_or_else(|| plain(listed.kind.as_str()), |kind| kind.label.clone());
    let state = kind.map_or_else(|| plain(listed.state.as_str()), |kind| kind.state_label(&listed.state));
    let mut marks = Vec::new();
    if listed.voided {
        marks.push("已作废 void".to_owned());
    }
    if listed.conflicts > 0 {
        marks.push(format!("冲突 conflicts {}", listed.conflicts));
    }
    if listed.superseded > 0 {
        marks.push(format!("被覆盖的步骤 superseded {}", listed.superseded));
    }
    let sync = sync_words(&device.sync_state(listed.id)?);
    Ok(format!("{}  {label}  {state}  {}  {sync}  {}", short(listed.id), listed.title, marks.join("  ")).trim_end().to_owned())
}

fn sync_words(sync: &SyncState) -> String {
    match sync {
        SyncState::Local => "在本机 on this device".into(),
        SyncState::Sent => "已发出 sent".into(),
        SyncState::Durable => "已保存 saved".into(),
        SyncState::Refused(refusal) => format!("被退回 refused: {} {}", refusal.zh, refusal.en),
        SyncState::Held { missing } => format!("等待他人的内容 waits for {} changes of others", missing.len()),
    }
}

fn list(device: &Device, kind: Option<String>, state: Option<String>, text: Option<String>, limit: u32) -> Result<()> {
    let kind = kind.map(|kind| KindName::parse(&kind)).transpose()?;
    let state = state.map(|state| StateName::parse(&state)).transpose()?;
    for listed in device.list(&Filter { kind, state, text, limit, ..Filter::default() })? {
        println!("{}", line(device, &listed)?);
    }
    Ok(())
}

fn show(device: &Device, record: RecordId) -> Result<()> {
    let (schema, view) = (device.peek(|client| client.schema().clone()), device.read(record)?);
    let kind = schema.kinds.get(&view.created.kind);
    println!("{}", line(device, &device.peek(|client| client.listed(record))?)?);
    println!("  {record}");
    for (name, field) in &view.fields {
        let label = words::field_label(kind, name);
        match field {
            FieldView::Values(values) => {
                let values: Vec<_> = values.iter().map(|said| words::value_label(kind, name, &said.value).zh).collect();
                println!("  {label}: {}", values.join(" ⟂ "));
            }
            FieldView::Text(texts) => texts.iter().for_each(|said| println!("  {label}: {}", said.value)),
            FieldView::Entries(entries) => {
                for entry in entries {
                    let struck = if entry.voided.is_some() { "（已作废 void）" } else { "" };
                    let said: Vec<_> = entry.values.iter().map(|said| describe(&said.value)).collect();
                    println!("  {label} {}: {}{struck}", entry.key, said.join(" ⟂ "));
                }
            }
        }
    }
    Ok(())
}

fn history(device: &Device, record: RecordId) -> Result<()> {
    let schema = device.peek(|client| client.schema().clone());
    for entry in device.history(record)? {
        let who = entry.writer.as_ref().and_then(|writer| writer.name.clone()).unwrap_or_else(|| "？".into());
        let said: Vec<_> = entry.words.iter().map(|label| label.zh.as_str()).collect();
        println!("{}  {who}（{}）  {}", moment(entry.device_time), schema.party_label(&entry.party).zh, said.join("；"));
        let notes = notes(&entry);
        if !notes.is_empty() {
            println!("      {notes}");
        }
    }
    Ok(())
}

fn notes(entry: &HistoryEntry) -> String {
    let mut notes = Vec::new();
    if let Some(received) = entry.received {
        notes.push(format!("收到 received {}", moment(received)));
    }
    if let Some(offline) = entry.offline.filter(|span| span.0 > 60_000) {
        notes.push(format!("离线 offline {offline}"));
    }
    if entry.sync != SyncState::Durable {
        notes.push(sync_words(&entry.sync));
    }
    notes.extend(entry.marks.iter().map(|mark| match mark {
        Mark::Superseded => "未生效：同时有更优先的步骤 superseded by a parallel step".to_owned(),
        Mark::UnknownMove => "本机不认识这一步 a step this device does not know".to_owned(),
        Mark::Conflict { field } => format!("与他人不一致 in conflict: {field}"),
        Mark::Voided => "已作废 struck out".to_owned(),
    }));
    notes.join("  ")
}

/// A moment in the time of the place where this runs.
fn moment(at: UnixMs) -> String {
    let zone = jiff::tz::TimeZone::system();
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(stamp) => stamp.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => "????-??-??".into(),
    }
}

fn conflicts(device: &Device) -> Result<()> {
    let schema = device.peek(|client| client.schema().clone());
    for conflict in device.peek(|client| client.conflicts())? {
        println!("{}", line(device, &conflict.record)?);
        let kind = schema.kinds.get(&conflict.record.kind);
        for field in conflict.fields {
            println!(
                "  {}{}",
                words::field_label(kind, &field.field),
                field.key.map(|key| format!(" {key}")).unwrap_or_default()
            );
            for said in field.values {
                let writer = device.peek(|client| client.writer_of(said.source.change))?;
                let who = writer.and_then(|writer| writer.name).unwrap_or_else(|| "？".into());
                println!("    {}（{who}，{}）", said.value, schema.party_label(&said.source.party).zh);
            }
        }
    }
    Ok(())
}

fn drafts(device: &Device) -> Result<()> {
    let schema = device.peek(|client| client.schema().clone());
    for draft in device.peek(|client| client.drafts())? {
        println!("#{}  {}  {}", draft.id.0, short(draft.record), moment(draft.written));
        draft.words(&schema).iter().for_each(|words| println!("    {}\n    {}", words.zh, words.en));
        println!("  被退回 refused ({}): {}", draft.refusal.code, draft.refusal.sentence());
        if let Some(who) = draft.who_could(&schema) {
            println!("  可由这些人办理 who could: {who}");
        }
    }
    Ok(())
}

fn due(device: &Device, record: RecordId) -> Result<()> {
    let clocks = device.due(record)?;
    if clocks.is_empty() {
        println!("没有期限 no clock runs");
    }
    clocks.iter().for_each(|clock| println!("{}", clock_line(device, clock)));
    Ok(())
}

fn clock_line(device: &Device, clock: &Due) -> String {
    let over = match (clock.overdue, clock.earliest) {
        (Some(span), _) => format!("已超期 over for {span}"),
        (None, true) => "此前不得办理 nothing before that".to_owned(),
        (None, false) => "未到期 in time".to_owned(),
    };
    let told = device.peek(|client| client.schema().who(&clock.escalated.iter().cloned().collect()));
    let told = if clock.escalated.is_empty() { String::new() } else { format!("  已上报 told: {told}") };
    format!("  {}  {}  {over}{told}", moment(clock.due), clock.rule)
}

fn overdue(device: &Device, community: Option<String>, role: Option<String>, party: Option<String>, limit: usize) -> Result<()> {
    let filter = OverdueFilter {
        community: community.map(|wanted| the_community(device, Some(&wanted))).transpose()?,
        role: role.map(|role| Role::parse(&role)).transpose()?,
        party: party.map(|party| Party::parse(&party)).transpose()?,
    };
    let schema = device.peek(|client| client.schema().clone());
    for overdue in device.overdue(&filter, limit)? {
        println!("{}", line(device, &overdue.record)?);
        overdue.clocks.iter().for_each(|clock| println!("{}", clock_line(device, clock)));
        println!("  等待 waits for: {}", schema.who(&overdue.waits_for));
    }
    Ok(())
}

fn tally(device: &Device, motion: RecordId) -> Result<()> {
    let Some(tally) = device.tally(motion)? else {
        bail!("本机不能计票：不是民主决策、看不到票，或缺总户数、总面积 no count here: no motion, no ballots, or no totals")
    };
    let side = |count: &Count| {
        format!(
            "参与 {}／{}（须 {}），同意 {}（须 {}） taking part {}/{} (needed {}), agreeing {} (needed {})",
            count.taking_part,
            count.all,
            count.quorum,
            count.agreeing,
            count.needed,
            count.taking_part,
            count.all,
            count.quorum,
            count.agreeing,
            count.needed
        )
    };
    println!("人数 heads: {}", side(&tally.heads));
    println!("面积 area cm²: {}", side(&tally.area_cm2));
    let outcome = match tally.outcome {
        Outcome::Passed => "通过 passed",
        Outcome::Failed => "未通过 failed",
        Outcome::Open => "未定 open",
    };
    println!("{outcome}");
    if !tally.set_aside.is_empty() {
        println!("另列 set aside: {}", tally.set_aside.into_iter().collect::<Vec<_>>().join("、"));
    }
    Ok(())
}

fn status(device: &Device) -> Result<()> {
    let status = device.status()?;
    match device.peek(|client| client.enrolment().cloned()) {
        Some(enrolled) => println!("{}  {}", enrolled.name, enrolled.server),
        None => println!("尚未登记 not enrolled"),
    }
    let names: BTreeMap<_, _> = device.peek(|client| client.communities().iter().map(|(i, c)| (*i, c.name.clone())).collect());
    names.iter().for_each(|(id, name)| println!("  {name}  {id}"));
    println!("待发 to send: {}", status.unsent);
    if let Some(since) = status.unsent_since {
        println!("最早写于 the oldest written: {}", moment(since));
    }
    println!("等待中 held: {}  被退回 refused: {}", status.held, status.drafts);
    if let Some(last) = status.last_contact {
        println!("上次联系 last contact: {}", moment(last));
    }
    Ok(())
}
