//! What is ordered, and what an edit does to a document.

use anyhow::Result;
use automerge::transaction::Transactable;
use automerge::{Automerge, AutomergeError, ObjType, ROOT, ReadDoc};
use samod::DocHandle;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};

/// One line of orders; each role knows some of them.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Order {
    Connect { url: String },
    Disconnect,
    Open { file: String },
    Ids { file: String },
    Write { edits: Vec<Edit> },
    Progress,
    Saved,
    Gather { url: String, devices: usize, records: usize, made: Edit },
    Push { edits: Vec<Edit>, pushes: usize },
    Finish,
}

/// What is said of one record.
#[derive(Debug, Clone, Deserialize)]
pub struct Edit {
    #[serde(default)]
    pub record: usize,
    pub made: Option<Made>,
    pub note: Option<String>,
    pub location: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Made {
    pub item: String,
    pub location: String,
}

/// The orders, one after the other.
#[derive(Debug)]
pub struct Orders(Lines<BufReader<Stdin>>);

impl Orders {
    pub fn from_stdin() -> Self {
        Self(BufReader::new(tokio::io::stdin()).lines())
    }

    pub async fn next(&mut self) -> Result<Option<Order>> {
        let Some(line) = self.0.next_line().await? else { return Ok(None) };
        Ok(Some(serde_json::from_str(&line)?))
    }
}

pub fn say(answer: &Value) {
    println!("{answer}");
}

/// What a record is once it is made, as one change.
pub fn made(edit: &Edit) -> Result<Automerge> {
    let mut document = Automerge::new();
    let made = edit.made.clone().unwrap_or(Made { item: String::new(), location: String::new() });
    document
        .transact::<_, _, AutomergeError>(|tx| {
            tx.put(ROOT, "item", made.item)?;
            tx.put(ROOT, "location", made.location)?;
            tx.put_object(ROOT, "notes", ObjType::List)?;
            Ok(())
        })
        .map_err(|failure| failure.error)?;
    Ok(document)
}

/// A remark, or another place.
pub fn write(handle: &DocHandle, edit: &Edit) -> Result<()> {
    handle.with_document(|document| {
        document
            .transact::<_, _, AutomergeError>(|tx| {
                if let Some(note) = &edit.note {
                    let (_, notes) = tx.get(ROOT, "notes")?.ok_or(AutomergeError::Fail)?;
                    let end = tx.length(&notes);
                    tx.insert(&notes, end, note.as_str())?;
                } else if let Some(location) = &edit.location {
                    tx.put(ROOT, "location", location.as_str())?;
                }
                Ok(())
            })
            .map(|_| ())
            .map_err(|failure| failure.error.into())
    })
}

/// How many changes there are in all of these.
pub fn known<'a>(handles: impl IntoIterator<Item = &'a DocHandle>) -> u64 {
    handles.into_iter().map(|handle| handle.with_document(|document| document.get_changes(&[]).len() as u64)).sum()
}
