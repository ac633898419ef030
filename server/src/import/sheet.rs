//! The sheet of a roster: rows of cells under known headings, within bounds.

use std::collections::BTreeMap;

use super::column::{self, Column};
use super::{CELL_CHARS, COLUMNS, FILE_BYTES, ROWS, UNPACKED_BYTES, file};

/// The headings stand in one of the first rows: above them there may be a title.
const HEADING_WITHIN: usize = 10;

/// What was read of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// The rows with anything in them, in their order.
    pub rows: Vec<SheetRow>,
    /// Headings that are not understood, and so left out.
    pub ignored: Vec<String>,
    /// Headings of telephone numbers, which are never stored.
    pub telephones: Vec<String>,
}

/// A row with anything in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SheetRow {
    /// Its number as the spreadsheet shows it, from 1.
    pub number: u32,
    /// What stands in it. Of a cell over [`CELL_CHARS`], one character too many.
    pub cells: BTreeMap<Column, String>,
}

/// A file that is no roster. Whoever brings it can help it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    /// Over the bound.
    #[error("文件过大，最多 {0} MB the file is too large: at most {0} MB", FILE_BYTES >> 20)]
    TooLarge,
    /// A small file that unpacks to a large one.
    #[error("文件解开后过大，最多 {0} MB the file unpacks to too much: at most {0} MB", UNPACKED_BYTES >> 20)]
    UnpacksTooLarge,
    /// More rows than the bound.
    #[error("行数过多，最多 {ROWS} 行 too many rows: at most {ROWS}; split the file")]
    TooManyRows,
    /// An older or locked workbook.
    #[error(
        "这是旧版或加密的工作簿，请另存为 .xlsx 或 CSV（不加密） an old or locked workbook; save it as .xlsx or CSV, without a password"
    )]
    Locked,
    /// Broken, cut short, or something else.
    #[error("文件已损坏或不是表格，请另存为 .xlsx 或 CSV the file is damaged or no spreadsheet; save it as .xlsx or CSV ({0})")]
    Damaged(String),
    /// Text in an encoding that is not known.
    #[error("文字编码无法识别，请另存为 UTF-8 或 GB18030 the text's encoding is not known; save it as UTF-8 or GB18030")]
    Encoding,
    /// No row of headings.
    #[error(
        "前 {HEADING_WITHIN} 行里没有表头，需要：姓名、小区、角色 there is no row of headings among the first {HEADING_WITHIN}; needed are: name, community, role"
    )]
    NoHeadings,
    /// A needed column is not there.
    #[error("缺少列“{zh}” there is no column {en:?}", zh = .0.zh(), en = .0.en())]
    NoColumn(Column),
    /// A column is there twice.
    #[error("列“{zh}”出现两次 there are two columns {en:?}", zh = .0.zh(), en = .0.en())]
    Twice(Column),
}

impl Sheet {
    /// Reads an XLSX or CSV file.
    ///
    /// # Errors
    /// [`SheetError`].
    pub fn read(bytes: &[u8]) -> Result<Self, SheetError> {
        if bytes.len() > FILE_BYTES {
            return Err(SheetError::TooLarge);
        }
        file::read(bytes)
    }
}

/// Takes rows as a file gives them, and keeps what belongs to a roster.
#[derive(Debug, Default)]
pub(super) struct Taker {
    looked_at: usize,
    headings: Option<BTreeMap<usize, Column>>,
    sheet: Option<Sheet>,
}

impl Taker {
    /// The next row: its number, and its cells by their place.
    pub(super) fn row(&mut self, number: u32, cells: &BTreeMap<usize, String>) -> Result<(), SheetError> {
        let (Some(headings), Some(sheet)) = (&self.headings, &mut self.sheet) else { return self.look_for_headings(cells) };
        let cells: BTreeMap<Column, String> = headings
            .iter()
            .filter_map(|(place, column)| Some((*column, cells.get(place)?.clone())))
            .filter(|(_, cell)| !cell.is_empty())
            .collect();
        if cells.is_empty() {
            return Ok(());
        }
        if sheet.rows.len() == ROWS {
            return Err(SheetError::TooManyRows);
        }
        sheet.rows.push(SheetRow { number, cells });
        Ok(())
    }

    /// Whether no headings can come any more.
    pub(super) fn is_lost(&self) -> bool {
        self.headings.is_none() && self.looked_at >= HEADING_WITHIN
    }

    /// What was kept.
    pub(super) fn sheet(self) -> Result<Sheet, SheetError> {
        self.sheet.ok_or(SheetError::NoHeadings)
    }

    fn look_for_headings(&mut self, cells: &BTreeMap<usize, String>) -> Result<(), SheetError> {
        self.looked_at += 1;
        let known: Vec<(usize, Column)> = cells.iter().filter_map(|(place, cell)| Some((*place, Column::of(cell)?))).collect();
        // A title such as “小区名单” is one cell.
        if self.looked_at > HEADING_WITHIN || known.len() < 2 {
            return Ok(());
        }
        for (at, (_, column)) in known.iter().enumerate() {
            if known[..at].iter().any(|(_, earlier)| earlier == column) {
                return Err(SheetError::Twice(*column));
            }
        }
        if let Some(missing) = Column::NEEDED.into_iter().find(|needed| known.iter().all(|(_, column)| column != needed)) {
            return Err(SheetError::NoColumn(missing));
        }
        let others = cells.values().filter(|cell| Column::of(cell).is_none()).cloned();
        let (telephones, ignored) = others.partition(|heading| column::is_telephone(heading));
        self.headings = Some(known.into_iter().collect());
        self.sheet = Some(Sheet { rows: Vec::new(), ignored, telephones });
        Ok(())
    }
}

/// A cell's text as it is kept: without what cannot be seen at its ends, and not much longer than it may be.
pub(super) fn cell(text: &str) -> String {
    text.trim().chars().take(CELL_CHARS + 1).collect()
}

/// Puts a cell where it belongs, if that is looked at.
pub(super) fn put(cells: &mut BTreeMap<usize, String>, place: usize, text: &str) {
    let text = cell(text);
    if place < COLUMNS && !text.is_empty() {
        cells.insert(place, text);
    }
}
