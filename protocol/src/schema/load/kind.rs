//! A kind: its fields first, then what refers to them.

use std::collections::BTreeSet;

use super::check::{Check, Fields};
use super::raw::{Names, RawKind, RawState};
use crate::file::Spanned;
use crate::id::Audience;
use crate::limits;
use crate::schema::{FieldName, Kind, KindName, Label, Role, Scalar, Shape, State};

impl Check<'_> {
    pub(super) fn kind(&mut self, name: KindName, raw: RawKind) -> Option<Kind> {
        let states = raw.states.keys().cloned().collect();
        let fields = raw.fields.into_iter().map(|(name, field)| {
            let checked = self.field(&name, field, &states);
            (name, checked)
        });
        let fields = Fields(fields.collect());
        let names = raw.moves.keys().cloned().collect();
        let moves =
            raw.moves.into_iter().filter_map(|(name, a_move)| Some((name, self.a_move(a_move, &states, &names, &fields)?)));
        let moves = moves.collect();
        let deadlines = raw.deadlines.into_iter().filter_map(|rule| self.deadline(rule, &states, &fields)).collect();
        self.audience(&name, &raw.audience);
        let not_by = raw.not_by.as_ref().map(|named| self.party_field(named, &fields));
        let create = self.role_set(&raw.create);
        self.can_be_made(&raw.create, &create, &fields);
        let title = self.field_name(&raw.title, &fields);
        let initial = self.known(&raw.initial, &states, "state", "states");
        let keep_years = raw.keep_years.as_ref().map(|years| self.years(years, raw.states.values().any(|state| state.done)));
        let state = |raw: RawState| State { label: Label { zh: raw.zh, en: raw.en }, done: raw.done };
        Some(Kind {
            keep_years: keep_years.map_or(Some(None), |years| years.map(Some))?,
            not_by: not_by.map_or(Some(None), |named| named.map(Some))?,
            create,
            title: title?,
            initial: initial?,
            states: raw.states.into_iter().map(|(name, raw)| (name, state(raw))).collect(),
            label: Label { zh: raw.zh, en: raw.en },
            help: raw.help,
            audience: raw.audience.into_inner(),
            name,
            fields: fields.0.into_iter().filter_map(|(name, field)| Some((name, field?))).collect(),
            moves,
            deadlines,
        })
    }

    /// The file says who reads it.
    fn audience(&mut self, name: &KindName, audience: &Spanned<Audience>) {
        let named = *audience.get_ref();
        if named != Audience::Open && !self.audiences.contains(&named) {
            let words = format!("kind `{name}` is for `{named}`, but [audiences] does not say who that is");
            self.mistake(&audience.span(), words);
        }
    }

    /// A span after which records are erased: counted from when they were done.
    fn years(&mut self, years: &Spanned<u32>, can_be_done: bool) -> Option<u32> {
        let count = *years.get_ref();
        if !(1..=limits::KEEP_YEARS).contains(&count) {
            self.mistake(
                &years.span(),
                format!("`keep_years` is 1 to {}; leave it out to keep records for ever", limits::KEEP_YEARS),
            );
            return None;
        }
        if !can_be_done {
            let words = "`keep_years` counts from when a record is done, but no state of this kind says `done = true`".to_owned();
            self.mistake(&years.span(), words);
            return None;
        }
        Some(count)
    }

    /// A field whose value is a party.
    fn party_field(&mut self, named: &Spanned<String>, fields: &Fields) -> Option<FieldName> {
        let name = self.field_name(named, fields)?;
        if fields.shape(&name).is_some_and(|shape| !matches!(shape, Shape::Register(Scalar::Party))) {
            self.mistake(&named.span(), format!("`{name}` is not a party"));
        }
        Some(name)
    }

    /// Whoever may make one may write all that it needs.
    fn can_be_made(&mut self, named: &Names, create: &BTreeSet<Role>, fields: &Fields) {
        for (name, field) in fields.sound().filter(|(_, field)| field.needed && !create.is_subset(&field.write)) {
            let cannot: Vec<&str> = create.difference(&field.write).map(Role::as_str).collect();
            let words = format!("{} may make one, but not write `{name}`, which is needed", cannot.join(", "));
            self.mistake(&named.span(), words);
        }
    }
}
