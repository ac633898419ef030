//! The container: a zip file in the one form that this program writes.
//!
//! Files are stored as they are, in the order of their names, with no times and no extras. So the same files are the same
//! bytes, now and in ten years, whatever a library's next release would write; every byte of the container follows from the
//! files, and one that does not is found by packing again what was unpacked. Any program that reads zip files reads it.
//!
//! What a zip file says of a file stands in it twice: before the file, and in the directory at its end. Each is read for
//! itself, so that damage to one does not hide where it is.

use super::checksum::{crc32, single_bytes};
use super::files::{Files, first_difference};
use super::finding::{Fault, Finding};
use super::manifest::{MANIFEST, Manifest, sha256};

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
/// Version 1.0 is enough to read it; names are UTF-8; stored; 1 January 1980, the first day a zip file knows.
const COMMON: [u8; 10] = [10, 0, 0, 8, 0, 0, 0, 0, 0x21, 0];
/// Made by a Unix program; a plain file that its owner writes and others read.
const MADE_BY: [u8; 2] = [10, 3];
const ATTRIBUTES: u32 = 0o100_644 << 16;
const LOCAL_LEN: usize = 30;
const CENTRAL_LEN: usize = 46;
const END_LEN: usize = 22;

/// Packs files into a container. There are fewer than 65 536, of less than 4 GiB: see [`super::CHANGES`].
pub fn pack(files: &Files) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let mut about = COMMON.to_vec();
        about.extend(crc32(bytes).to_le_bytes());
        about.extend([bytes.len() as u32; 2].map(u32::to_le_bytes).concat());
        // The length of the name, and no extras.
        about.extend([name.len() as u16, 0].map(u16::to_le_bytes).concat());
        directory.extend([&CENTRAL[..], &MADE_BY, &about].concat());
        // No comment, the first disk, no text, what it is, where it begins.
        directory.extend([0; 6]);
        directory.extend([ATTRIBUTES, out.len() as u32].map(u32::to_le_bytes).concat());
        directory.extend(name.as_bytes());
        out.extend([&LOCAL[..], &about, name.as_bytes(), bytes].concat());
    }
    let (count, begins) = (files.len() as u16, out.len() as u32);
    out.extend(&directory);
    out.extend([&END[..], &[0; 4], &[count; 2].map(u16::to_le_bytes).concat()].concat());
    out.extend([directory.len() as u32, begins].map(u32::to_le_bytes).concat());
    out.extend([0; 2]);
    out
}

/// What was in a container, and the first byte of it that does not hold, if there is one.
#[derive(Debug)]
pub struct Unpacked {
    /// Its files.
    pub files: Files,
    /// Where they, or the container, are not what the manifest says.
    pub damage: Option<Finding>,
}

/// Unpacks a container and holds its files against its manifest, and its bytes against what they would be packed to.
///
/// # Errors
/// [`Finding`], where nothing of use can be read.
pub fn unpack(bytes: &[u8]) -> Result<Unpacked, Finding> {
    let (by_headers, stopped) = by_headers(bytes);
    let readings: Vec<Vec<Stored<'_>>> = by_directory(bytes).into_iter().chain([by_headers]).collect();
    for stored in &readings {
        let files = collect(stored);
        if stored.iter().all(Stored::is_intact) && manifest_of(&files).is_ok_and(|manifest| manifest.mismatch(&files).is_none()) {
            let difference = first_difference(&pack(&files), bytes);
            let damage = difference.map(|(offset, fault)| Finding::of_container(offset, fault));
            return Ok(Unpacked { files, damage });
        }
    }
    let with_manifest = readings.into_iter().find(|stored| stored.iter().any(|file| file.name == MANIFEST));
    let stored = with_manifest.ok_or_else(|| Finding::of_container(stopped, Fault::NotABundle))?;
    let files = collect(&stored);
    Ok(Unpacked { damage: Some(damage(&stored, &files)?), files })
}

/// A file as one of its two headers describes it.
struct Stored<'a> {
    name: &'a str,
    crc: u32,
    bytes: &'a [u8],
}

impl Stored<'_> {
    fn is_intact(&self) -> bool {
        crc32(self.bytes) == self.crc
    }
}

