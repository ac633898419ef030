//! That nothing was lost and everyone agrees: every edit of every device is looked up in the server's log, and every record
//! that a device shows is compared with the server's, byte by byte.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use renolog_client_core::client::{Fate as MadeFate, Made};
use renolog_protocol::id::{ChangeHash, RecordId};
use serde::Serialize;

use super::week::Week;
use crate::data_dir;
use crate::store::{ALL, ChangeRow, Column, Fate, Read, RecordRow, Scan};

/// What came of the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Proof {
    pub(super) devices: usize,
    /// Changes that people made on their devices.
    pub(super) edits: usize,
    /// Whether every device shows every record it may read exactly as the server does.
    pub(super) converged: bool,
    pub(super) records: usize,
    pub(super) conflicts: u64,
    pub(super) superseded: u64,
    /// Edits that are neither in the server's log nor, refused, in its quarantine.
    pub(super) lost: usize,
}

pub(super) fn examine(data: &Path, week: &Week) -> Result<Proof> {
    let store = data_dir::reader(data)?;
    let records: Vec<RecordRow> = store.list(&[], None, ALL)?;
    let mut proof = Proof {
        devices: week.people.len(),
        edits: 0,
        converged: true,
        records: records.len(),
        conflicts: records.iter().map(|row| row.conflicts).sum(),
        superseded: records.iter().map(|row| row.superseded).sum(),
        lost: 0,
    };
    for person in &week.people {
        let made = person.made()?;
        proof.edits += made.iter().filter(|made| !matches!(made.fate, MadeFate::Replaced(_))).count();
        proof.lost += lost(&store, &made)?;
        let may_read = |row: &&RecordRow| person.reads(row.feed);
        let expected: BTreeMap<RecordId, &str> = records.iter().filter(may_read).map(|row| (row.id, row.view.as_str())).collect();
        let shown = person.shows()?;
        let shown: BTreeMap<RecordId, &str> = shown.iter().map(|(id, view)| (*id, view.as_str())).collect();
        if shown != expected {
            proof.converged = false;
            eprintln!("{} 与服务器不一致 does not agree with the server", person.name());
        }
    }
    Ok(proof)
}

/// How many of a device's edits the server does not have, in its log or in its quarantine.
fn lost<S: Scan>(store: &S, made: &[Made]) -> Result<usize> {
    let replaced_by: BTreeMap<ChangeHash, ChangeHash> = made
        .iter()
        .filter_map(|made| match made.fate {
            MadeFate::Replaced(Some(by)) => Some((made.hash, by)),
            _ => None,
        })
        .collect();
    let mut lost = 0;
    for made in made {
        let mut hash = made.hash;
        let mut seen = BTreeSet::new();
        while let Some(by) = replaced_by.get(&hash).filter(|_| seen.insert(hash)) {
            hash = *by;
        }
        let said_already = matches!(made.fate, MadeFate::Replaced(None));
        let kept =
            store.get::<ChangeRow>(&[hash.to_cell()])?.is_some_and(|row| matches!(row.fate, Fate::Accepted | Fate::Refused));
        lost += usize::from(!kept && !said_already);
    }
    Ok(lost)
}
