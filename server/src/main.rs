//! `renolog`: see [`renolog_server::cli`].

use std::process::ExitCode;

use clap::Parser;
use renolog_server::cli::{Cli, run};
use tracing_subscriber::EnvFilter;

/// Ten thousand connections come at once, in pieces of all sizes: with the system's allocator a process stays as large as it was
/// then, and every edit takes a seventh longer. How soon memory is given back stands in `.cargo/config.toml`.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("RENOLOG_LOG").unwrap_or_else(|_| EnvFilter::new(cli.usual_log()));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("出错 error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
