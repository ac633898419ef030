//! What is defined, and what was found wrong so far.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::Range;

use indexmap::IndexMap;

use super::Mistake;
use super::raw::Names;
use crate::file::Spanned;
use crate::id::Audience;
use crate::schema::{Field, FieldName, KindName, Party, Role, Shape};

/// See the module. Its methods note a mistake and go on, so that one run lists them all.
///
/// A name counts as defined as soon as the file defines it, whatever else is wrong there: whoever only uses it has made no
/// mistake, and what was told once is not told again by everything that builds on it.
pub(super) struct Check<'a> {
    pub(super) line_of: &'a dyn Fn(usize) -> usize,
    pub(super) roles: BTreeSet<Role>,
    pub(super) parties: BTreeSet<Party>,
    pub(super) kinds: BTreeSet<KindName>,
    /// Those of which the file says who reads them.
    pub(super) audiences: BTreeSet<Audience>,
    pub(super) mistakes: Vec<Mistake>,
}

/// The fields a kind declares; nothing for one with a mistake of its own.
pub(super) struct Fields(pub(super) IndexMap<FieldName, Option<Field>>);

impl Check<'_> {
    pub(super) fn mistake(&mut self, span: &Range<usize>, words: String) {
        self.mistakes.push(Mistake { line: (self.line_of)(span.start), words });
    }

    /// The name if it is defined; otherwise a mistake that lists what is.
    pub(super) fn known<T>(&mut self, name: &Spanned<String>, defined: &BTreeSet<T>, what: &str, plural: &str) -> Option<T>
    where
        T: Clone + Ord + Borrow<str> + Display,
    {
        let found = defined.get(name.get_ref().as_str()).cloned();
        if found.is_none() {
            let names = defined.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            self.mistake(&name.span(), format!("there is no {what} `{}`; {plural} are: {names}", name.get_ref()));
        }
        found
    }

    pub(super) fn names<T>(&mut self, names: &Names, defined: &BTreeSet<T>, what: &str, plural: &str) -> BTreeSet<T>
    where
        T: Clone + Ord + Borrow<str> + Display,
    {
        if names.get_ref().is_empty() {
            self.mistake(&names.span(), format!("name at least one {what}"));
        }
        names.get_ref().iter().filter_map(|name| self.known(name, defined, what, plural)).collect()
    }

    /// Roles by name; `anyone` is all of them.
    pub(super) fn role_set(&mut self, names: &Names) -> BTreeSet<Role> {
        let roles = self.roles.clone();
        match &names.get_ref()[..] {
            [only] if only.get_ref() == "anyone" => roles,
            _ => self.names(names, &roles, "role", "roles"),
        }
    }

    /// A field by name.
    pub(super) fn field_name(&mut self, name: &Spanned<String>, fields: &Fields) -> Option<FieldName> {
        self.known(name, &fields.0.keys().cloned().collect(), "field", "fields")
    }
}

impl Fields {
    /// What a field holds; nothing while that is not known.
    pub(super) fn shape(&self, name: &FieldName) -> Option<&Shape> {
        self.0.get(name)?.as_ref().map(|field| &field.shape)
    }

    /// Those without a mistake.
    pub(super) fn sound(&self) -> impl Iterator<Item = (&FieldName, &Field)> {
        self.0.iter().filter_map(|(name, field)| Some((name, field.as_ref()?)))
    }

    /// Those that hold drafted text, for all that is known.
    pub(super) fn drafted(&self) -> BTreeSet<FieldName> {
        let may_be = |name: &&FieldName| self.shape(name).is_none_or(|shape| matches!(shape, Shape::Prose { .. }));
        self.0.keys().filter(may_be).cloned().collect()
    }
}
