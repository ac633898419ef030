//! A bad link on the command line, in front of any server.
//!
//! ```text
//! cargo run -p renolog-tests --bin link -- --to 127.0.0.1:7340 --rate 8000 --delay-ms 400 --stall-chance 0.01 --stall-ms 1000
//! ```

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use renolog_tests::link::{Fault, LaneShape, Link, Shape, When};

/// A bad link in front of a server: slow, late, in fits, cut or silent, and counted. Ctrl-C ends it.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The server.
    #[arg(long)]
    to: SocketAddr,
    /// Bytes a second, each way; without bound if not said.
    #[arg(long)]
    rate: Option<u64>,
    /// Bytes a second from the device, where they are not the same both ways.
    #[arg(long)]
    rate_up: Option<u64>,
    /// Bytes a second to the device, where they are not the same both ways.
    #[arg(long)]
    rate_down: Option<u64>,
    /// How long a byte is under way, each way: half of a round trip.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// How much longer it may be, drawn for each packet.
    #[arg(long, default_value_t = 0)]
    jitter_ms: u64,
    /// How likely a packet is held up, from 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    stall_chance: f64,
    /// For how long, and all after it.
    #[arg(long, default_value_t = 1_000)]
    stall_ms: u64,
    /// Bytes that may wait to leave, each way.
    #[arg(long, default_value_t = LaneShape::default().buffer_bytes)]
    buffer_bytes: usize,
    /// Hang up after so many bytes.
    #[arg(long, group = "fault")]
    cut_after_bytes: Option<u64>,
    /// Hang up so long after a connection began.
    #[arg(long, group = "fault")]
    cut_after_ms: Option<u64>,
    /// Pass nothing more after so many bytes, and do not hang up; 0: nothing at all.
    #[arg(long, group = "fault")]
    silent_after_bytes: Option<u64>,
    /// The same so long after a connection began.
    #[arg(long, group = "fault")]
    silent_after_ms: Option<u64>,
    /// What every draw comes from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Arguments {
    fn shape(&self) -> Result<Shape> {
        ensure!((0.0..=1.0).contains(&self.stall_chance), "--stall-chance is between 0 and 1");
        let lane = |rate: Option<u64>| LaneShape {
            rate: rate.or(self.rate),
            delay: Duration::from_millis(self.delay_ms),
            jitter: Duration::from_millis(self.jitter_ms),
            stall_chance: self.stall_chance,
            stall: Duration::from_millis(self.stall_ms),
            buffer_bytes: self.buffer_bytes,
        };
        let after = |ms| When::After(Duration::from_millis(ms));
        let cut = self.cut_after_bytes.map(When::Bytes).or(self.cut_after_ms.map(after)).map(Fault::Cut);
        let silence = self.silent_after_bytes.map(When::Bytes).or(self.silent_after_ms.map(after)).map(Fault::Silence);
        Ok(Shape { up: lane(self.rate_up), down: lane(self.rate_down), fault: cut.or(silence), seed: self.seed })
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let link = Link::listen(arguments.listen, arguments.to, arguments.shape()?).await.context("the link cannot be laid")?;
    println!("{} -> {}", link.address(), arguments.to);
    let mut told = BTreeSet::new();
    loop {
        tokio::select! {
            stopped = tokio::signal::ctrl_c() => return Ok(stopped?),
            () = tokio::time::sleep(Duration::from_secs(1)) => report(&link, &mut told),
        }
    }
}

/// One line for each connection that has ended since.
fn report(link: &Link, told: &mut BTreeSet<u64>) {
    let ended = link.ended();
    for (number, counts) in ended.iter().filter(|(number, _)| !told.contains(number)) {
        let (up, down) = (counts.up, counts.down);
        println!(
            "connection {number}: up {} bytes in {} pieces, down {} bytes in {} pieces, {} round trips",
            up.bytes, up.chunks, down.bytes, down.chunks, counts.round_trips
        );
    }
    *told = ended.into_keys().collect();
}
