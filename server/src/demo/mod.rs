//! `renolog demo`: a week in 德胜新村, played with real devices over real websockets against a real server.
//!
//! Nothing here is pretended: devices are `client-core` with a store on disk each, the server is the one `renolog serve`
//! runs, links are TCP relays that are cut in the middle of a push. Only the clocks are moved, so that the week takes
//! seconds, and the people are made up.

mod communities;
mod link;
mod person;
mod proof;
mod steps;
mod week;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use renolog_protocol::schema::{Role, Schema};
use tokio::net::TcpListener;

use crate::app::App;
use crate::cli;
use crate::clock::MovedClock;
use crate::data_dir::{self, DataDir};
use crate::figures::{Known, Scope};
use crate::link::{Link, PublicUrl};
use crate::office::{Invitation, NewToken};
use crate::serve;

/// Plays the week.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Where the week is kept; a new temporary directory if not said. A directory that has been used is not used again.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where to listen; any free port if this one is taken.
    #[arg(long, default_value = "127.0.0.1:7340")]
    listen: SocketAddr,
    /// Exit when the week is over, with one JSON object as the last line.
    #[arg(long)]
    once: bool,
}

/// Plays the week, shows what came of it, and goes on serving unless told otherwise.
pub(crate) fn run(args: Demo) -> Result<()> {
    // Kept until the end: a temporary directory goes when its handle does.
    let (path, _temporary) = match &args.data {
        Some(path) => (path.clone(), None),
        None => {
            let temporary = tempfile::Builder::new().prefix("renolog-demo-").tempdir().context("no temporary directory")?;
            (temporary.path().to_owned(), Some(temporary))
        }
    };
    anyhow::ensure!(!data_dir::database(&path).exists(), "{} has been used; choose a new directory for the demo", path.display());
    let data = DataDir::hold(&path)?;
    cli::runtime()?.block_on(play(&args, data, &path))
}

async fn play(args: &Demo, data: DataDir, path: &Path) -> Result<()> {
    let clock = MovedClock::default();
    let (app, handle) = App::start(data, Schema::built_in(), Arc::new(clock.clone()), None)?;
    let listener = listen(args).await?;
    let address = listener.local_addr()?;
    let public_url: PublicUrl = format!("http://{address}").parse()?;
    let app = App { public_url: Some(Arc::new(public_url.clone())), ..app };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serve::serve(app.clone(), handle, listener, async move { drop(stopped.await) }));

    println!("旧改日志演示：德胜新村的一周  Renolog demo: a week in Desheng Xincun");
    println!("人物与事件为虚构；小区数字为公开数字  People and events are made up; the communities' figures are published ones");
    println!("服务 server http://{address}   数据 data {}\n", path.display());

    let devices = path.join("devices");
    std::fs::create_dir_all(&devices)?;
    let week = week::play(&app, &clock, address, &devices).await?;
    clock.reset();
    let proof = proof::examine(path, &week)?;

    let history = cli::history_text(&data_dir::reader(path)?, &app.schema, "desheng", None)?;
    println!("\n{history}");
    println!("{}", figures(&app, path)?);
    let cuts: u64 = week.people.iter().map(person::Person::cuts).sum();
    println!("上传途中断线 {cuts} 次，无一丢失  links cut in the middle of a push: {cuts}; lost: {}\n", proof.lost);
    if !args.once {
        let asked = NewToken { label: "demo".into(), days: 1 };
        let token = app.take(None, asked).await?.token;
        println!("继续服务，按 Ctrl-C 结束  Still serving; Ctrl-C ends it. Look on:");
        let program = std::env::current_exe().map_or_else(|_| "renolog".to_owned(), |path| path.display().to_string());
        println!("  {program} history desheng --data {}", path.display());
        println!("  {program} history yeqing --data {}", path.display());
        println!("  {program} figures --data {}", path.display());
        println!("  curl -H 'Authorization: Bearer {token}' http://{address}/api/v1/communities/desheng/history");
        println!("  curl -H 'Authorization: Bearer {token}' http://{address}/api/v1/communities/desheng/records\n");
        let (volunteer, administrator) = links(&app, &public_url).await?;
        println!("在浏览器里看，每个链接登记一台设备  In a browser; each link enrols one device:");
        println!("  志愿者的手机 a volunteer's phone      {volunteer}");
        println!("  管理员的电脑 an administrator's desk  {administrator}\n");
    }
    println!("{}", serde_json::to_string(&proof)?);
    drop(app);
    if !args.once {
        cli::asked_to_stop().await;
    }
    drop(week);
    // The server ends either way when its other end is gone.
    stop.send(()).ok();
    server.await??;
    anyhow::ensure!(proof.converged, "the devices and the server do not agree");
    anyhow::ensure!(proof.lost == 0, "{} edits were lost", proof.lost);
    Ok(())
}

/// Two links for whoever wants to try: a volunteer's, and an administrator's.
async fn links(app: &App, url: &PublicUrl) -> Result<(Link, Link)> {
    let good = Invitation { hours: 24, ..Invitation::default() };
    let role = Some(Role::parse("captain")?);
    let volunteer = Invitation { name: "体验志愿者".into(), role, communities: vec!["desheng".into()], ..good.clone() };
    let administrator = Invitation { name: "体验管理员".into(), administrator: true, ..good };
    let (volunteer, administrator) = (app.take(None, volunteer).await?, app.take(None, administrator).await?);
    Ok((url.invitation(&volunteer.code), url.console(&administrator.code)))
}

/// What the week came to in figures.
fn figures(app: &App, path: &Path) -> Result<String> {
    let known = Known { schema: &app.schema, district: &app.district, calendar: &app.calendar, now: app.clock.now() };
    cli::figures::text(&data_dir::reader(path)?, &Scope::Everything, known)
}

/// The address asked for, or any free one.
async fn listen(args: &Demo) -> Result<TcpListener> {
    if args.once {
        return Ok(serve::listen("127.0.0.1:0".parse()?, false).await?);
    }
    match serve::listen(args.listen, false).await {
        Err(serve::ServeError::Listen { address, .. }) => {
            println!("{address} 已被占用，换用其他端口  is taken; using another port");
            Ok(serve::listen("127.0.0.1:0".parse()?, false).await?)
        }
        listening => Ok(listening?),
    }
}
