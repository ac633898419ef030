//! Moves and deadlines, and the fields they ask about.

use std::collections::BTreeSet;

use super::check::{Check, Fields};
use super::raw::{RawDeadline, RawMove, RawNeeds, RawWhen};
use crate::schema::{Deadline, Label, Move, MoveName, Needs, Scalar, Shape, StateName, When};

impl Check<'_> {
    pub(super) fn a_move(
        &mut self,
        raw: RawMove,
        states: &BTreeSet<StateName>,
        moves: &BTreeSet<MoveName>,
        fields: &Fields,
    ) -> Option<Move> {
        let from = self.names(&raw.from, states, "state", "states");
        let to = self.known(&raw.to, states, "state", "states");
        let by = self.role_set(&raw.by);
        let needs = raw.needs.iter().filter_map(|needs| self.needs(needs, moves, fields)).collect();
        let freezes = raw.freezes.map(|names| self.names(&names, &fields.drafted(), "drafted text", "drafted texts"));
        Some(Move {
            label: Label { zh: raw.zh, en: raw.en },
            from,
            to: to?,
            by,
            weight: raw.weight,
            reason: raw.reason,
            needs,
            freezes: freezes.unwrap_or_default(),
        })
    }

    fn needs(&mut self, raw: &RawNeeds, moves: &BTreeSet<MoveName>, fields: &Fields) -> Option<Needs> {
        let field = self.field_name(&raw.field, fields);
        let shape = field.as_ref().and_then(|field| fields.shape(field));
        if shape.is_some_and(|shape| matches!(shape, Shape::PerParty(_)) == raw.parties.is_none()) {
            let words = format!("name the parties whose `{}` is waited for, if it is a per_party field", raw.field.get_ref());
            self.mistake(&raw.field.span(), words);
        }
        let known = self.parties.clone();
        let parties = raw.parties.as_ref().map(|names| self.names(names, &known, "party", "parties")).unwrap_or_default();
        if raw.after.is_some() && shape.is_some_and(|shape| matches!(shape, Shape::Register(_) | Shape::Prose { .. })) {
            self.mistake(
                &raw.field.span(),
                format!("only entries are made anew after a move; `{}` has none", raw.field.get_ref()),
            );
        }
        let after = raw.after.as_ref().map(|names| self.names(names, moves, "move", "moves")).unwrap_or_default();
        let when = self.condition(raw.when.as_ref(), fields)?;
        Some(Needs { field: field?, parties, after, when })
    }

    pub(super) fn deadline(&mut self, raw: RawDeadline, states: &BTreeSet<StateName>, fields: &Fields) -> Option<Deadline> {
        let states = self.names(&raw.states, states, "state", "states");
        let roles = self.roles.clone();
        let escalate = raw.escalate.iter().filter_map(|role| self.known(role, &roles, "role", "roles")).collect();
        let when = self.condition(raw.when.as_ref(), fields)?;
        Some(Deadline {
            label: Label { zh: raw.zh, en: raw.en },
            states,
            when,
            within: raw.within,
            earliest: raw.earliest,
            escalate,
        })
    }

    /// `Some(None)` where none is asked for; nothing where it has a mistake.
    fn condition(&mut self, raw: Option<&RawWhen>, fields: &Fields) -> Option<Option<When>> {
        raw.map_or(Some(None), |raw| self.when(raw, fields).map(Some))
    }

    fn when(&mut self, raw: &RawWhen, fields: &Fields) -> Option<When> {
        let field = self.field_name(&raw.field, fields)?;
        let (choice, is) = match (&raw.is, &raw.not) {
            (Some(choice), None) => (choice, true),
            (None, Some(choice)) => (choice, false),
            _ => {
                self.mistake(&raw.field.span(), "a condition needs either `is` or `not`".into());
                return None;
            }
        };
        match fields.shape(&field) {
            Some(Shape::Register(Scalar::Choice { choices })) if choices.contains_key(choice.get_ref()) => {}
            None => {}
            Some(_) => self.mistake(&choice.span(), format!("`{field}` has no choice `{}`", choice.get_ref())),
        }
        Some(When { field, choice: choice.get_ref().clone(), is })
    }
}
