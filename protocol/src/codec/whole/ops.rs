//! The operations of a change, column by column, as Automerge spells them: runs of cells.
//!
//! What is taken apart here is put together again to the same bytes, or it is not taken apart at all. This knows how cells are
//! spelled, not what they mean.

use crate::chunk::Reader;
use crate::codec::BadPack;
use crate::codec::parts::{signed, unsigned};
use crate::limits;

const KEY_TEXT: u32 = 0x15;
const INSERT: u32 = 0x34;
const META: u32 = 0x56;
const RAW: u32 = 0x57;
const STEPS: [u32; 2] = [0x13, 0x73];

/// Types of values that have no bytes of their own: nothing, no, yes.
const BARE: u8 = 2;
const WHOLE: u8 = 3;
const SIGNED: u8 = 4;
pub(super) const TEXT: u8 = 6;
const COUNTER: u8 = 8;
pub(super) const MOMENT: u8 = 9;

/// A stretch of a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Run<T> {
    /// The same cell so many times.
    Same(u64, T),
    /// Cells of which no two neighbours are the same.
    Apart(Vec<T>),
    /// So many rows without a cell.
    Empty(u64),
}

/// A value that an operation writes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Whole(u64),
    Signed(i64),
    Bytes(Vec<u8>),
}

/// Values in the order of their rows: their types in runs, and those that have bytes.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Values {
    pub(super) types: Vec<Run<u8>>,
    pub(super) scalars: Vec<Scalar>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Column {
    Numbers(Vec<Run<u64>>),
    Steps(Vec<Run<i64>>),
    Texts(Vec<Run<Vec<u8>>>),
    Flags(Vec<u64>),
    Values(Values),
    /// What the values before are spelled with.
    Raw,
}

/// What kind of column has this number.
pub(super) fn kind_of(name: u32) -> Column {
    match name {
        KEY_TEXT => Column::Texts(Vec::new()),
        INSERT => Column::Flags(Vec::new()),
        META => Column::Values(Values::default()),
        RAW => Column::Raw,
        name if STEPS.contains(&name) => Column::Steps(Vec::new()),
        _ => Column::Numbers(Vec::new()),
    }
}

/// The table of columns and what they hold, taken apart; `None` if putting it together would not make the same bytes.
pub(super) fn apart(bytes: &[u8]) -> Option<Vec<(u32, Column)>> {
    let mut reader = Reader::of(bytes);
    let count = reader.unsigned().ok()?;
    let mut table = Vec::new();
    for _ in 0..count {
        table.push((u32::try_from(reader.unsigned().ok()?).ok()?, reader.unsigned().ok()?));
    }
    let mut columns: Vec<(u32, Column)> = Vec::with_capacity(table.len());
    let mut metas = None;
    for (name, length) in table {
        let cells = reader.take(length).ok()?;
        let column = match kind_of(name) {
            Column::Numbers(_) => Column::Numbers(runs(cells, |reader| reader.unsigned().ok())?),
            Column::Steps(_) => Column::Steps(runs(cells, |reader| reader.signed().ok())?),
            Column::Texts(_) => Column::Texts(runs(cells, text)?),
            Column::Flags(_) => Column::Flags(flags(cells)?),
            Column::Values(_) => {
                metas = Some(runs(cells, |reader| reader.unsigned().ok())?);
                Column::Values(Values::default())
            }
            Column::Raw => {
                let last = columns.last_mut()?;
                last.1 = Column::Values(values(metas.take()?, cells)?);
                Column::Raw
            }
        };
        columns.push((name, column));
    }
    if let Some(metas) = metas {
        columns.iter_mut().find(|(name, _)| *name == META)?.1 = Column::Values(values(metas, &[])?);
    }
    let small = |(_, column): &(u32, Column)| !matches!(column, Column::Numbers(runs) if runs.iter().any(is_vast));
    let same = together(&columns).is_ok_and(|again| again == bytes);
    (same && columns.iter().all(small)).then_some(columns)
}

/// Whether a cell of it cannot be told with one more bit.
fn is_vast(run: &Run<u64>) -> bool {
    let vast = |cell: &u64| cell >> 63 == 1;
    match run {
        Run::Same(_, cell) => vast(cell),
        Run::Apart(cells) => cells.iter().any(vast),
        Run::Empty(_) => false,
    }
}

