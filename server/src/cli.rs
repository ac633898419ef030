//! The command line.

mod admin;
mod desk;
mod door;
mod evidence;
pub(crate) mod figures;
mod overdue;
mod progress;
mod quarantine;
mod schema;
mod upkeep;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use renolog_protocol::calendar::Calendar;
use renolog_protocol::id::{Audience, FeedId, RecordId, Seq};
use renolog_protocol::schema::{Party, Role, Schema};

use crate::app::App;
use crate::clock::SystemClock;
use crate::data_dir::{self, DataDir};
use crate::figures::{District, Scope};
use crate::history::{self, Entry, Position, Question};
use crate::ingest::schema_in_use;
use crate::link::PublicUrl;
use crate::office::{self, Invitation, NewCommunity, NewToken, find_community};
use crate::store::{Read, Reader, RecordRow};
use crate::{demo, first_administrator, serve};
use desk::give;

/// 旧改日志服务器 The renovation log server.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// 启动服务 Runs the server on a data directory, making it if it is not there.
    Serve(Serve),
    /// 小区 Communities.
    #[command(subcommand)]
    Community(CommunityVerb),
    /// 生成一次性邀请码 Prints a one-time code with which a person enrols a device.
    Invite(InviteArgs),
    /// 生成接口令牌 Prints a bearer token for the API.
    Token(TokenArgs),
    /// 管理 Organisations, people, roles, devices, codes, tokens, and what administrators did.
    Admin(admin::AdminArgs),
    /// 合并历史 Prints the merged history of a community or of one record.
    History(HistoryArgs),
    /// 隔离区 What was refused: listed, shown, released or dismissed.
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineVerb),
    /// 超期清单 Lists what is overdue, in the district or in one community.
    Overdue(overdue::OverdueArgs),
    /// 区级指标 Prints the district's figures in short, or one community's, and the counts of its votes.
    Figures(figures::FiguresArgs),
    /// 备份 Backs the data directory up into one file, while a server may run on it.
    Backup(upkeep::BackupArgs),
    /// 恢复 Makes a data directory from a backup; devices then send again what the backup lacks.
    Restore(upkeep::RestoreArgs),
    /// 核验 Applies the log again from its first command, and says what in the store does not follow from it.
    Verify(upkeep::VerifyArgs),
    /// 整理 Gives back the room that nothing in the database takes any more.
    Compact(upkeep::CompactArgs),
    /// 证据包 Writes what was said in a community, with its signatures, as one file that anyone can check.
    Evidence(evidence::EvidenceArgs),
    /// 核对证据包 Checks an evidence bundle: no server, no network, no data directory.
    VerifyEvidence(evidence::VerifyArgs),
    /// 规则文件 Checks a schema file, and shows what one says.
    #[command(subcommand)]
    Schema(schema::SchemaVerb),
    /// 演示一周 Plays a scripted week in 德胜新村 with real devices on a real server, and keeps serving.
    Demo(demo::Demo),
}

#[derive(Debug, clap::Args)]
struct Data {
    /// The data directory.
    #[arg(long, env = "RENOLOG_DATA", default_value = "renolog-data")]
    data: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Serve {
    #[command(flatten)]
    data: Data,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:7340")]
    listen: SocketAddr,
    /// A schema file of your own, instead of the built-in one.
    #[arg(long)]
    schema: Option<PathBuf>,
    /// A file of holidays and make-up days, instead of the built-in one. Devices receive it and reckon deadlines with it
    /// offline.
    #[arg(long)]
    calendar: Option<PathBuf>,
    /// What the district knows of itself, such as its households, instead of the built-in file.
    #[arg(long)]
    district: Option<PathBuf>,
    /// Where others reach the server, such as https://log.example.cn: what invitations' links begin with. What it listens on
    /// if not said.
    #[arg(long, env = "RENOLOG_PUBLIC_URL", value_name = "URL")]
    public_url: Option<PublicUrl>,
    /// Most megabytes the database may take; what does not fit is refused, and nothing is lost.
    #[arg(long)]
    max_store_mb: Option<u64>,
    /// Listen on an address that other machines reach, without encryption. Only where the network itself is trusted.
    #[arg(long)]
    plain_text_to_the_network: bool,
    #[command(flatten)]
    door: door::DoorArgs,
}

#[derive(Debug, Subcommand)]
enum CommunityVerb {
    /// Adds a community.
    Add {
        /// Its short name in addresses and commands: a-z, 0-9 and -.
        slug: String,
        /// Its name.
        #[arg(long)]
        name: String,
        #[command(flatten)]
        data: Data,
    },
    /// Lists the communities.
    List {
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Debug, clap::Args)]
struct InviteArgs {
    /// The community, by short name, name or id. May be given several times.
    #[arg(long, required = true)]
    community: Vec<String>,
    /// As what, such as captain, property_manager, owners_committee, street.
    #[arg(long)]
    role: Role,
    /// For which party; the role's own if not said.
    #[arg(long)]
    party: Option<Party>,
    /// The person's name.
    #[arg(long)]
    name: String,
    /// How many hours the code is good for.
    #[arg(long, default_value_t = 72)]
    hours: u32,
    #[command(flatten)]
    data: Data,
}

#[derive(Debug, clap::Args)]
struct TokenArgs {
    /// What the token is for.
    #[arg(long, default_value = "operator")]
    label: String,
    /// How many days it is good for.
    #[arg(long, default_value_t = 30)]
    days: u32,
    #[command(flatten)]
    data: Data,
}

#[derive(Debug, clap::Args)]
struct HistoryArgs {
    /// The community, by short name, name or id.
    community: String,
    /// Only this record.
    #[arg(long)]
    record: Option<RecordId>,
    #[command(flatten)]
    data: Data,
}

impl Cli {
    /// What is logged unless `RENOLOG_LOG` says otherwise. The demonstration tells its story on the terminal itself.
    pub fn usual_log(&self) -> &'static str {
        match self.verb {
            Verb::Demo(_) => "warn",
            _ => "warn,renolog_server=info",
        }
    }
}

