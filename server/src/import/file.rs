//! From the bytes of a file to rows: which kind of file it is, and CSV in the encodings that office programs write.

use std::borrow::Cow;
use std::collections::BTreeMap;

use encoding_rs::{Encoding, GB18030, UTF_8};

use super::sheet::{Sheet, SheetError, Taker, put};
use super::xlsx;

/// How a workbook of today begins, and how one of old, or a locked one.
const PACKED: &[u8] = b"PK\x03\x04";
const LOCKED: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];

pub(super) fn read(bytes: &[u8]) -> Result<Sheet, SheetError> {
    if bytes.starts_with(LOCKED) {
        return Err(SheetError::Locked);
    }
    if bytes.starts_with(PACKED) {
        return xlsx::read(bytes);
    }
    // Lines are counted by their one end, whichever program wrote them.
    csv(&text(bytes)?.replace("\r\n", "\n").replace('\r', "\n"))
}

/// The text of a file: by its mark if it has one; else UTF-8 if it is that, else GB18030.
fn text(bytes: &[u8]) -> Result<Cow<'_, str>, SheetError> {
    let decoded = match Encoding::for_bom(bytes) {
        Some((encoding, mark)) => encoding.decode_without_bom_handling_and_without_replacement(&bytes[mark..]),
        None => {
            let utf8 = UTF_8.decode_without_bom_handling_and_without_replacement(bytes);
            utf8.or_else(|| GB18030.decode_without_bom_handling_and_without_replacement(bytes))
        }
    };
    let text = decoded.ok_or(SheetError::Encoding)?;
    if text.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\r' | '\n')) {
        return Err(SheetError::Damaged("no text".into()));
    }
    Ok(text)
}

/// Comma, tab or semicolon: office programs write what their country is used to.
fn delimiter(text: &str) -> u8 {
    let first_lines = || text.lines().take(10).flat_map(str::bytes);
    let often = |delimiter: &u8| first_lines().filter(|byte| byte == delimiter).count();
    [b';', b'\t', b','].into_iter().max_by_key(often).unwrap_or(b',')
}

fn csv(text: &str) -> Result<Sheet, SheetError> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter(text)).from_reader(text.as_bytes());
    let mut taker = Taker::default();
    let mut record = csv::StringRecord::new();
    loop {
        let more = reader.read_record(&mut record).map_err(|why| SheetError::Damaged(why.to_string()))?;
        if !more || taker.is_lost() {
            return taker.sheet();
        }
        let line = record.position().map_or(0, csv::Position::line);
        let mut cells = BTreeMap::new();
        record.iter().enumerate().for_each(|(place, text)| put(&mut cells, place, text));
        taker.row(u32::try_from(line).unwrap_or(u32::MAX), &cells)?;
    }
}
