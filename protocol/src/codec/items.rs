//! A stretch of a feed.

use super::squeeze::{fold, unfold};
use super::streams::{In, Out};
use super::{BadPack, Known, OLDEST_WRITTEN, Unread, first, lanes};
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
/// [`BadPack::UnknownDictionary`], [`BadPack::TooMuch`]: then it travels as it is.
pub fn pack_items(items: &Items, dictionary: u32) -> Result<PackedItems, BadPack> {
    if dictionary < OLDEST_WRITTEN {
        return Err(BadPack::UnknownDictionary(dictionary));
    }
    let pack = fold(dictionary, &written(items))?;
    Ok(PackedItems { feed: items.feed, after: items.after, upto: items.upto, link: items.link, dictionary, pack })
}

/// What a dictionary for such stretches is [trained](super::train) on.
pub fn sample(items: &Items) -> Vec<u8> {
    let out = written(items);
    [out.numbers, out.columns].concat()
}

fn written(items: &Items) -> Out {
    let mut out = Out::default();
    put_visits(&mut out, &items.visits);
    out.number(items.items.len() as u64);
    let (mut at, mut visit, mut visits) = (items.after.0, 0, Vec::new());
    for item in items.items.iter() {
        out.number(item.seq.0.wrapping_sub(at + 1));
        visits.push(i64::from(item.visit) - visit);
        (at, visit) = (item.seq.0, i64::from(item.visit));
    }
    visits.into_iter().for_each(|difference| out.signed(difference));
    for item in items.items.iter() {
        out.number(match &item.content {
            Content::Change(_) => CHANGE,
            Content::Gone(_) => GONE,
            Content::Erasure(_) => ERASURE,
        });
    }
    let mut changes = Vec::with_capacity(items.items.len());
    for item in items.items.iter() {
        match &item.content {
            Content::Change(bytes) => changes.push((item.record, bytes.as_slice())),
            Content::Gone(hash) => {
                out.id(&item.record.0);
                out.ids.extend(hash.as_bytes());
            }
            Content::Erasure(reason) => {
                out.id(&item.record.0);
                out.word(reason);
            }
        }
    }
    lanes::write(out, &changes, &|_| true)
}

fn put_visits(out: &mut Out, visits: &[Visit]) {
    out.number(visits.len() as u64);
    visits.iter().for_each(|visit| out.id(&visit.device.0));
    visits.iter().for_each(|visit| out.id(&visit.person.0));
    visits.iter().for_each(|visit| out.word(visit.role.as_str()));
    visits.iter().for_each(|visit| out.word(visit.party.as_str()));
    put_differences(out, visits.iter().map(|visit| visit.received.0));
    put_differences(out, visits.iter().map(|visit| visit.skew.0));
}

fn put_differences(out: &mut Out, numbers: impl Iterator<Item = i64>) {
    let mut before = 0;
    for number in numbers {
        out.signed(number.wrapping_sub(before));
        before = number;
    }
}

/// The stretch again, byte for byte.
///
/// # Errors
/// [`Unread`].
pub fn unpack_items<K: Known>(packed: &PackedItems, known: &K) -> Result<Items, Unread<K::Error>> {
    let (ids, together, numbers) = unfold(packed.dictionary, &packed.pack)?;
    let (numbers, columns) = together.split_at(numbers);
    let read = In::new(numbers, columns, ids);
    let (visits, items) = if packed.dictionary < OLDEST_WRITTEN {
        first::items(read, packed.after, known)?
    } else {
        unpacked(read, packed.after, known)?
    };
    let (visits, items) = (visits.try_into().map_err(|_| BadPack::TooMuch)?, items.try_into().map_err(|_| BadPack::TooMuch)?);
    Ok(Items { feed: packed.feed, after: packed.after, upto: packed.upto, visits, items, link: packed.link })
}

fn unpacked<K: Known>(mut read: In<'_>, after: Seq, known: &K) -> Result<(Vec<Visit>, Vec<Item>), Unread<K::Error>> {
    let visits = get_visits(&mut read)?;
    let count = read.count(limits::PAGE_ITEMS)?;
    let gaps: Vec<u64> = (0..count).map(|_| read.number()).collect::<Result<_, _>>()?;
    let differences: Vec<i64> = (0..count).map(|_| read.signed()).collect::<Result<_, _>>()?;
    let kinds: Vec<u64> = (0..count).map(|_| read.number()).collect::<Result<_, _>>()?;
    let mut others = Vec::new();
    for kind in &kinds {
        match *kind {
            CHANGE => {}
            GONE => others.push((RecordId(read.id()?), Content::Gone(ChangeHash(read.fixed()?)))),
            ERASURE => others.push((RecordId(read.id()?), Content::Erasure(read.word()?))),
            _ => return Err(BadPack::Senseless.into()),
        }
    }
    let changes = lanes::read(&mut read, count - others.len(), known)?;
    let mut changes = changes.into_iter().map(|(record, bytes)| (record, Content::Change(bytes)));
    let mut others = others.into_iter();
    let (mut at, mut visit, mut items) = (after, 0_i64, Vec::with_capacity(count));
    for ((gap, difference), kind) in gaps.into_iter().zip(differences).zip(kinds) {
        at = Seq(at.0.checked_add(1).and_then(|next| next.checked_add(gap)).ok_or(BadPack::Senseless)?);
        visit = visit.wrapping_add(difference);
        let said = if kind == CHANGE { changes.next() } else { others.next() };
        let (record, content) = said.ok_or(BadPack::Senseless)?;
        items.push(Item { seq: at, visit: u32::try_from(visit).map_err(|_| BadPack::Senseless)?, record, content });
    }
    Ok((visits, items))
}

fn get_visits(read: &mut In<'_>) -> Result<Vec<Visit>, BadPack> {
    let count = read.count(limits::PAGE_ITEMS)?;
    let ids = |read: &mut In<'_>| -> Result<Vec<[u8; 16]>, BadPack> { (0..count).map(|_| read.id()).collect() };
    let words = |read: &mut In<'_>| -> Result<Vec<String>, BadPack> { (0..count).map(|_| read.word()).collect() };
    let (devices, people, roles, parties) = (ids(read)?, ids(read)?, words(read)?, words(read)?);
    let (received, skews) = (differences(read, count)?, differences(read, count)?);
    let rest = devices.into_iter().zip(people).zip(roles).zip(parties).zip(received).zip(skews);
    let visit = |(((((device, person), role), party), received), skew): (_, i64)| -> Result<Visit, BadPack> {
        let (role, party): (String, String) = (role, party);
        Ok(Visit {
            device: DeviceId(device),
            person: PersonId(person),
            role: Role::parse(&role).map_err(|_| BadPack::Senseless)?,
            party: Party::parse(&party).map_err(|_| BadPack::Senseless)?,
            received: UnixMs(received),
            skew: SpanMs(skew),
        })
    };
    rest.map(visit).collect()
}

fn differences(read: &mut In<'_>, count: usize) -> Result<Vec<i64>, BadPack> {
    let mut before = 0_i64;
    let mut next = |_| -> Result<i64, BadPack> {
        before = before.wrapping_add(read.signed()?);
        Ok(before)
    };
    (0..count).map(&mut next).collect()
}