/// Runs one command.
///
/// # Errors
/// A sentence for the person at the terminal.
pub fn run(cli: Cli) -> Result<()> {
    match cli.verb {
        Verb::Serve(args) => serve_forever(args),
        Verb::Community(CommunityVerb::Add { slug, name, data }) => add_community(&data.data, NewCommunity { slug, name }),
        Verb::Community(CommunityVerb::List { data }) => list_communities(&data.data),
        Verb::Invite(args) => invite(args),
        Verb::Token(args) => token(args),
        Verb::Admin(args) => admin::run(args),
        Verb::History(args) => print_history(&args),
        Verb::Quarantine(verb) => quarantine::run(verb),
        Verb::Overdue(args) => overdue::print(args),
        Verb::Figures(args) => figures::print(&args),
        Verb::Backup(args) => upkeep::back_up(&args),
        Verb::Restore(args) => upkeep::restore(&args),
        Verb::Verify(args) => upkeep::verify(&args),
        Verb::Compact(args) => upkeep::compact(&args),
        Verb::Evidence(args) => evidence::write(&args),
        Verb::VerifyEvidence(args) => evidence::verify(&args),
        Verb::Schema(verb) => schema::run(verb),
        Verb::Demo(args) => demo::run(args),
    }
}

/// A runtime for commands that need one.
///
/// # Errors
/// If the operating system gives no threads.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads to run on")
}

/// Ctrl-C, or a polite request to end.
pub(crate) async fn asked_to_stop() {
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = interrupted => {}
        () = terminated => {}
    }
}

