//! Many devices in one process, each with a connection of its own and nothing on disk.

use anyhow::{Context, Result, bail};
use futures::future::try_join_all;
use samod::{BackoffConfig, ConnectionId, DocHandle, PeerId, Repo};
use serde_json::json;

use crate::orders::{Edit, Order, Orders, made, say, write};

struct Member {
    /// Holds the connection.
    _repo: Repo,
    server: ConnectionId,
    handles: Vec<DocHandle>,
}

pub async fn run() -> Result<()> {
    let mut crowd: Vec<Member> = Vec::new();
    let mut orders = Orders::from_stdin();
    while let Some(order) = orders.next().await? {
        let answer = match order {
            Order::Gather { url, devices, records, made } => {
                let url = url.replacen("http", "ws", 1);
                for number in 0..devices {
                    crowd.push(Member::join(number, &url, records, &made).await?);
                }
                json!({})
            }
            Order::Push { edits, pushes } => {
                let done = try_join_all(crowd.iter().map(|member| member.push(&edits, pushes))).await?;
                json!({"edits": done.into_iter().sum::<usize>()})
            }
            Order::Finish => {
                say(&json!({}));
                return Ok(());
            }
            other => bail!("a crowd does not {other:?}"),
        };
        say(&answer);
    }
    Ok(())
}

impl Member {
    async fn join(number: usize, url: &str, records: usize, first: &Edit) -> Result<Self> {
        let repo = Repo::build_tokio().with_peer_id(PeerId::from(format!("device-{number}"))).load().await;
        let dialer = repo.dial_websocket(url.parse()?, BackoffConfig::default())?;
        dialer.established().await.map_err(|why| anyhow::anyhow!("{why:?}"))?;
        let server = dialer.connection_id().context("it is connected")?;
        let mut handles = Vec::with_capacity(records);
        for _ in 0..records {
            handles.push(repo.create(made(first)?).await?);
        }
        for handle in &handles {
            handle.they_have_our_changes(server).await;
        }
        Ok(Self { _repo: repo, server, handles })
    }

    async fn push(&self, edits: &[Edit], pushes: usize) -> Result<usize> {
        for number in 0..pushes {
            let handle = &self.handles[number % self.handles.len()];
            for edit in edits {
                write(handle, edit)?;
            }
            handle.they_have_our_changes(self.server).await;
        }
        Ok(pushes * edits.len())
    }
}