fn runs<T>(bytes: &[u8], cell: impl Fn(&mut Reader<'_>) -> Option<T>) -> Option<Vec<Run<T>>> {
    let mut reader = Reader::of(bytes);
    let mut runs = Vec::new();
    while !reader.rest().is_empty() {
        runs.push(match reader.signed().ok()? {
            0 => Run::Empty(reader.unsigned().ok()?),
            length @ 1.. => Run::Same(length.unsigned_abs(), cell(&mut reader)?),
            length => Run::Apart((0..length.unsigned_abs()).map(|_| cell(&mut reader)).collect::<Option<_>>()?),
        });
    }
    Some(runs)
}

fn text(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    let length = reader.unsigned().ok()?;
    Some(reader.take(length).ok()?.to_vec())
}

fn flags(bytes: &[u8]) -> Option<Vec<u64>> {
    let mut reader = Reader::of(bytes);
    let mut flags = Vec::new();
    while !reader.rest().is_empty() {
        flags.push(reader.unsigned().ok()?);
    }
    Some(flags)
}

fn values(metas: Vec<Run<u64>>, raw: &[u8]) -> Option<Values> {
    let mut reader = Reader::of(raw);
    let mut scalars = Vec::new();
    let mut read = |meta: u64, times: u64| {
        let (kind, length) = ((meta & 15) as u8, meta >> 4);
        if kind <= BARE {
            return (length == 0).then_some(kind);
        }
        for _ in 0..times {
            scalars.push(scalar(kind, reader.take(length).ok()?)?);
        }
        Some(kind)
    };
    let mut types = Vec::with_capacity(metas.len());
    for run in metas {
        types.push(match run {
            Run::Same(times, _) if times > limits::CHANGE_OPS as u64 => return None,
            Run::Same(times, meta) => Run::Same(times, read(meta, times)?),
            Run::Apart(metas) => Run::Apart(metas.into_iter().map(|meta| read(meta, 1)).collect::<Option<_>>()?),
            Run::Empty(rows) => Run::Empty(rows),
        });
    }
    reader.rest().is_empty().then_some(Values { types, scalars })
}

fn scalar(kind: u8, bytes: &[u8]) -> Option<Scalar> {
    let mut reader = Reader::of(bytes);
    let scalar = match kind {
        WHOLE => Scalar::Whole(reader.unsigned().ok()?),
        SIGNED | COUNTER | MOMENT => Scalar::Signed(reader.signed().ok()?),
        _ => return Some(Scalar::Bytes(bytes.to_vec())),
    };
    reader.rest().is_empty().then_some(scalar)
}

/// Whether values of this type have bytes of their own, and which.
pub(super) fn blank(kind: u8) -> Option<Scalar> {
    match kind {
        ..=BARE => None,
        WHOLE => Some(Scalar::Whole(0)),
        SIGNED | COUNTER | MOMENT => Some(Scalar::Signed(0)),
        _ => Some(Scalar::Bytes(Vec::new())),
    }
}

/// The same bytes again.
pub(super) fn together(columns: &[(u32, Column)]) -> Result<Vec<u8>, BadPack> {
    let mut table = Vec::new();
    let mut cells = Vec::new();
    let mut raw = Vec::new();
    unsigned(&mut table, columns.len() as u64);
    for (name, column) in columns {
        let before = cells.len();
        match column {
            Column::Numbers(runs) => spell(&mut cells, runs, |bytes, cell| unsigned(bytes, *cell)),
            Column::Steps(runs) => spell(&mut cells, runs, |bytes, cell| signed(bytes, *cell)),
            Column::Texts(runs) => spell(&mut cells, runs, |bytes, cell| {
                unsigned(bytes, cell.len() as u64);
                bytes.extend(cell);
            }),
            Column::Flags(flags) => flags.iter().for_each(|flag| unsigned(&mut cells, *flag)),
            Column::Values(values) => spell(&mut cells, &metas(values, &mut raw)?, |bytes, cell| unsigned(bytes, *cell)),
            Column::Raw => cells.append(&mut raw),
        }
        unsigned(&mut table, u64::from(*name));
        unsigned(&mut table, (cells.len() - before) as u64);
    }
    table.extend(cells);
    Ok(table)
}

fn spell<T>(bytes: &mut Vec<u8>, runs: &[Run<T>], cell: impl Fn(&mut Vec<u8>, &T)) {
    for run in runs {
        match run {
            Run::Same(times, same) => {
                signed(bytes, times.cast_signed());
                cell(bytes, same);
            }
            Run::Apart(cells) => {
                signed(bytes, -(cells.len() as i64));
                cells.iter().for_each(|one| cell(bytes, one));
            }
            Run::Empty(rows) => {
                signed(bytes, 0);
                unsigned(bytes, *rows);
            }
        }
    }
}

/// What the column of types and lengths holds; the bytes of the values go to `raw`.
fn metas(values: &Values, raw: &mut Vec<u8>) -> Result<Vec<Run<u64>>, BadPack> {
    let mut scalars = values.scalars.iter();
    let mut meta = |kind: u8, times: u64| {
        if blank(kind).is_none() {
            return Ok(u64::from(kind));
        }
        let mut length = None;
        for _ in 0..times {
            let before = raw.len();
            match scalars.next().ok_or(BadPack::Senseless)? {
                Scalar::Whole(number) => unsigned(raw, *number),
                Scalar::Signed(number) => signed(raw, *number),
                Scalar::Bytes(bytes) => raw.extend(bytes),
            }
            let this = (raw.len() - before) as u64;
            if *length.get_or_insert(this) != this {
                return Err(BadPack::Senseless);
            }
        }
        Ok(length.unwrap_or(0) << 4 | u64::from(kind))
    };
    let spelled = values.types.iter().map(|run| {
        Ok(match run {
            Run::Same(times, kind) => Run::Same(*times, meta(*kind, *times)?),
            Run::Apart(kinds) => Run::Apart(kinds.iter().map(|kind| meta(*kind, 1)).collect::<Result<_, _>>()?),
            Run::Empty(rows) => Run::Empty(*rows),
        })
    });
    spelled.collect()
}

/// How many operations there are: every one has an action.
pub(super) fn count(columns: &[(u32, Column)]) -> u64 {
    const ACTION: u32 = 0x42;
    let runs = columns.iter().find_map(|(name, column)| match column {
        Column::Numbers(runs) if *name == ACTION => Some(runs),
        _ => None,
    });
    let rows = |run: &Run<u64>| match run {
        Run::Same(rows, _) | Run::Empty(rows) => *rows,
        Run::Apart(cells) => cells.len() as u64,
    };
    runs.map_or(0, |runs| runs.iter().map(rows).fold(0, u64::saturating_add))
}
