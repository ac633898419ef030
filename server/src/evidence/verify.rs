//! Checks a bundle: no server, no network, no clock. What is right is said in numbers; the first thing that is not, by place.

use std::fmt;
use std::str::FromStr;

use renolog_protocol::id::{Audience, Link, Seq};

use super::compose::compose;
use super::container::unpack;
use super::facts::{Facts, change_file};
use super::files::{Files, first_difference};
use super::finding::{Fault, Finding};
use super::manifest::MANIFEST;

/// A link that a device holds: `open:` and 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Of which feed.
    pub audience: Audience,
    /// The link.
    pub link: Link,
}

/// Text that is no head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a head is `open:`, `parties:` or `private:` and 64 hexadecimal digits")]
pub struct NotAHead;

impl FromStr for Head {
    type Err = NotAHead;

    fn from_str(text: &str) -> Result<Self, NotAHead> {
        let (name, link) = text.split_once(':').ok_or(NotAHead)?;
        let audience = Audience::ALL.into_iter().find(|audience| audience.to_string() == name).ok_or(NotAHead)?;
        Ok(Self { audience, link: link.parse().map_err(|_| NotAHead)? })
    }
}

/// A bundle in which everything holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The community's name.
    pub community: String,
    /// What made it.
    pub build: String,
    /// Changes whose names and signatures fit.
    pub changes: usize,
    /// Signed batches.
    pub batches: usize,
    /// What was refused.
    pub refused: usize,
    /// How far each feed goes.
    pub spans: Vec<Span>,
    /// The heads that were asked about, and where they stand.
    pub heads: Vec<(Head, Seq)>,
}

/// A stretch of a feed whose links follow from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Of which feed.
    pub audience: Audience,
    /// How many entries.
    pub entries: usize,
    /// The position of the last.
    pub seq: Seq,
    /// The link there.
    pub link: Link,
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}（{} 条 entries）", self.audience, self.seq, self.link, self.entries)
    }
}

/// Checks a bundle, and looks for heads that devices hold in it.
///
/// # Errors
/// [`Finding`]: the first thing that does not hold.
pub fn verify(bytes: &[u8], heads: &[Head]) -> Result<Checked, Finding> {
    let unpacked = unpack(bytes)?;
    match unpacked.damage {
        None => {}
        Some(damage) if matches!(damage.fault, Fault::Sha { .. }) => {
            // What the file should say may follow from the others; then the very byte can be named.
            let closer = contents(&unpacked.files).err().filter(|finding| finding.file == damage.file);
            return Err(closer.unwrap_or(damage));
        }
        Some(damage) => return Err(damage),
    }
    let facts = contents(&unpacked.files)?;
    Ok(Checked {
        heads: heads.iter().map(|head| Ok((*head, place_of(&facts, *head)?))).collect::<Result<_, Finding>>()?,
        community: facts.about.community.name.clone(),
        build: facts.about.build.clone(),
        changes: facts.changes.len(),
        batches: facts.batches.len(),
        refused: facts.refused.len(),
        spans: facts
            .stretches
            .iter()
            .map(|stretch| {
                let head = stretch.head();
                Span { audience: stretch.audience, entries: stretch.places.len(), seq: head.seq, link: head.link }
            })
            .collect(),
    })
}

/// The facts of a bundle, of which everything holds, and from which all of it follows.
fn contents(files: &Files) -> Result<Facts, Finding> {
    let facts = Facts::of(files)?;
    super::signed::check(files, &facts)?;
    let composed = compose(&facts).map_err(|broken| {
        let file = broken.change.map_or_else(|| MANIFEST.to_owned(), change_file);
        Finding::of_file(&file, 0, Fault::Broken(broken.why))
    })?;
    // The manifest last: what it says of a file that differs differs as well.
    let (manifest, others): (Vec<_>, Vec<_>) = composed.iter().partition(|(name, _)| *name == MANIFEST);
    for (name, expected) in others.into_iter().chain(manifest) {
        let found = files.get(name).ok_or_else(|| Finding::of_file(name, 0, Fault::Missing))?;
        if let Some((offset, fault)) = first_difference(expected, found) {
            return Err(Finding::of_file(name, offset, fault));
        }
    }
    match files.keys().find(|name| !composed.contains_key(*name)) {
        Some(name) => Err(Finding::of_file(name, 0, Fault::Unneeded)),
        None => Ok(facts),
    }
}

/// Where a link stands that a device holds.
fn place_of(facts: &Facts, head: Head) -> Result<Seq, Finding> {
    let stretch = facts.stretches.iter().find(|stretch| stretch.audience == head.audience);
    let marks = stretch.into_iter().flat_map(|stretch| {
        let places = stretch.places.iter().map(|place| (place.link, place.seq));
        std::iter::once((stretch.before.link, stretch.before.seq)).chain(places)
    });
    let found = marks.into_iter().find(|(link, _)| *link == head.link).map(|(_, seq)| seq);
    found.ok_or_else(|| Finding::of_file(&super::facts::entries_file(head.audience), 0, Fault::ForeignHead(head.link)))
}