fn collect(stored: &[Stored<'_>]) -> Files {
    stored.iter().map(|file| (file.name.to_owned(), file.bytes.to_vec())).collect()
}

fn manifest_of(files: &Files) -> Result<Manifest, Finding> {
    super::files::read(files, MANIFEST)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?).into())
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Reads file after file by the headers before them, and says where there was no further one.
fn by_headers(bytes: &[u8]) -> (Vec<Stored<'_>>, usize) {
    let (mut stored, mut at) = (Vec::new(), 0);
    while let Some((file, next)) = header_at(bytes, at) {
        stored.push(file);
        at = next;
    }
    (stored, at)
}

fn header_at(bytes: &[u8], at: usize) -> Option<(Stored<'_>, usize)> {
    if bytes.get(at..at + 4)? != LOCAL {
        return None;
    }
    let (crc, len) = (u32_at(bytes, at + 14)?, u32_at(bytes, at + 18)? as usize);
    let begins = at + LOCAL_LEN + u16_at(bytes, at + 26)?;
    let name = std::str::from_utf8(bytes.get(at + LOCAL_LEN..begins)?).ok()?;
    let ends = begins.checked_add(len)?;
    Some((Stored { name, crc, bytes: bytes.get(begins..ends)? }, ends))
}

/// Reads every file by the directory at the end alone.
fn by_directory(bytes: &[u8]) -> Option<Vec<Stored<'_>>> {
    let end = bytes.len().checked_sub(END_LEN)?;
    if bytes.get(end..end + 4)? != END {
        return None;
    }
    let mut at = u32_at(bytes, end + 16)? as usize;
    let (mut stored, mut total) = (Vec::new(), 0);
    while at < end {
        let len = u32_at(bytes, at + 24)? as usize;
        let names = at + CENTRAL_LEN;
        let name = std::str::from_utf8(bytes.get(names..names + u16_at(bytes, at + 28)?)?).ok()?;
        let begins = (u32_at(bytes, at + 42)? as usize).checked_add(LOCAL_LEN + name.len())?;
        stored.push(Stored { name, crc: u32_at(bytes, at + 16)?, bytes: bytes.get(begins..begins.checked_add(len)?)? });
        at = names + name.len();
        // Files that overlap could be many times as large as the container.
        total += len;
        if total > bytes.len() {
            return None;
        }
    }
    Some(stored)
}

/// What is wrong with files that are not what the manifest says. Where it is a single byte, the checksum says which.
fn damage(stored: &[Stored<'_>], files: &Files) -> Result<Finding, Finding> {
    let broken = |file: &&Stored<'_>| !file.is_intact();
    if let Some(file) = stored.iter().filter(|file| file.name == MANIFEST).find(broken) {
        let whole = |repaired: &[u8]| {
            let mut files = files.clone();
            files.insert(MANIFEST.to_owned(), repaired.to_vec());
            manifest_of(&files).is_ok_and(|manifest| manifest.mismatch(&files).is_none())
        };
        if let Some(finding) = single_byte(file, whole) {
            return Ok(finding);
        }
    }
    let manifest = manifest_of(files)?;
    let mismatch = manifest.mismatch(files).unwrap_or_else(|| Finding::of_file(MANIFEST, 0, Fault::NotABundle));
    let listed = |file: &Stored<'_>| manifest.files.iter().find(|listed| listed.name == file.name);
    let found = stored.iter().filter(broken).find_map(|file| {
        let expected = &listed(file)?.sha256;
        single_byte(file, |repaired| sha256(repaired) == *expected)
    });
    Ok(found.unwrap_or(mismatch))
}

fn single_byte(file: &Stored<'_>, is_intact: impl Fn(&[u8]) -> bool) -> Option<Finding> {
    single_bytes(file.bytes, file.crc).into_iter().find_map(|(offset, expected)| {
        let mut repaired = file.bytes.to_vec();
        repaired[offset] = expected;
        let fault = Fault::Byte { expected: Some(expected), found: Some(file.bytes[offset]) };
        is_intact(&repaired).then(|| Finding::of_file(file.name, offset, fault))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bundles are checked by packing them again, so this form may never change.
    #[test]
    fn the_form_is_what_it_was() {
        let files: Files = [("a".to_owned(), b"abc".to_vec())].into();
        let expected = "504b03040a000008000000002100c2412435030000000300000001000000".to_owned()
            + "61616263"
            + "504b01020a030a000008000000002100c24124350300000003000000010000000000000000000000a48100000000"
            + "61"
            + "504b050600000000010001002f000000220000000000";
        assert_eq!(data_encoding::HEXLOWER.encode(&pack(&files)), expected);
    }
}
