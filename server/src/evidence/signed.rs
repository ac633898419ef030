//! Whether facts hold together: names, signatures, links, and that each thing is what the others say of it.

use std::collections::{BTreeMap, BTreeSet};

use renolog_protocol::batch::{Absent, BadBatch, Batch as Opened, RawBatch};
use renolog_protocol::chain;
use renolog_protocol::change::Change;
use renolog_protocol::id::{ChangeHash, DeviceId, FeedId, Link, RecordId, Seq};
use renolog_protocol::key::{PublicKey, Signature};
use renolog_protocol::schema::Party;

use super::facts::{BATCHES, Batch, Facts, KEYS, Key, Place, QUARANTINE, SCHEMA, Stretch, change_file, entries_file};
use super::files::{Files, in_item, of_text};
use super::finding::{Fault, Finding};
use super::manifest::MANIFEST;

/// Checks facts that were read from `files`.
///
/// # Errors
/// [`Finding`]: the first that does not hold.
pub(super) fn check(files: &Files, facts: &Facts) -> Result<(), Finding> {
    if renolog_protocol::schema::Schema::parse(&facts.schema).is_ok_and(|schema| schema.version != facts.about.schema_version) {
        return Err(Finding::of_file(SCHEMA, 0, Fault::Disagrees(format!("version {}", facts.about.schema_version))));
    }
    let mut changes = BTreeMap::new();
    for (hash, bytes) in &facts.changes {
        changes.insert(*hash, change(*hash, bytes)?);
    }
    let keys: BTreeMap<DeviceId, &Key> = facts.keys.iter().map(|key| (key.device, key)).collect();
    for (item, batch) in facts.batches.iter().enumerate() {
        signature(files, item, batch, &keys)?;
    }
    let mut checking = Checking {
        files,
        facts,
        changes,
        batches: facts.batches.iter().map(|batch| (batch.id, batch)).collect(),
        needed_changes: BTreeSet::new(),
        needed_batches: BTreeSet::new(),
    };
    for stretch in &facts.stretches {
        checking.stretch(stretch)?;
    }
    checking.refused()?;
    checking.nothing_else()
}

fn change(hash: ChangeHash, bytes: &[u8]) -> Result<Change, Finding> {
    let here = |fault| Finding::of_file(&change_file(hash), 0, fault);
    let name = Change::name_of(bytes);
    if name != hash {
        return Err(here(Fault::AnotherChange(name)));
    }
    Change::parse(bytes).map_err(|why| here(Fault::NotAChange(why.to_string())))
}

/// Every change of a batch stands under its signature by name, so no bytes are needed to check it.
fn signature(files: &Files, item: usize, batch: &Batch, keys: &BTreeMap<DeviceId, &Key>) -> Result<(), Finding> {
    let at = |part: &str, fault| Err(Finding::of_file(BATCHES, in_item(files, BATCHES, item, part), fault));
    let Some(key) = keys.get(&batch.device) else { return at("\"device\"", Fault::NoKey(batch.device)) };
    let Ok(public_key) = PublicKey::from_bytes(&key.public_key) else {
        let offset = of_text(files, KEYS, &batch.device.to_string());
        return Err(Finding::of_file(KEYS, offset, Fault::NoKey(batch.device)));
    };
    if key.person != batch.person {
        return at("\"person\"", Fault::AnotherPerson(key.person));
    }
    let absent = |(position, (record, hash)): (usize, &(RecordId, ChangeHash))| Absent {
        position: u16::try_from(position).unwrap_or(u16::MAX),
        record: *record,
        hash: *hash,
    };
    let Ok(names) = batch.signed.iter().enumerate().map(absent).collect::<Vec<_>>().try_into() else {
        return at("\"signed\"", Fault::Batch(BadBatch::TooMany(batch.signed.len()).to_string()));
    };
    let raw = RawBatch {
        device: batch.device,
        number: batch.number,
        feed: batch.feed,
        device_time: batch.device_time,
        changes: Default::default(),
        signature: Signature(batch.signature),
        absent: Some(names),
    };
    match Opened::open(raw, &public_key) {
        Ok(_) => Ok(()),
        Err(BadBatch::Signature) => at("\"signature\"", Fault::Signature(batch.device)),
        Err(why) => at("\"signed\"", Fault::Batch(why.to_string())),
    }
}

struct Checking<'a> {
    files: &'a Files,
    facts: &'a Facts,
    changes: BTreeMap<ChangeHash, Change>,
    batches: BTreeMap<u64, &'a Batch>,
    needed_changes: BTreeSet<ChangeHash>,
    needed_batches: BTreeSet<u64>,
}

/// Where a change is said to have come from.
struct Claim<'a> {
    hash: ChangeHash,
    record: RecordId,
    feed: FeedId,
    batch: u64,
    position: usize,
    party: &'a Party,
    erased: bool,
}

