//! A stretch of a feed.

use super::changes::{Packer, Unpacker};
use super::squeeze::{fold, unfold};
use super::streams::{In, Out};
use super::{BadPack, Known, Unread};
use crate::id::{ChangeHash, DeviceId, PersonId, RecordId, Seq};
use crate::limits;
use crate::schema::{Party, Role};
use crate::time::{SpanMs, UnixMs};
use crate::wire::{Content, Item, Items, PackedItems, Visit};

const CHANGE: u64 = 0;
const GONE: u64 = 1;
const ERASURE: u64 = 2;

/// Packs a stretch by this dictionary. Its reader has every change of the feed before it.
///
/// # Errors
/// [`BadPack::UnknownDictionary`]; [`BadPack::TooMuch`]: then it travels as it is.
pub fn pack_items(items: &Items, dictionary: u32) -> Result<PackedItems, BadPack> {
    let pack = fold(dictionary, &written(items))?;
    Ok(PackedItems { feed: items.feed, after: items.after, upto: items.upto, link: items.link, dictionary, pack })
}

/// What a dictionary for such stretches is [trained](super::train) on.
pub fn sample(items: &Items) -> Vec<u8> {
    let out = written(items);
    [out.numbers, out.columns].concat()
}

fn written(items: &Items) -> Out {
    let mut packer = Packer::new(&|_| true);
    packer.out.number(items.visits.len() as u64);
    let mut received = 0;
    for visit in items.visits.iter() {
        put_visit(&mut packer.out, visit, received);
        received = visit.received.0;
    }
    packer.out.number(items.items.len() as u64);
    let (mut at, mut visit) = (items.after.0, 0);
    for item in items.items.iter() {
        packer.out.number(item.seq.0.wrapping_sub(at + 1));
        packer.out.signed(i64::from(item.visit) - visit);
        (at, visit) = (item.seq.0, i64::from(item.visit));
        match &item.content {
            Content::Change(bytes) => {
                packer.out.number(CHANGE);
                packer.change(item.record, bytes);
            }
            Content::Gone(hash) => {
                packer.out.number(GONE);
                packer.out.id(&item.record.0);
                packer.out.ids.extend(hash.as_bytes());
            }
            Content::Erasure(reason) => {
                packer.out.number(ERASURE);
                packer.out.id(&item.record.0);
                packer.out.word(reason);
            }
        }
    }
    packer.finish()
}

fn put_visit(out: &mut Out, visit: &Visit, received: i64) {
    out.id(&visit.device.0);
    out.id(&visit.person.0);
    out.word(visit.role.as_str());
    out.word(visit.party.as_str());
    out.signed(visit.received.0.wrapping_sub(received));
    out.signed(visit.skew.0);
}

/// The stretch again, byte for byte.
///
/// # Errors
/// [`Unread`].
pub fn unpack_items<K: Known>(packed: &PackedItems, known: &K) -> Result<Items, Unread<K::Error>> {
    let (ids, together, numbers) = unfold(packed.dictionary, &packed.pack)?;
    let (numbers, columns) = together.split_at(numbers);
    let mut unpacker = Unpacker::new(In::new(numbers, columns, ids), known);
    let count = unpacker.read.count(limits::PAGE_ITEMS)?;
    let mut visits: Vec<Visit> = Vec::with_capacity(count);
    for _ in 0..count {
        let received = visits.last().map_or(0, |visit| visit.received.0);
        visits.push(get_visit(&mut unpacker.read, received)?);
    }
    let count = unpacker.read.count(limits::PAGE_ITEMS)?;
    let mut items: Vec<Item> = Vec::with_capacity(count);
    for _ in 0..count {
        let (at, visit) = items.last().map_or((packed.after, 0), |item| (item.seq, item.visit));
        let seq = at.0.checked_add(1).and_then(|next| next.checked_add(unpacker.read.number().ok()?));
        let seq = Seq(seq.ok_or(BadPack::Senseless)?);
        let visit = u32::try_from(i64::from(visit).wrapping_add(unpacker.read.signed()?)).map_err(|_| BadPack::Senseless)?;
        let (record, content) = match unpacker.read.number()? {
            CHANGE => {
                let (record, bytes) = unpacker.change()?;
                (record, Content::Change(bytes))
            }
            GONE => (RecordId(unpacker.read.id()?), Content::Gone(ChangeHash(unpacker.read.fixed()?))),
            ERASURE => (RecordId(unpacker.read.id()?), Content::Erasure(unpacker.read.word()?)),
            _ => return Err(BadPack::Senseless.into()),
        };
        items.push(Item { seq, visit, record, content });
    }
    unpacker.finish()?;
    let (visits, items) = (visits.try_into().map_err(|_| BadPack::TooMuch)?, items.try_into().map_err(|_| BadPack::TooMuch)?);
    Ok(Items { feed: packed.feed, after: packed.after, upto: packed.upto, visits, items, link: packed.link })
}

fn get_visit(read: &mut In<'_>, received: i64) -> Result<Visit, BadPack> {
    Ok(Visit {
        device: DeviceId(read.id()?),
        person: PersonId(read.id()?),
        role: Role::parse(&read.word()?).map_err(|_| BadPack::Senseless)?,
        party: Party::parse(&read.word()?).map_err(|_| BadPack::Senseless)?,
        received: UnixMs(received.wrapping_add(read.signed()?)),
        skew: SpanMs(read.signed()?),
    })
}
