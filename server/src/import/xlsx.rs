//! XLSX, read a cell at a time within bounds: a workbook is an archive from anywhere, and may say anything of itself.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use calamine::{DataRef, ExcelDateTime, Reader as _, Xlsx, XlsxError};
use zip::ZipArchive;

use super::sheet::{Sheet, SheetError, Taker, put};
use super::{PARTS, UNPACKED_BYTES};
use crate::day::Day;

/// Sheets that are looked through for a roster.
const SHEETS: usize = 20;

fn damaged(why: impl std::fmt::Display) -> SheetError {
    SheetError::Damaged(why.to_string())
}

/// The first sheet that has a roster's headings.
pub(super) fn read(bytes: &[u8]) -> Result<Sheet, SheetError> {
    unpacks_well(bytes)?;
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|why| match why {
        XlsxError::Password => SheetError::Locked,
        why => damaged(why),
    })?;
    for name in workbook.sheet_names().into_iter().take(SHEETS) {
        match sheet(&mut workbook, &name) {
            Err(SheetError::NoHeadings) => {}
            read => return read,
        }
    }
    Err(SheetError::NoHeadings)
}

/// Unpacks every part once, to know that all of them together are small enough and whole. The reader takes room for as
/// many strings as a workbook claims to have, so a claim that the part cannot hold is refused here, too.
fn unpacks_well(bytes: &[u8]) -> Result<(), SheetError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    if archive.len() > PARTS {
        return Err(SheetError::UnpacksTooLarge);
    }
    let mut left = UNPACKED_BYTES;
    for index in 0..archive.len() {
        let mut unpacked = Vec::new();
        let most = u64::try_from(left).unwrap_or(u64::MAX);
        let part = archive.by_index(index).map_err(damaged)?;
        let holds_strings = part.name().map_err(damaged)?.to_ascii_lowercase().ends_with("sharedstrings.xml");
        part.take(most + 1).read_to_end(&mut unpacked).map_err(damaged)?;
        left = left.checked_sub(unpacked.len()).ok_or(SheetError::UnpacksTooLarge)?;
        if holds_strings && claims_too_much(&unpacked) {
            return Err(damaged("it claims more than it holds"));
        }
    }
    Ok(())
}

/// Whether a part claims to hold more strings than it has bytes.
fn claims_too_much(part: &[u8]) -> bool {
    const CLAIM: &[u8] = b"uniqueCount";
    // Wider letters would hide the claim; every program writes UTF-8.
    if part.contains(&0) {
        return true;
    }
    part.windows(CLAIM.len()).enumerate().filter(|(_, window)| *window == CLAIM).any(|(at, _)| {
        let after = part[at + CLAIM.len()..].iter().skip_while(|byte| byte.is_ascii_whitespace() || b"=\"'".contains(byte));
        let digits = after.take_while(|byte| byte.is_ascii_digit());
        let claimed = digits.fold(0_u64, |number, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
        claimed > part.len() as u64
    })
}

fn sheet(workbook: &mut Xlsx<Cursor<&[u8]>>, name: &str) -> Result<Sheet, SheetError> {
    let mut cells = match workbook.worksheet_cells_reader(name) {
        // A page with a chart alone.
        Err(XlsxError::NotAWorksheet(_)) => return Err(SheetError::NoHeadings),
        cells => cells.map_err(damaged)?,
    };
    let mut taker = Taker::default();
    let (mut at, mut row) = (0, BTreeMap::new());
    while let Some(cell) = cells.next_cell().map_err(damaged)? {
        let (number, place) = cell.get_position();
        if number != at {
            taker.row(at.saturating_add(1), &std::mem::take(&mut row))?;
            if taker.is_lost() {
                return Err(SheetError::NoHeadings);
            }
            at = number;
        }
        put(&mut row, usize::try_from(place).unwrap_or(usize::MAX), &text(cell.get_value()));
    }
    taker.row(at.saturating_add(1), &row)?;
    taker.sheet()
}

/// A cell as a person would read it.
fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTime(moment) => day(moment).map_or_else(|| moment.as_f64().to_string(), |day| day.to_string()),
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => String::new(),
    }
}

fn day(moment: &ExcelDateTime) -> Option<Day> {
    let (year, month, day, ..) = moment.is_datetime().then(|| moment.to_ymd_hms_milli())?;
    Day::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?)
}
