//! A device: keeps its documents in files, sync states among them, so that a reconnect begins where the last one ended.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;

use anyhow::{Context, Result, bail};
use futures::future::try_join_all;
use samod::storage::TokioFilesystemStorage;
use samod::{AutomergeUrl, BackoffConfig, DialerHandle, DocHandle, PeerId, Repo};
use serde_json::json;

use crate::orders::{Edit, Order, Orders, known, made, say, write};

struct Device {
    repo: Repo,
    handles: BTreeMap<usize, DocHandle>,
    dialer: Option<DialerHandle<Infallible>>,
}

pub async fn run(directory: &Path) -> Result<()> {
    let name = format!("device-{}", std::process::id());
    let storage = TokioFilesystemStorage::new(directory.join("store"));
    let repo = Repo::build_tokio().with_storage(storage).with_peer_id(PeerId::from(name)).load().await;
    let mut device = Device { repo, handles: BTreeMap::new(), dialer: None };
    let mut orders = Orders::from_stdin();
    while let Some(order) = orders.next().await? {
        let answer = match order {
            Order::Connect { url } => {
                let url = url.replacen("http", "ws", 1).parse()?;
                device.dialer = Some(device.repo.dial_websocket(url, BackoffConfig::default())?);
                json!({})
            }
            Order::Disconnect => {
                if let Some(dialer) = device.dialer.take() {
                    dialer.close();
                }
                json!({})
            }
            Order::Open { file } => {
                device.open(&file).await?;
                json!({})
            }
            Order::Ids { file } => {
                let ids: BTreeMap<usize, String> =
                    device.handles.iter().map(|(record, handle)| (*record, handle.url().to_string())).collect();
                std::fs::write(file, serde_json::to_string(&ids)?)?;
                json!({})
            }
            Order::Write { edits } => {
                for edit in &edits {
                    device.write(edit).await?;
                }
                json!({})
            }
            Order::Progress => json!({"progress": known(device.handles.values())}),
            Order::Saved => {
                let saves = device.handles.values().map(|handle| handle.with_document(|document| document.save().len()));
                json!({"bytes": saves.sum::<usize>()})
            }
            Order::Finish => {
                device.repo.stop().await;
                say(&json!({}));
                return Ok(());
            }
            other => bail!("a device does not {other:?}"),
        };
        say(&answer);
    }
    Ok(())
}

impl Device {
    /// The documents that another device made, by record.
    async fn open(&mut self, file: &str) -> Result<()> {
        let ids: BTreeMap<usize, String> = serde_json::from_slice(&std::fs::read(file)?)?;
        if let Some(dialer) = &self.dialer {
            // Whoever asks before anybody is there is told that nobody has it.
            dialer.established().await.map_err(|why| anyhow::anyhow!("{why:?}"))?;
        }
        let found = try_join_all(ids.into_iter().map(async |(record, url)| {
            let url: AutomergeUrl = url.parse().context("an address of a document")?;
            let handle = self.repo.find(url.document_id().clone()).await?.context("it is there")?;
            anyhow::Ok((record, handle))
        }));
        let found = found.await?;
        self.handles.extend(found);
        Ok(())
    }

    async fn write(&mut self, edit: &Edit) -> Result<()> {
        if edit.made.is_some() {
            let handle = self.repo.create(made(edit)?).await?;
            self.handles.insert(edit.record, handle);
            return Ok(());
        }
        write(self.handles.get(&edit.record).context("a record that was made")?, edit)
    }
}
