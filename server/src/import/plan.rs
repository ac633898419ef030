//! What comes of a roster, before anything does.

use std::collections::HashMap;

use renolog_protocol::calendar::Calendar;
use renolog_protocol::id::{CommunityId, OrganisationId, PersonId};
use renolog_protocol::limits;
use renolog_protocol::schema::{Party, Role};
use renolog_protocol::time::UnixMs;
use serde::Serialize;

use super::identity::{Identities, People, Who};
use super::row::{Entry, Terms};
use super::{Column, Problem, Sheet, Wrong};
use crate::office::Desk;
use crate::store::{ALL, CommunityRow, Read, StoreError};

/// Everything that a roster comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// How many rows had anything in them.
    pub rows: usize,
    /// Organisations to be added, by name.
    pub organisations: Vec<String>,
    /// People to be added.
    pub newcomers: Vec<Newcomer>,
    /// Roles to be given.
    pub grants: Vec<Grant>,
    /// Rows from which nothing comes, since it is there already.
    pub there: Vec<There>,
    /// What is wrong with rows, in their order. Nothing comes of these rows.
    pub problems: Vec<Problem>,
    /// Headings that are not understood.
    pub ignored: Vec<String>,
    /// Headings of telephone numbers, which are never stored.
    pub telephones: Vec<String>,
}

/// Somebody to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newcomer {
    /// The first row that names them.
    pub row: u32,
    /// Their name.
    pub name: String,
    /// Where they belong.
    pub organisation: Option<Belonging>,
}

/// An organisation of somebody to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belonging {
    /// A known one.
    Known(OrganisationId),
    /// One of [`Plan::organisations`].
    New(usize),
}

/// A role to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The row that asks for it.
    pub row: u32,
    /// To whom.
    pub whom: Whom,
    /// As what.
    pub role: Role,
    /// For which party.
    pub party: Party,
    /// Where.
    pub community: CommunityId,
    /// From when; from now if not said.
    pub from: Option<UnixMs>,
    /// Until when, if not for good.
    pub until: Option<UnixMs>,
}

/// To whom a role is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Whom {
    /// Somebody known.
    Known(PersonId),
    /// One of [`Plan::newcomers`].
    New(usize),
}

/// A row from which nothing comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct There {
    /// The row.
    pub row: u32,
    /// Whom it names.
    pub name: String,
    /// The earlier row that says the same, if it is that.
    pub same_as: Option<u32>,
}

impl Plan {
    /// How many orders it takes.
    pub fn steps(&self) -> usize {
        self.organisations.len() + self.newcomers.len() + self.grants.len()
    }
}

/// Plans what comes of a roster. Days are those of `calendar`.
///
/// # Errors
/// [`StoreError`]; what is wrong with the roster stands in the plan.
pub fn plan<S: Read + ?Sized>(sheet: &Sheet, desk: &Desk<'_, S>, calendar: &Calendar) -> Result<Plan, StoreError> {
    let communities: Vec<CommunityRow> = desk.store.list(&[], None, ALL)?;
    let terms = Terms { schema: desk.schema, calendar, communities: &communities, now: desk.now };
    let people = People::of(desk.store)?;
    let mut plan = Plan { rows: sheet.rows.len(), ignored: sheet.ignored.clone(), ..Plan::default() };
    plan.telephones.clone_from(&sheet.telephones);
    let mut entries = Vec::new();
    for row in &sheet.rows {
        match terms.read(row) {
            Ok(entry) => entries.push(entry),
            Err(problems) => plan.problems.extend(problems),
        }
    }
    let identities = Identities::of(&people, &entries);
    let given = people.given.clone();
    let mut planning = Planning { people: &people, identities, now: desk.now, given, asked: HashMap::new(), plan };
    for entry in &entries {
        if let Err(problem) = planning.take(entry) {
            planning.plan.problems.push(problem);
        }
    }
    planning.plan.problems.sort_by_key(|problem| problem.row);
    Ok(planning.plan)
}

/// What makes two rows ask for the same.
type Asked = (Whom, CommunityId, Role, Party);

/// A plan as it grows.
struct Planning<'a> {
    people: &'a People,
    identities: Identities<'a>,
    now: UnixMs,
    given: HashMap<CommunityId, usize>,
    asked: HashMap<Asked, &'a Entry>,
    plan: Plan,
}

impl<'a> Planning<'a> {
    fn take(&mut self, entry: &'a Entry) -> Result<(), Problem> {
        let problem = |column, wrong| Problem { row: entry.row, column, wrong };
        let column = if entry.person.is_some() { Column::Person } else { Column::Name };
        let known = match self.identities.who(entry).map_err(|wrong| problem(column, wrong))? {
            Who::One(whom) => Some(whom),
            Who::Newcomer => None,
        };
        if let Some(whom) = known
            && let Some(same_as) = self.already(entry, whom).map_err(|wrong| problem(Column::Until, wrong))?
        {
            self.plan.there.push(There { row: entry.row, name: entry.name.clone(), same_as: same_as.row });
            return Ok(());
        }
        let given = self.given.entry(entry.community).or_default();
        if *given >= limits::MEMBERS {
            return Err(problem(Column::Community, Wrong::Full));
        }
        *given += 1;
        let whom = known.unwrap_or_else(|| self.newcomer(entry));
        self.identities.claim(entry, whom);
        self.asked.insert((whom, entry.community, entry.role.clone(), entry.party.clone()), entry);
        self.plan.grants.push(Grant {
            row: entry.row,
            whom,
            role: entry.role.clone(),
            party: entry.party.clone(),
            community: entry.community,
            from: entry.from,
            until: entry.until,
        });
        Ok(())
    }

    /// Whether what an entry asks for is there already: by an earlier row, or since long.
    fn already(&self, entry: &Entry, whom: Whom) -> Result<Option<Already>, Wrong> {
        let asked = (whom, entry.community, entry.role.clone(), entry.party.clone());
        if let Some(earlier) = self.asked.get(&asked) {
            let same = (earlier.from, earlier.until) == (entry.from, entry.until);
            return if same { Ok(Some(Already { row: Some(earlier.row) })) } else { Err(Wrong::OtherTimeThan(earlier.row)) };
        }
        let Whom::Known(id) = whom else { return Ok(None) };
        let held = self.people.roles(&entry.name, id).iter().find(|held| {
            let same = held.community == entry.community && held.role == entry.role && held.party == entry.party;
            same && held.until.is_none_or(|until| self.now < until)
        });
        let Some(held) = held else { return Ok(None) };
        // Where the row does not say from when or until when, it is content with what is there.
        let fits = entry.from.is_none_or(|from| from == held.since) && entry.until.is_none_or(|until| held.until == Some(until));
        if fits { Ok(Some(Already { row: None })) } else { Err(Wrong::OtherTime) }
    }

    fn newcomer(&mut self, entry: &Entry) -> Whom {
        let organisation = entry.organisation.as_ref().map(|name| self.belonging(name));
        self.plan.newcomers.push(Newcomer { row: entry.row, name: entry.name.clone(), organisation });
        Whom::New(self.plan.newcomers.len() - 1)
    }

    fn belonging(&mut self, name: &str) -> Belonging {
        if let Some(id) = self.people.organisations.get(name) {
            return Belonging::Known(*id);
        }
        let known = self.plan.organisations.iter().position(|new| new == name);
        Belonging::New(known.unwrap_or_else(|| {
            self.plan.organisations.push(name.to_owned());
            self.plan.organisations.len() - 1
        }))
    }
}

/// What an entry asks for is there already.
struct Already {
    /// By this row.
    row: Option<u32>,
}
