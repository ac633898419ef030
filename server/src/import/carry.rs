//! From a plan to orders.

use renolog_protocol::id::{OrganisationId, PersonId};

use super::{Belonging, Grant, Newcomer, Plan, Whom};
use crate::office::{Assignment, Code, Invitation, Order, Organisation, Person};

/// Orders that are given together.
const TOGETHER: usize = 200;

/// Whoever takes orders: each goes through the one write path, and stands in the audit.
pub trait Clerk {
    /// Why one was not taken.
    type Error;

    /// Takes orders of one kind; answers what came of each, in their order.
    ///
    /// # Errors
    /// Why one of them was not taken. Those before it may have been.
    fn take_all<O: Order>(&mut self, orders: Vec<O>) -> Result<Vec<O::Made>, Self::Error>;
}

/// What was made.
#[derive(Debug, Clone, Default)]
pub struct Carried {
    /// Organisations.
    pub organisations: usize,
    /// People.
    pub people: usize,
    /// Roles.
    pub roles: usize,
    /// A one-time code for each new person, if they were asked for.
    pub codes: Vec<Issued>,
}

/// A one-time code of somebody new.
#[derive(Debug, Clone)]
pub struct Issued {
    /// Their name.
    pub name: String,
    /// The row that brought them.
    pub row: u32,
    /// The code.
    pub code: Code,
}

/// Gives the orders that a plan comes to, and makes codes that are good for so many hours if any are wanted. `told` hears
/// how many steps are done, and of how many. An import that is cut short goes on when the same file is brought again.
///
/// # Errors
/// Those of the clerk.
pub fn carry_out<C: Clerk>(
    plan: &Plan,
    code_hours: Option<u32>,
    clerk: &mut C,
    mut told: impl FnMut(u64, u64),
) -> Result<Carried, C::Error> {
    let codes = code_hours.map_or(0, |_| plan.newcomers.len());
    let (mut done, all) = (0, (plan.steps() + codes) as u64);
    let mut tell = |count: usize| {
        done += count as u64;
        told(done, all);
    };
    let mut organisations: Vec<OrganisationId> = Vec::new();
    for names in plan.organisations.chunks(TOGETHER) {
        let orders = names.iter().map(|name| Organisation { id: None, name: name.clone() }).collect();
        organisations.extend(clerk.take_all(orders)?.into_iter().map(|made| made.id));
        tell(names.len());
    }
    let (mut roles_of, mut roles_of_known) = (vec![Vec::new(); plan.newcomers.len()], Vec::new());
    for grant in &plan.grants {
        match grant.whom {
            Whom::New(index) => roles_of[index].push(grant),
            Whom::Known(id) => roles_of_known.push((grant, id)),
        }
    }
    let mut issued = Vec::new();
    for (chunk, roles) in plan.newcomers.chunks(TOGETHER).zip(roles_of.chunks(TOGETHER)) {
        let orders = chunk.iter().map(|newcomer| person(newcomer, &organisations)).collect();
        let ids: Vec<PersonId> = clerk.take_all(orders)?.into_iter().map(|made| made.id).collect();
        let roles: Vec<Assignment> =
            roles.iter().zip(&ids).flat_map(|(roles, id)| roles.iter().map(|grant| assignment(grant, *id))).collect();
        tell(ids.len());
        tell(clerk.take_all(roles)?.len());
        if let Some(hours) = code_hours {
            let orders = ids.iter().map(|id| Invitation { person: Some(*id), hours, ..Invitation::default() }).collect();
            let codes = chunk.iter().zip(clerk.take_all(orders)?);
            issued.extend(codes.map(|(newcomer, code)| Issued { name: newcomer.name.clone(), row: newcomer.row, code }));
            tell(ids.len());
        }
    }
    for chunk in roles_of_known.chunks(TOGETHER) {
        clerk.take_all(chunk.iter().map(|(grant, id)| assignment(grant, *id)).collect())?;
        tell(chunk.len());
    }
    let (people, roles) = (plan.newcomers.len(), plan.grants.len());
    Ok(Carried { organisations: organisations.len(), people, roles, codes: issued })
}

fn person(newcomer: &Newcomer, made: &[OrganisationId]) -> Person {
    let organisation = newcomer.organisation.map(|belonging| match belonging {
        Belonging::Known(id) => id.to_string(),
        Belonging::New(index) => made[index].to_string(),
    });
    Person { id: None, name: newcomer.name.clone(), organisation }
}

fn assignment(grant: &Grant, person: PersonId) -> Assignment {
    Assignment {
        person,
        role: grant.role.clone(),
        party: Some(grant.party.clone()),
        communities: vec![grant.community.to_string()],
        from: grant.from,
        until: grant.until,
    }
}
