//! From facts to every file of a bundle. Whoever makes a bundle and whoever checks one call the same function.

use renolog_protocol::record::RecordView;
use renolog_protocol::schema::{Value, built_in};

use super::facts::Facts;
use super::files::{Files, list};
use super::ledger::{self, Broken, Ledger};
use super::manifest::{Attachment, Listed, MANIFEST, Manifest, Reach};
use super::{csv, html, readme, timeline};

/// Every file that some facts come to.
///
/// # Errors
/// [`Broken`]: the facts are none that a store could have held.
pub(super) fn compose(facts: &Facts) -> Result<Files, Broken> {
    let ledger = ledger::open(facts)?;
    let lines = timeline::lines(facts, &ledger);
    let mut files = facts.files();
    files.insert("README.txt".into(), readme::render(facts, &ledger));
    files.insert("records.json".into(), list(&ledger.records));
    files.insert("timeline.csv".into(), csv::render(&lines));
    files.insert("timeline.html".into(), html::render(facts, &ledger, &lines));
    let manifest = Manifest {
        about: facts.about.clone(),
        feeds: facts
            .stretches
            .iter()
            .map(|stretch| Reach { audience: stretch.audience, before: stretch.before.into(), head: stretch.head().into() })
            .collect(),
        attachments: attachments(&ledger),
        files: Listed::all(&files),
    };
    let mut text = serde_json::to_string_pretty(&manifest).expect("plain data");
    text.push('\n');
    files.insert(MANIFEST.into(), text.into_bytes());
    Ok(files)
}

fn attachments(ledger: &Ledger) -> Vec<Attachment> {
    ledger.records.iter().flat_map(|stood| attached(&stood.record)).collect()
}

/// What is attached to a record. The key of each is the SHA-256 of its bytes.
fn attached(record: &RecordView) -> impl Iterator<Item = Attachment> + '_ {
    record.entries(built_in::ATTACHMENTS).iter().map(|entry| {
        let part = |name: &str| match entry.values.last().and_then(|said| said.value.get(name)) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        };
        Attachment { record: record.id, sha256: entry.key.clone(), name: part("name"), r#type: part("type") }
    })
}