fn read_schema(path: Option<&Path>) -> Result<Arc<Schema>> {
    let Some(path) = path else { return Ok(Schema::built_in()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let schema = Schema::parse(&text).with_context(|| format!("{} has mistakes", path.display()))?;
    Ok(Arc::new(schema))
}

fn read_calendar(path: Option<&Path>) -> Result<Arc<Calendar>> {
    let Some(path) = path else { return Ok(Calendar::built_in()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Arc::new(Calendar::parse(&text).with_context(|| format!("{} has a mistake", path.display()))?))
}

fn read_district(path: Option<&Path>) -> Result<Arc<District>> {
    let Some(path) = path else { return Ok(District::built_in()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Arc::new(District::parse(&text).with_context(|| format!("{} has a mistake", path.display()))?))
}

/// The whole district, or one community of it by short name, name or id.
fn scope_of(store: &Reader, community: Option<&str>) -> Result<Scope> {
    let Some(named) = community else { return Ok(Scope::Everything) };
    let row = find_community(store, named)?.with_context(|| format!("there is no community {named:?}"))?;
    Ok(Scope::of_community(row.id))
}

/// The schema that a data directory was used with last.
fn schema_of(store: &Reader) -> Result<Arc<Schema>> {
    Ok(schema_in_use(store)?.unwrap_or_else(Schema::built_in))
}

fn serve_forever(args: Serve) -> Result<()> {
    let schema = read_schema(args.schema.as_deref())?;
    let (calendar, district) = (read_calendar(args.calendar.as_deref())?, read_district(args.district.as_deref())?);
    let data = DataDir::hold(&args.data.data)?;
    runtime()?.block_on(async {
        let door = args.door.open(args.listen, args.plain_text_to_the_network).await?;
        let max_bytes = args.max_store_mb.map(|mb| mb << 20);
        let (app, handle) = App::start(data, schema, Arc::new(SystemClock), max_bytes)?;
        let public_url = args.public_url.or_else(|| PublicUrl::of(&door)).map(Arc::new);
        let app = App { calendar, district, public_url, gate: args.door.gate(), ..app };
        println!("旧改日志正在服务 renolog is serving on {}", door.url()?);
        print_first_code(&app).await;
        serve::serve(app, handle, door, asked_to_stop()).await?;
        Ok(())
    })
}

/// What to do while nobody administers the district. The server serves without, on a full disk too.
async fn print_first_code(app: &App) {
    match first_administrator::code(app).await {
        Ok(Some(code)) => {
            let hours = first_administrator::GOOD_HOURS;
            println!("还没有管理员：{hours} 小时内用下面的一次性邀请码登记设备的人，将成为全区管理员。");
            println!(
                "There is no administrator yet: whoever enrols a device with this one-time code within {hours} hours becomes one."
            );
            println!("  {}", code.code);
            if let Some(url) = &app.public_url {
                println!("  {}", url.invitation(&code.code));
                println!("或在电脑的浏览器里登录管理台 Or sign in to the console, in a browser at a desk:");
                println!("  {}", url.console(&code.code));
            }
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "no code could be made for a first administrator"),
    }
}

fn add_community(path: &Path, asked: NewCommunity) -> Result<()> {
    let office::Community { id, slug, name } = give(path, asked)?;
    println!("{id}  {slug}  {name}");
    Ok(())
}

fn list_communities(path: &Path) -> Result<()> {
    let rows: Vec<crate::store::CommunityRow> = data_dir::reader(path)?.list(&[], None, crate::store::ALL)?;
    for row in rows {
        println!("{}  {}  {}", row.id, row.slug, row.name);
    }
    Ok(())
}

fn invite(args: InviteArgs) -> Result<()> {
    let InviteArgs { community: communities, role, party, name, hours, data } = args;
    let role = Some(role);
    let code = give(&data.data, Invitation { name, person: None, role, party, communities, administrator: false, hours })?;
    println!("{}", code.code);
    Ok(())
}

fn token(args: TokenArgs) -> Result<()> {
    println!("{}", give(&args.data.data, NewToken { label: args.label, days: args.days })?.token);
    Ok(())
}

fn print_history(args: &HistoryArgs) -> Result<()> {
    let store = data_dir::reader(&args.data.data)?;
    let text = history_text(&store, &*schema_of(&store)?, &args.community, args.record)?;
    print_text(&text)
}

/// Prints what may be long. Whoever reads only its beginning (`| head`) has what they wanted.
pub(crate) fn print_text(text: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(why) if why.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context("the terminal takes no more"),
    }
}

/// The whole merged history of a community, or of one record of it, as text.
///
/// # Errors
/// No such community or record; or the store fails.
pub(crate) fn history_text(store: &Reader, schema: &Schema, named: &str, record: Option<RecordId>) -> Result<String> {
    let row = find_community(store, named)?.with_context(|| format!("there is no community {named:?}"))?;
    if let Some(record) = record {
        let known: Option<RecordRow> = store.get(&[crate::store::Column::to_cell(&record)])?;
        if known.is_none_or(|known| known.feed.community != row.id) {
            bail!("there is no record {record} in {}", row.name);
        }
        let entries = history::of_record(store, schema, record, Seq(0), usize::MAX >> 1)?;
        return Ok(history::render(schema, &heading(&row.name, &entries), &entries, &[]));
    }
    let entries = all_entries(store, schema, row.id)?;
    let mut refused = Vec::new();
    for audience in Audience::ALL {
        refused.extend(history::refused(store, schema, FeedId { community: row.id, audience }, 1000)?);
    }
    Ok(history::render(schema, &heading(&row.name, &entries), &entries, &refused))
}

fn heading(name: &str, entries: &[Entry]) -> String {
    let records = history::by_record(entries).len();
    format!(
        "{name} · 合并历史 merged history · {} 项修改 changes · {records} 条记录 records\n时间按服务器时钟校正 times are corrected to the server's clock",
        entries.len()
    )
}

fn all_entries(store: &Reader, schema: &Schema, community: renolog_protocol::id::CommunityId) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut after = Position::default();
    loop {
        let question = Question { community, audiences: Audience::ALL.into(), after, limit: 1000 };
        let (page, position) = history::of_community(store, schema, &question)?;
        if page.is_empty() {
            return Ok(entries);
        }
        entries.extend(page);
        after = position;
    }
}
