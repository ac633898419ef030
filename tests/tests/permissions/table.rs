//! The answers as a reviewer reads them: a section a kind, a line a question, a column a seat.

use std::fmt;

use renolog_protocol::schema::Kind;

use super::scene::{Scene, Seat};

/// The answer of those who are not told why not.
pub(crate) const YES: &str = "yes";

/// See the module.
pub(crate) struct Table {
    title: String,
    /// The seats that are not shown, and the ones they are to be told the same as.
    alike: Vec<(usize, usize)>,
    shown: usize,
    asked: usize,
    /// The first cell names the line.
    lines: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(kind: &Kind, scene: &Scene<'_>) -> Self {
        let alike = scene.seats.iter().enumerate().filter_map(|(number, seat)| Some((number, seat.like?)));
        let shown = || scene.seats.iter().filter(|seat| seat.like.is_none());
        let head = |first: &str, cell: fn(&Seat) -> String| [first.to_owned()].into_iter().chain(shown().map(cell)).collect();
        let lines = vec![head("as", |seat| seat.role.to_string()), head("for", |seat| seat.party.to_string())];
        Self {
            title: format!("{} {}", kind.name, kind.label.zh),
            alike: alike.collect(),
            shown: shown().count(),
            asked: 0,
            lines,
        }
    }

    /// Takes down who reads records of the kind.
    pub(crate) fn readers(&mut self, told: &[&str]) {
        self.line("read", told);
    }

    /// Takes down what every seat was told. Questions of one name, asked in a row, are told the same and come to one line.
    pub(crate) fn add(&mut self, question: &str, told: &[&str]) {
        self.asked += told.len();
        for (seat, like) in &self.alike {
            assert_eq!(told[*seat], told[*like], "{}, {question}: another role for another party makes a difference", self.title);
        }
        match self.lines.last() {
            Some(line) if line[0] == question => assert_eq!(line[1..], told[..self.shown], "{}, {question}", self.title),
            _ => self.line(question, told),
        }
    }

    fn line(&mut self, first: &str, told: &[&str]) {
        let cells = told[..self.shown].iter().copied();
        self.lines.push([first].into_iter().chain(cells).map(str::to_owned).collect());
    }

    /// How many questions were answered.
    pub(crate) fn asked(&self) -> usize {
        self.asked
    }

    /// Every answer that is shown.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().skip(2).flat_map(|line| &line[1..]).map(String::as_str)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        let width = |column: usize| self.lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..=self.shown).map(width).collect();
        for line in &self.lines {
            let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(f, "  {}", cells.join("  ").trim_end())?;
        }
        Ok(())
    }
}
