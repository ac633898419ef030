//! Packs from anyone are unfolded within their bounds or turned away; the first byte says which dictionary, the second of
//! what.
#![no_main]

use libfuzzer_sys::fuzz_target;
use renolog_protocol::batch::RawBatch;
use renolog_protocol::codec::{NEWEST, Nothing, unpack_items, unpack_push};
use renolog_protocol::id::{Audience, CommunityId, DeviceId, FeedId, Seq};
use renolog_protocol::key::Signature;
use renolog_protocol::limits;
use renolog_protocol::time::UnixMs;
use renolog_protocol::wire::{PackedItems, PackedPush};

fuzz_target!(|bytes: &[u8]| {
    let [dictionary, of_a_push, pack @ ..] = bytes else { return };
    let (dictionary, pack) = (u32::from(*dictionary) % (NEWEST + 2), pack.to_vec());
    let feed = FeedId { community: CommunityId([1; 16]), audience: Audience::Open };
    if of_a_push % 2 == 0 {
        let (after, upto) = (Seq(7), Seq(u64::MAX));
        if let Ok(items) = unpack_items(&PackedItems { feed, after, upto, link: None, dictionary, pack }, &Nothing) {
            assert!(items.items.len() <= limits::PAGE_ITEMS);
        }
        return;
    }
    let (changes, signature) = (Default::default(), Signature([0; 64]));
    let batch =
        RawBatch { device: DeviceId([2; 16]), number: 1, feed, device_time: UnixMs(0), changes, signature, absent: None };
    if let Ok(batch) = unpack_push(PackedPush { batch, dictionary, pack }, &Nothing) {
        assert!(batch.changes.iter().map(|change| change.bytes.len()).sum::<usize>() <= limits::BATCH_BYTES);
    }
});
