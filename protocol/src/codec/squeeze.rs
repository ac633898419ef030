//! zstd with a dictionary, by version.
//!
//! `cargo run --release -p renolog-tests --bin dictionary` trains one from simulated logs of the built-in schema. A dictionary is never altered once
//! a phone may have it: a better one is another version, and the old ones stay.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

use super::BadPack;
use super::streams::Out;
use crate::limits;

/// The dictionaries of this build, from version 1 on.
pub const DICTIONARIES: [&[u8]; 2] = [include_bytes!("../../dictionaries/1.dict"), include_bytes!("../../dictionaries/2.dict")];
/// The version of the newest.
pub const NEWEST: u32 = DICTIONARIES.len() as u32;

/// Harder work gains a few per cent, and a server packs for a whole district.
const LEVEL: i32 = 6;
/// The same for what is squeezed once and sent to many.
const HARD: i32 = 19;
/// Most bytes that a pack unfolds to.
const UNFOLDED: usize = limits::FRAME_BYTES;

type Squeezers = Vec<(u32, Compressor<'static>, Decompressor<'static>)>;

thread_local! {
    /// Made once a thread: a dictionary takes longer to take in than a pack to squeeze.
    static SQUEEZERS: RefCell<Squeezers> = const { RefCell::new(Vec::new()) };
}

fn with<T>(
    version: u32,
    work: impl FnOnce(&mut Compressor<'static>, &mut Decompressor<'static>) -> Result<T, BadPack>,
) -> Result<T, BadPack> {
    let place = usize::try_from(version).ok().and_then(|version| version.checked_sub(1));
    let dictionary = place.and_then(|place| DICTIONARIES.get(place)).ok_or(BadPack::UnknownDictionary(version))?;
    SQUEEZERS.with_borrow_mut(|squeezers| {
        if !squeezers.iter().any(|(known, ..)| *known == version) {
            let (mut squeezer, mut unfolder) = (Compressor::new(LEVEL), Decompressor::new());
            let made = (|| {
                let squeezer = squeezer.as_mut().map_err(|_| ())?;
                squeezer.set_dictionary(LEVEL, dictionary).map_err(|_| ())?;
                squeezer.include_magicbytes(false).map_err(|_| ())?;
                squeezer.include_dictid(false).map_err(|_| ())?;
                squeezer.include_checksum(false).map_err(|_| ())?;
                let unfolder = unfolder.as_mut().map_err(|_| ())?;
                unfolder.set_dictionary(dictionary).map_err(|_| ())?;
                unfolder.include_magicbytes(false).map_err(|_: std::io::Error| ())
            })();
            match (made, squeezer, unfolder) {
                (Ok(()), Ok(squeezer), Ok(unfolder)) => squeezers.push((version, squeezer, unfolder)),
                // Only for want of memory.
                _ => return Err(BadPack::TooMuch),
            }
        }
        let (_, squeezer, unfolder) = squeezers.iter_mut().find(|(known, ..)| *known == version).expect("it was just made");
        work(squeezer, unfolder)
    })
}

/// The streams as one pack.
pub(super) fn fold(version: u32, out: &Out) -> Result<Vec<u8>, BadPack> {
    let mut lengths = Out::default();
    for stream in [&out.ids, &out.numbers, &out.columns] {
        lengths.number(stream.len() as u64);
    }
    let together = [&out.numbers[..], &out.columns].concat();
    let squeezed = with(version, |squeezer, _| squeezer.compress(&together).map_err(|_| BadPack::TooMuch))?;
    Ok([&lengths.numbers[..], &out.ids, &squeezed].concat())
}

/// A pack's streams: ids, then numbers and columns together with the length of the former. Takes bytes from anyone.
pub(super) fn unfold(version: u32, pack: &[u8]) -> Result<(&[u8], Vec<u8>, usize), BadPack> {
    let mut lengths = super::streams::In::new(pack, &[], &[]);
    let ids = lengths.count(limits::FRAME_BYTES)?;
    let (numbers, columns) = (lengths.count(UNFOLDED)?, lengths.count(UNFOLDED)?);
    let (ids, squeezed) = lengths.numbers.split_at_checked(ids).ok_or(BadPack::CutShort)?;
    let length = numbers + columns;
    if length > UNFOLDED {
        return Err(BadPack::TooMuch);
    }
    let together = with(version, |_, unfolder| unfolder.decompress(squeezed, length).map_err(|_| BadPack::Senseless))?;
    if together.len() != length {
        return Err(BadPack::Senseless);
    }
    Ok((ids, together, numbers))
}

/// Squeezes what is made once and sent to many.
pub(super) fn squeeze_hard(bytes: &[u8]) -> Result<Vec<u8>, BadPack> {
    zstd::bulk::compress(bytes, HARD).map_err(|_| BadPack::TooMuch)
}

/// What [`squeeze_hard`] squeezed, if it has this length; the caller bounds it. Takes bytes from anyone.
pub(super) fn unsqueeze_hard(squeezed: &[u8], length: usize) -> Result<Vec<u8>, BadPack> {
    let bytes = zstd::bulk::decompress(squeezed, length).map_err(|_| BadPack::Senseless)?;
    if bytes.len() == length { Ok(bytes) } else { Err(BadPack::Senseless) }
}

/// Makes a dictionary of at most `bytes` from what packs hold before they are squeezed.
///
/// # Errors
/// What zstd says, such as that there are too few samples.
pub fn train(samples: &[Vec<u8>], bytes: usize) -> std::io::Result<Vec<u8>> {
    zstd::dict::from_samples(samples, bytes)
}
