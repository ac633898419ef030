//! The server: takes every document that a device has, and gives each to whoever asks for it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Result, bail};
use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::routing::any;
use samod::storage::TokioFilesystemStorage;
use samod::{DocHandle, DocumentId, PeerId, Repo, RepoEvent, RepoObserver, ShareConfig};
use serde_json::json;

use crate::orders::{Order, Orders, known, say};

/// The documents that were opened here, whoever brought them.
#[derive(Debug, Clone, Default)]
struct Opened(Arc<Mutex<Vec<DocumentId>>>);

impl RepoObserver for Opened {
    fn observe(&self, event: &RepoEvent) {
        if let RepoEvent::DocumentOpened { document_id } = event {
            self.0.lock().expect("nothing panics while it is held").push(document_id.clone());
        }
    }
}

impl Opened {
    fn take(&self) -> Vec<DocumentId> {
        std::mem::take(&mut *self.0.lock().expect("nothing panics while it is held"))
    }
}

pub async fn run(directory: &Path) -> Result<()> {
    let opened = Opened::default();
    let repo = Repo::build_tokio()
        .with_storage(TokioFilesystemStorage::new(directory.join("store")))
        .with_peer_id(PeerId::from("server"))
        // Documents go to those who ask for them, as with the other peers.
        .with_share_policy(ShareConfig::read_write().with_announce(false))
        .with_observer(opened.clone())
        .load()
        .await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let acceptor = repo.make_acceptor(format!("ws://{address}").parse()?)?;
    let upgrade = move |upgrade: WebSocketUpgrade| {
        let acceptor = acceptor.clone();
        async move {
            upgrade.on_upgrade(move |socket| async move {
                // Whoever cannot be taken in is let go.
                drop(acceptor.accept_axum(socket, None));
            })
        }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", any(upgrade))).await });
    say(&json!({"port": address.port()}));
    let mut orders = Orders::from_stdin();
    let mut handles: HashMap<DocumentId, DocHandle> = HashMap::new();
    while let Some(order) = orders.next().await? {
        match order {
            Order::Progress => {
                for id in opened.take() {
                    if let Some(handle) = repo.find(id.clone()).await? {
                        handles.insert(id, handle);
                    }
                }
                say(&json!({"progress": known(handles.values())}));
            }
            Order::Finish => {
                repo.stop().await;
                say(&json!({}));
                return Ok(());
            }
            other => bail!("a server does not {other:?}"),
        }
    }
    Ok(())
}
