//! The past of one feed as this device has computed it: see [`crate::chain`].

use crate::chain::{Brought, Mark};
use crate::id::{ChangeHash, FeedId, Link, Seq};
use crate::sorted::SortedMap;

/// What the server says does not follow from what it said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rewritten;

/// See the module.
#[derive(Debug)]
pub(super) struct Past {
    /// The link at the cursor; unknown in a store that was filled before links were kept.
    link: Option<Link>,
    /// Entries that were receipted and are not sent again.
    own: SortedMap<Seq, (ChangeHash, Brought)>,
    /// How the feed stood by the latest receipt, until the device has come that far.
    claim: Option<Mark>,
}

impl Past {
    pub(super) fn new(link: Option<Link>) -> Self {
        Self { link, own: SortedMap::new(), claim: None }
    }

    pub(super) fn start(feed: FeedId) -> Self {
        Self::new(Some(Link::start(feed)))
    }

    pub(super) fn link(&self) -> Option<Link> {
        self.link
    }

    /// A change of this device has this place in the feed.
    pub(super) fn receipted(&mut self, seq: Seq, hash: ChangeHash, brought: Brought) {
        self.own.insert(seq, (hash, brought));
    }

    /// The server says how the feed stands while the device has it up to `cursor`.
    pub(super) fn claimed(&mut self, mark: Mark, cursor: Seq) -> Result<(), Rewritten> {
        if mark.seq == cursor {
            return self.compare(mark.link);
        }
        if mark.seq > cursor && self.claim.is_none_or(|claim| claim.seq < mark.seq) {
            self.claim = Some(mark);
        }
        Ok(())
    }

    /// Goes on from a snapshot of this position; whoever stored its entries has compared the link with them.
    pub(super) fn jump(&mut self, mark: Mark) {
        self.link = Some(mark.link);
        self.own.retain(|seq, _| *seq > mark.seq);
        self.claim.take_if(|claim| claim.seq <= mark.seq);
    }

    /// Takes in a stretch of the feed that ends with this link, as the server says. Afterwards the link is the server's.
    pub(super) fn extend(
        &mut self,
        (after, upto): (Seq, Seq),
        entries: impl Iterator<Item = (Seq, ChangeHash, Brought)>,
        said: Option<Link>,
    ) -> Result<(), Rewritten> {
        let mut entries = entries.peekable();
        let mut found = Ok(());
        let mut at = after;
        while at < upto && self.link.is_some() {
            at = at.next();
            let entry = match entries.next_if(|(seq, ..)| *seq == at) {
                Some((_, hash, brought)) => Some((hash, brought)),
                None => self.own.get(&at).cloned(),
            };
            // A place for which there is nothing: something is kept from this device.
            self.link = self.link.zip(entry).map(|(link, (hash, brought))| link.then(at, hash, &brought));
            if self.link.is_none() {
                found = Err(Rewritten);
            }
            if let Some(claim) = self.claim.take_if(|claim| claim.seq <= at) {
                found = found.and(self.compare(claim.link));
            }
        }
        self.own.retain(|seq, _| *seq > upto);
        self.claim.take_if(|claim| claim.seq <= upto);
        if let Some(said) = said {
            found = found.and(self.compare(said));
        }
        self.link = said;
        found
    }

    fn compare(&self, said: Link) -> Result<(), Rewritten> {
        if self.link.is_none_or(|known| known == said) { Ok(()) } else { Err(Rewritten) }
    }
}
