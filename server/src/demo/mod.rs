//! Placeholder: the scripted week.

/// Plays the week.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Exit when the week is over, with one JSON object as the last line.
    #[arg(long)]
    once: bool,
}

pub(crate) fn run(args: Demo) -> anyhow::Result<()> {
    let _ = args.once;
    anyhow::bail!("not built yet")
}
