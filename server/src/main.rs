//! `renolog`: see [`renolog_server::cli`].

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("RENOLOG_LOG").unwrap_or_else(|_| EnvFilter::new("warn,renolog_server=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match renolog_server::cli::run(renolog_server::cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("出错 error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
