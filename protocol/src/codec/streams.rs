//! The three streams of a pack: numbers and words, column bytes, and what does not compress — ids and hashes.

use std::collections::HashMap;

use super::BadPack;

/// Bytes of an id.
const ID: usize = 16;
/// Longest word: a party's or a role's name, or a sentence.
const WORD: usize = 4_096;

/// What is written.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) numbers: Vec<u8>,
    pub(super) columns: Vec<u8>,
    pub(super) ids: Vec<u8>,
    known_ids: HashMap<[u8; ID], u64>,
    known_words: HashMap<String, u64>,
}

impl Out {
    /// Seven bits a byte, lowest first.
    pub(super) fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.numbers.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.numbers.push(number as u8);
    }

    /// Small either way of nothing.
    pub(super) fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)) as u64);
    }

    /// In full where it is first named, by its place among the others after that.
    pub(super) fn id(&mut self, id: &[u8; ID]) {
        if let Some(place) = self.known_ids.get(id).copied() {
            return self.number(place + 1);
        }
        self.known_ids.insert(*id, self.known_ids.len() as u64);
        self.ids.extend(id);
        self.number(0);
    }

    /// The place of an id among those named so far.
    pub(super) fn place_of(&self, id: &[u8; ID]) -> Option<u64> {
        self.known_ids.get(id).copied()
    }

    /// How many ids were named so far.
    pub(super) fn ids_named(&self) -> u64 {
        self.known_ids.len() as u64
    }

    /// The same of words.
    pub(super) fn word(&mut self, word: &str) {
        if let Some(place) = self.known_words.get(word).copied() {
            return self.number(place + 1);
        }
        self.known_words.insert(word.to_owned(), self.known_words.len() as u64);
        self.number(0);
        self.number(word.len() as u64);
        self.numbers.extend(word.as_bytes());
    }

    /// An id, where another is expected.
    pub(super) fn id_or_same(&mut self, id: &[u8; ID], expected: Option<[u8; ID]>) {
        let other = expected != Some(*id);
        self.number(other.into());
        if other {
            self.id(id);
        }
    }

    /// A word, where another is expected.
    pub(super) fn word_or_same(&mut self, word: &str, expected: Option<&str>) {
        let other = expected != Some(word);
        self.number(other.into());
        if other {
            self.word(word);
        }
    }

    pub(super) fn columns(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.columns.extend(bytes);
    }
}

/// What is read. Takes bytes from anyone.
#[derive(Debug)]
pub(super) struct In<'a> {
    pub(super) numbers: &'a [u8],
    pub(super) columns: &'a [u8],
    pub(super) ids: &'a [u8],
    known_ids: Vec<[u8; ID]>,
    known_words: Vec<String>,
}

impl<'a> In<'a> {
    pub(super) fn new(numbers: &'a [u8], columns: &'a [u8], ids: &'a [u8]) -> Self {
        Self { numbers, columns, ids, known_ids: Vec::new(), known_words: Vec::new() }
    }

    pub(super) fn number(&mut self) -> Result<u64, BadPack> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.numbers.split_first().ok_or(BadPack::CutShort)?;
            self.numbers = rest;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(BadPack::Senseless)
    }

    pub(super) fn signed(&mut self) -> Result<i64, BadPack> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// A count of things of which each takes at least one number.
    pub(super) fn count(&mut self, most: usize) -> Result<usize, BadPack> {
        usize::try_from(self.number()?).ok().filter(|count| *count <= most).ok_or(BadPack::TooMuch)
    }

    pub(super) fn id(&mut self) -> Result<[u8; ID], BadPack> {
        match self.number()?.checked_sub(1) {
            Some(place) => {
                usize::try_from(place).ok().and_then(|place| self.known_ids.get(place).copied()).ok_or(BadPack::Senseless)
            }
            None => {
                let id = self.fixed()?;
                self.known_ids.push(id);
                Ok(id)
            }
        }
    }

    /// The ids named so far.
    pub(super) fn ids_named(&self) -> &[[u8; ID]] {
        &self.known_ids
    }

    /// So many bytes of what does not compress.
    pub(super) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], BadPack> {
        let (bytes, rest) = self.ids.split_first_chunk().ok_or(BadPack::CutShort)?;
        self.ids = rest;
        Ok(*bytes)
    }

    pub(super) fn word(&mut self) -> Result<String, BadPack> {
        if let Some(place) = self.number()?.checked_sub(1) {
            let known = usize::try_from(place).ok().and_then(|place| self.known_words.get(place));
            return known.cloned().ok_or(BadPack::Senseless);
        }
        let length = self.count(WORD)?;
        let (bytes, rest) = self.numbers.split_at_checked(length).ok_or(BadPack::CutShort)?;
        self.numbers = rest;
        let word = str::from_utf8(bytes).map_err(|_| BadPack::Senseless)?.to_owned();
        self.known_words.push(word.clone());
        Ok(word)
    }

    /// What [`Out::id_or_same`] wrote.
    pub(super) fn id_or_same(&mut self, expected: Option<[u8; ID]>) -> Result<[u8; ID], BadPack> {
        match self.number()? {
            0 => expected.ok_or(BadPack::Senseless),
            _ => self.id(),
        }
    }

    /// What [`Out::word_or_same`] wrote.
    pub(super) fn word_or_same(&mut self, expected: Option<&str>) -> Result<String, BadPack> {
        match self.number()? {
            0 => expected.map(str::to_owned).ok_or(BadPack::Senseless),
            _ => self.word(),
        }
    }

    /// So many bytes that stand among the numbers.
    pub(super) fn bytes(&mut self, most: usize) -> Result<&'a [u8], BadPack> {
        let length = self.count(most)?;
        let (bytes, rest) = self.numbers.split_at_checked(length).ok_or(BadPack::CutShort)?;
        self.numbers = rest;
        Ok(bytes)
    }

    pub(super) fn columns(&mut self) -> Result<&'a [u8], BadPack> {
        let length = self.count(self.columns.len())?;
        let (bytes, rest) = self.columns.split_at(length);
        self.columns = rest;
        Ok(bytes)
    }

    /// Whether everything was read.
    pub(super) fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.columns.is_empty() && self.ids.is_empty()
    }
}