impl Checking<'_> {
    fn stretch(&mut self, stretch: &Stretch) -> Result<(), Finding> {
        let (feed, mut mark) = (self.facts.feed(stretch.audience), stretch.before);
        let name = entries_file(stretch.audience);
        if mark.seq == Seq(0) && mark.link != Link::start(feed) {
            let offset = of_text(self.files, MANIFEST, &mark.link.to_string());
            return Err(Finding::of_file(
                MANIFEST,
                offset,
                Fault::Link { seq: mark.seq, expected: Link::start(feed), found: mark.link },
            ));
        }
        for (item, place) in stretch.places.iter().enumerate() {
            let at = |part: &str, fault| Finding::of_file(&name, in_item(self.files, &name, item, part), fault);
            let expected = Seq(mark.seq.0.saturating_add(1));
            if place.seq != expected {
                return Err(at("\"seq\"", Fault::Gap { expected, found: place.seq }));
            }
            let link = mark.link.then(place.seq, place.hash, &place.brought());
            if link != place.link {
                return Err(at("\"link\"", Fault::Link { seq: place.seq, expected: link, found: place.link }));
            }
            mark = chain::Mark { seq: place.seq, link };
            self.place(feed, place)
                .map_err(|(part, fault)| Finding::of_file(&name, in_item(self.files, &name, item, part), fault))?;
        }
        Ok(())
    }

    /// What stands at a place against the batch and the change.
    fn place(&mut self, feed: FeedId, place: &Place) -> Result<(), (&'static str, Fault)> {
        if let Some(erasure) = &place.erasure {
            let hash = chain::erasure(erasure.record, &erasure.reason);
            if hash != place.hash {
                return Err(("\"erasure\"", Fault::Disagrees(hash.to_string())));
            }
        }
        let Some(placed) = &place.change else { return Ok(()) };
        let claim = Claim {
            hash: place.hash,
            record: placed.record,
            feed,
            batch: placed.batch,
            position: placed.position,
            party: &placed.party,
            erased: placed.erased,
        };
        let batch = self.claim(&claim)?;
        for (part, agrees, expected) in [
            ("\"device\"", batch.device == place.device, batch.device.to_string()),
            ("\"person\"", batch.person == place.person, batch.person.to_string()),
            ("\"received\"", batch.received == place.received, batch.received.0.to_string()),
            ("\"skew\"", batch.skew == place.skew, batch.skew.0.to_string()),
        ] {
            if !agrees {
                return Err((part, Fault::Disagrees(expected)));
            }
        }
        match self.changes.get(&place.hash).filter(|change| change.device_time() != placed.device_time) {
            Some(change) => Err(("\"device_time\"", Fault::Disagrees(change.device_time().0.to_string()))),
            None => Ok(()),
        }
    }

    /// That the change is signed for where it is said to be, and is there unless it was erased.
    fn claim(&mut self, claim: &Claim<'_>) -> Result<&Batch, (&'static str, Fault)> {
        let batch = self.batches.get(&claim.batch).filter(|batch| batch.feed == claim.feed);
        let batch = batch.ok_or(("\"batch\"", Fault::NotSigned(claim.hash)))?;
        if batch.signed.get(claim.position) != Some(&(claim.record, claim.hash)) {
            return Err(("\"position\"", Fault::NotSigned(claim.hash)));
        }
        self.needed_batches.insert(claim.batch);
        match self.changes.get(&claim.hash) {
            _ if claim.erased => {}
            Some(change) if change.party() == claim.party => {
                self.needed_changes.insert(claim.hash);
            }
            Some(change) => return Err(("\"party\"", Fault::Disagrees(change.party().to_string()))),
            None => return Err(("\"hash\"", Fault::Missing)),
        }
        Ok(batch)
    }

    fn refused(&mut self) -> Result<(), Finding> {
        for (item, refused) in self.facts.refused.iter().enumerate() {
            let claim = Claim {
                hash: refused.hash,
                record: refused.record,
                feed: self.facts.feed(refused.audience),
                batch: refused.batch,
                position: refused.position,
                party: &refused.party,
                erased: refused.erased,
            };
            let files = self.files;
            self.claim(&claim)
                .map_err(|(part, fault)| Finding::of_file(QUARANTINE, in_item(files, QUARANTINE, item, part), fault))?;
        }
        Ok(())
    }

    /// That there is no change and no batch beside those.
    fn nothing_else(&self) -> Result<(), Finding> {
        if let Some(hash) = self.changes.keys().find(|hash| !self.needed_changes.contains(hash)) {
            return Err(Finding::of_file(&change_file(*hash), 0, Fault::Unneeded));
        }
        match self.facts.batches.iter().position(|batch| !self.needed_batches.contains(&batch.id)) {
            Some(item) => Err(Finding::of_file(BATCHES, in_item(self.files, BATCHES, item, "{"), Fault::Unneeded)),
            None => Ok(()),
        }
    }
}
