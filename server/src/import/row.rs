//! One row by itself: cells to what they say, without asking who is known.

use renolog_protocol::calendar::Calendar;
use renolog_protocol::id::{CommunityId, PersonId};
use renolog_protocol::limits;
use renolog_protocol::schema::{Label, Party, Role, Schema};
use renolog_protocol::time::UnixMs;

use super::{CELL_CHARS, Column, Problem, SheetRow, Wrong};
use crate::day::Day;
use crate::store::CommunityRow;

/// Names that a problem offers instead.
const OFFERED: usize = 20;

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) row: u32,
    pub(super) name: String,
    pub(super) organisation: Option<String>,
    pub(super) community: CommunityId,
    pub(super) role: Role,
    pub(super) party: Party,
    pub(super) from: Option<UnixMs>,
    pub(super) until: Option<UnixMs>,
    pub(super) person: Option<PersonId>,
}

/// What cells are read by.
pub(super) struct Terms<'a> {
    pub(super) schema: &'a Schema,
    pub(super) calendar: &'a Calendar,
    pub(super) communities: &'a [CommunityRow],
    pub(super) now: UnixMs,
}

impl Terms<'_> {
    /// What a row says; or everything that is wrong with it.
    pub(super) fn read(&self, row: &SheetRow) -> Result<Entry, Vec<Problem>> {
        let mut reading = Reading { row, problems: Vec::new() };
        let name = reading.needed(Column::Name).and_then(|text| reading.name(Column::Name, text));
        let community =
            reading.needed(Column::Community).and_then(|text| reading.or_say(Column::Community, self.community(text)));
        let role = reading.needed(Column::Role).and_then(|text| reading.or_say(Column::Role, self.role(text)));
        let party = reading.given(Column::Party).and_then(|text| reading.or_say(Column::Party, self.party(text)));
        let organisation = reading.given(Column::Organisation).and_then(|text| reading.name(Column::Organisation, text));
        let from = reading.day(Column::From).and_then(|day| day.begins(self.calendar));
        let until = reading.day(Column::Until).and_then(|day| day.ends(self.calendar));
        let person = reading.given(Column::Person);
        let person = person.and_then(|text| reading.or_say(Column::Person, text.parse().map_err(|_| Wrong::NoPerson)));
        if until.is_some_and(|until| until <= from.unwrap_or(self.now)) {
            reading.say(Column::Until, Wrong::EndsBeforeItBegins);
        }
        match (name, community, role) {
            (Some(name), Some(community), Some(role)) if reading.problems.is_empty() => {
                let party = party.unwrap_or_else(|| self.schema.roles[&role].party.clone());
                Ok(Entry { row: row.number, name, organisation, community, role, party, from, until, person })
            }
            _ => Err(reading.problems),
        }
    }

    fn community(&self, text: &str) -> Result<CommunityId, Wrong> {
        if let Some(known) = self.communities.iter().find(|row| row.slug == text || row.id.to_string() == text) {
            return Ok(known.id);
        }
        let called: Vec<&CommunityRow> = self.communities.iter().filter(|row| plain(&row.name) == plain(text)).collect();
        match called[..] {
            [known] => Ok(known.id),
            [] => Err(Wrong::NoCommunity(self.communities.iter().take(OFFERED).map(|row| row.name.clone()).collect())),
            _ => Err(Wrong::SeveralCommunities),
        }
    }

    fn role(&self, text: &str) -> Result<Role, Wrong> {
        let all = self.schema.roles.iter().map(|(role, rules)| (role, &rules.label));
        meant(all, text, Role::as_str).map_err(Wrong::NoRole)
    }

    fn party(&self, text: &str) -> Result<Party, Wrong> {
        meant(self.schema.parties.iter(), text, Party::as_str).map_err(Wrong::NoParty)
    }
}

/// The term that people mean by its name in the schema, its label in either language, or one of the words of a label that
/// offers several (`物业／小区管家`); or what they can write instead.
fn meant<'a, T: Clone + 'a>(
    all: impl Iterator<Item = (&'a T, &'a Label)>,
    text: &str,
    name: impl Fn(&T) -> &str,
) -> Result<T, Vec<String>> {
    let text = plain(text);
    let all: Vec<(&T, &Label)> = all.collect();
    let whole = |term: &T, label: &Label| [name(term), &label.zh, &label.en].into_iter().any(|word| plain(word) == text);
    let in_part = |label: &Label| label.zh.split(['／', '/']).any(|word| plain(word) == text);
    let found: Vec<&T> = all.iter().filter(|(term, label)| whole(term, label)).map(|(term, _)| *term).collect();
    let parts = || all.iter().filter(|(_, label)| in_part(label)).map(|(term, _)| *term).collect();
    let found = if found.is_empty() { parts() } else { found };
    match found[..] {
        [term] => Ok(term.clone()),
        _ => Err(all.iter().take(OFFERED).map(|(term, label)| format!("{}（{}）", label.zh, name(term))).collect()),
    }
}

/// Without spaces and case, which do not matter to people.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase()
}

/// A row as it is read, and what was found wrong so far.
struct Reading<'a> {
    row: &'a SheetRow,
    problems: Vec<Problem>,
}

impl<'a> Reading<'a> {
    fn say(&mut self, column: Column, wrong: Wrong) {
        self.problems.push(Problem { row: self.row.number, column, wrong });
    }

    fn or_say<T>(&mut self, column: Column, read: Result<T, Wrong>) -> Option<T> {
        read.map_err(|wrong| self.say(column, wrong)).ok()
    }

    fn given(&mut self, column: Column) -> Option<&'a str> {
        let text = self.row.cells.get(&column)?;
        if text.chars().count() > CELL_CHARS || text.contains(char::is_control) {
            self.say(column, Wrong::Unfit);
            return None;
        }
        Some(text)
    }

    fn needed(&mut self, column: Column) -> Option<&'a str> {
        if !self.row.cells.contains_key(&column) {
            self.say(column, Wrong::Missing);
        }
        self.given(column)
    }

    fn name(&mut self, column: Column, text: &str) -> Option<String> {
        let name = unspaced(text);
        let fits = (1..=limits::NAME_CHARS).contains(&name.chars().count());
        self.or_say(column, if fits { Ok(name) } else { Err(Wrong::Unfit) })
    }

    fn day(&mut self, column: Column) -> Option<Day> {
        let text = self.given(column)?;
        self.or_say(column, text.parse().map_err(|_| Wrong::NoDay))
    }
}

/// A name without the spaces that people put into Chinese names of two characters to make columns look even; between words
/// of other letters one space stays.
pub(super) fn unspaced(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let latin = words.iter().any(|word| word.contains(|c: char| c.is_ascii_alphabetic()));
    words.join(if latin { " " } else { "" })
}
