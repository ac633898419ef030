//! The streams of a chunk: one for each thing that is said of every change, and one for each column of operations.

use crate::codec::BadPack;
use crate::codec::squeeze::{squeeze_hard, unsqueeze_hard};
use crate::codec::streams::{In, Out};
use crate::limits;

/// Which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Counts,
    VisitDevices,
    VisitPeople,
    VisitRoles,
    VisitParties,
    VisitTimes,
    VisitSkews,
    Places,
    Visits,
    Records,
    Contents,
    Reasons,
    Deps,
    Actors,
    ActorSeqs,
    Starts,
    Times,
    Parties,
    Others,
    Shapes,
    Keys,
    KeyTexts,
    Values,
    Texts,
    Numbers,
    Moments,
    /// The first of the columns; the others follow.
    Columns,
}

/// The columns that changes of ours have.
const COLUMNS: [u32; 12] = crate::chunk::COLUMNS;
const STREAMS: usize = Of::Columns as usize + COLUMNS.len();

/// Which stream a column of operations goes to.
pub(super) fn column(name: u32) -> Option<usize> {
    COLUMNS.iter().position(|known| *known == name).map(|place| Of::Columns as usize + place)
}

/// What is written.
pub(super) struct Outs([Out; STREAMS]);

impl Outs {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| Out::default()))
    }

    pub(super) fn at(&mut self, of: Of) -> &mut Out {
        &mut self.0[of as usize]
    }

    /// Of a column's place, as [`column`] says.
    pub(super) fn place(&mut self, place: usize) -> &mut Out {
        &mut self.0[place]
    }

    /// The pack.
    pub(super) fn finish(self) -> Result<Vec<u8>, BadPack> {
        let mut lengths = Out::default();
        for stream in &self.0 {
            lengths.number(stream.numbers.len() as u64);
            lengths.number(stream.ids.len() as u64);
        }
        let mut together = lengths.numbers;
        self.0.iter().for_each(|stream| together.extend(&stream.numbers));
        if together.len() > limits::CHUNK_UNFOLDED {
            return Err(BadPack::TooMuch);
        }
        let mut head = Out::default();
        head.number(together.len() as u64);
        head.number(self.0.iter().map(|stream| stream.ids.len() as u64).sum());
        let mut pack = head.numbers;
        self.0.iter().for_each(|stream| pack.extend(&stream.ids));
        pack.extend(squeeze_hard(&together)?);
        Ok(pack)
    }
}

/// A pack, unfolded.
pub(super) struct Unfolded<'a> {
    ids: &'a [u8],
    together: Vec<u8>,
}

impl<'a> Unfolded<'a> {
    /// Takes bytes from anyone.
    pub(super) fn of(pack: &'a [u8]) -> Result<Self, BadPack> {
        let mut head = In::new(pack, &[], &[]);
        let length = head.count(limits::CHUNK_UNFOLDED)?;
        let ids = head.count(pack.len())?;
        let (ids, squeezed) = head.numbers.split_at_checked(ids).ok_or(BadPack::CutShort)?;
        Ok(Self { ids, together: unsqueeze_hard(squeezed, length)? })
    }

    pub(super) fn streams(&self) -> Result<Ins<'_>, BadPack> {
        let mut lengths = In::new(&self.together, &[], &[]);
        let mut sizes = [(0, 0); STREAMS];
        for size in &mut sizes {
            *size = (lengths.count(self.together.len())?, lengths.count(self.ids.len())?);
        }
        let (mut numbers, mut ids) = (lengths.numbers, self.ids);
        let mut ins = Vec::with_capacity(STREAMS);
        for (of_numbers, of_ids) in sizes {
            let (these, rest) = numbers.split_at_checked(of_numbers).ok_or(BadPack::CutShort)?;
            let (those, others) = ids.split_at_checked(of_ids).ok_or(BadPack::CutShort)?;
            ins.push(In::new(these, &[], those));
            (numbers, ids) = (rest, others);
        }
        if numbers.is_empty() && ids.is_empty() { Ok(Ins(ins)) } else { Err(BadPack::Senseless) }
    }
}

/// What is read.
pub(super) struct Ins<'a>(Vec<In<'a>>);

impl<'a> Ins<'a> {
    pub(super) fn at(&mut self, of: Of) -> &mut In<'a> {
        &mut self.0[of as usize]
    }

    /// Of a column's place, as [`column`] says.
    pub(super) fn place(&mut self, place: usize) -> &mut In<'a> {
        &mut self.0[place]
    }

    /// Whether everything was read.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(In::is_empty)
    }
}
