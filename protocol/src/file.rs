//! Files of ours in TOML: what serde makes of them, and where they are wrong.
//!
//! The parser is toml's. What hands its tables to serde is this instead of toml's own, of which a phone would download several
//! copies for every struct that is read; here there is one way into each.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, Error, Expected, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use toml::de::{DeTable, DeValue};

/// What is wrong with a file, and where.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) words: String,
    at: Option<Range<usize>>,
}

impl Wrong {
    /// Where it begins, in bytes.
    pub(crate) fn start(&self) -> usize {
        self.at.as_ref().map_or(0, |at| at.start)
    }

    /// Here, unless it is known more closely.
    fn within(mut self, at: Range<usize>) -> Self {
        self.at.get_or_insert(at);
        self
    }
}

impl Error for Wrong {
    fn custom<T: fmt::Display>(words: T) -> Self {
        Self { words: words.to_string(), at: None }
    }
}

impl std::error::Error for Wrong {}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// Reads a file.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Wrong> {
    let parsed = DeTable::parse(text).map_err(|error| Wrong { words: error.message().to_owned(), at: error.span() })?;
    T::deserialize(Node::Table(parsed.get_ref())).map_err(|wrong| wrong.within(parsed.span()))
}

/// A value of a file, and where it stands there.
pub(crate) struct Spanned<T> {
    span: Range<usize>,
    value: T,
}

impl<T> Spanned<T> {
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    pub(crate) fn get_ref(&self) -> &T {
        &self.value
    }

    pub(crate) fn into_inner(self) -> T {
        self.value
    }
}

/// By this name a [`Spanned`] asks for its place.
const SPANNED: &str = "renolog::file::Spanned";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Three<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Three<T> {
            type Value = Spanned<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value and its place")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut three: A) -> Result<Spanned<T>, A::Error> {
                let short = |place| A::Error::invalid_length(place, &"three");
                let start = three.next_element()?.ok_or_else(|| short(0))?;
                let end = three.next_element()?.ok_or_else(|| short(1))?;
                let value = three.next_element()?.ok_or_else(|| short(2))?;
                Ok(Spanned { span: start..end, value })
            }
        }

        d.deserialize_newtype_struct(SPANNED, Three(PhantomData))
    }
}

/// Whatever serde is to read next.
#[derive(Clone, Copy)]
enum Node<'t> {
    Table(&'t DeTable<'t>),
    Value(&'t toml::Spanned<DeValue<'t>>),
    Name(&'t str),
    /// The beginning or the end of a [`Spanned`].
    Place(usize),
}

impl<'t> Node<'t> {
    fn table(self) -> Option<&'t DeTable<'t>> {
        match self {
            Self::Table(table) => Some(table),
            Self::Value(value) => value.get_ref().as_table(),
            _ => None,
        }
    }

    fn text(self) -> Option<&'t str> {
        match self {
            Self::Name(text) => Some(text),
            Self::Value(value) => value.get_ref().as_str(),
            _ => None,
        }
    }

    fn whole(self) -> Option<i64> {
        match self {
            Self::Place(place) => i64::try_from(place).ok(),
            Self::Value(value) => {
                let number = value.get_ref().as_integer()?;
                i64::from_str_radix(number.as_str(), number.radix()).ok()
            }
            _ => None,
        }
    }

    fn yes_no(self) -> Option<bool> {
        match self {
            Self::Value(value) => value.get_ref().as_bool(),
            _ => None,
        }
    }

    fn entries(self) -> Option<Entries<'t>> {
        Some(Entries { left: self.table()?.iter(), value: None })
    }

    fn items(self) -> Option<Items<'t>> {
        match self {
            Self::Value(value) => {
                Some(Items(value.get_ref().as_array()?.iter().map(Self::Value).collect::<Vec<_>>().into_iter()))
            }
            _ => None,
        }
    }

    /// Whatever is wrong in here is wrong at its place.
    fn telling<T>(self, read: Result<T, Wrong>) -> Result<T, Wrong> {
        match self {
            Self::Value(value) => read.map_err(|wrong| wrong.within(value.span())),
            _ => read,
        }
    }

    /// This, where something else was to stand.
    fn instead_of(self, expected: &dyn Expected) -> Wrong {
        let found = match self {
            Self::Table(_) => Unexpected::Map,
            Self::Name(text) => Unexpected::Str(text),
            Self::Place(_) => Unexpected::Other("place"),
            Self::Value(value) => match value.get_ref() {
                DeValue::String(text) => Unexpected::Str(text),
                DeValue::Integer(number) => self.whole().map_or(Unexpected::Other(number.as_str()), Unexpected::Signed),
                DeValue::Float(number) => number.as_str().parse().map_or(Unexpected::Other(number.as_str()), Unexpected::Float),
                DeValue::Boolean(yes) => Unexpected::Bool(*yes),
                DeValue::Datetime(_) => Unexpected::Other("moment"),
                DeValue::Array(_) => Unexpected::Seq,
                DeValue::Table(_) => Unexpected::Map,
            },
        };
        Wrong::invalid_type(found, expected)
    }
}

struct Entries<'t> {
    left: toml::map::Iter<'t, toml::Spanned<Cow<'t, str>>, toml::Spanned<DeValue<'t>>>,
    value: Option<Node<'t>>,
}

impl<'t> MapAccess<'t> for Entries<'t> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'t>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        let Some((name, value)) = self.left.next() else { return Ok(None) };
        self.value = Some(Node::Value(value));
        seed.deserialize(Node::Name(name.get_ref())).map(Some).map_err(|wrong| wrong.within(name.span()))
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let value = self.value.take().ok_or_else(|| Wrong::custom("a value before its name"))?;
        value.telling(seed.deserialize(value))
    }
}

/// An array, or the three of a [`Spanned`].
struct Items<'t>(std::vec::IntoIter<Node<'t>>);

impl<'t> SeqAccess<'t> for Items<'t> {
    type Error = Wrong;

    fn next_element_seed<S: DeserializeSeed<'t>>(&mut self, seed: S) -> Result<Option<S::Value>, Wrong> {
        let Some(value) = self.0.next() else { return Ok(None) };
        value.telling(seed.deserialize(value)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

macro_rules! each {
    ($($name:ident)* => $from:ident, $to:ident) => {
        $(fn $name<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Wrong> {
            match self.$from() {
                Some(value) => visitor.$to(value),
                None => Err(self.instead_of(&visitor)),
            }
        })*
    };
}

impl<'t> Deserializer<'t> for Node<'t> {
    type Error = Wrong;

    // What files of ours are read into says what it wants: nothing asks for whatever there is.
    each! { deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 => whole, visit_i64 }
    each! { deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 => whole, visit_i64 }
    each! { deserialize_str deserialize_string deserialize_identifier => text, visit_borrowed_str }
    each! { deserialize_bool => yes_no, visit_bool }
    each! { deserialize_seq => items, visit_seq }
    each! { deserialize_map => entries, visit_map }

    fn deserialize_struct<V>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Wrong>
    where
        V: Visitor<'t>,
    {
        self.deserialize_map(visitor)
    }

    fn deserialize_tuple<V: Visitor<'t>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(self, name: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Self::Value(value) if name == SPANNED => {
                let Range { start, end } = value.span();
                visitor.visit_seq(Items(vec![Self::Place(start), Self::Place(end), self].into_iter()))
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    /// The name of a variant, or a table of one entry that is named by it.
    fn deserialize_enum<V>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Wrong>
    where
        V: Visitor<'t>,
    {
        match (self.text(), self.table()) {
            (Some(name), _) => visitor.visit_enum(BorrowedStrDeserializer::new(name)),
            (None, Some(table)) if table.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(Entries { left: table.iter(), value: None }))
            }
            (None, Some(_)) => Err(Wrong::custom("exactly one entry is wanted here")),
            (None, None) => Err(self.instead_of(&visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_unit()
    }

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Wrong> {
        Err(self.instead_of(&visitor))
    }

    serde::forward_to_deserialize_any! { <W: Visitor<'t>> i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple_struct }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::id::Audience;
    use crate::schema::{FieldName, Label, Threshold, Within};

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Page {
        count: Spanned<u8>,
        label: Label,
        #[serde(default)]
        names: Vec<Spanned<FieldName>>,
        within: Option<Within>,
        part: Option<Threshold>,
        readers: Option<BTreeMap<Audience, bool>>,
    }

    const RIGHT: &str = "count = 0x10\n[label]\nzh = \"页\"\nen = \"page\"\nwhatever = [1.5, { at = 2026-01-01 }]\n";

    #[test]
    fn what_is_right_is_read_with_its_place() {
        let more = format!(
            "names = [\n\"one\",\n\"two\"]\nwithin = {{ working_days = 3 }}\npart = {{ at_least = [1, 2] }}\nreaders = {{ open = true }}\n{RIGHT}"
        );
        let page: Page = read(&more).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!((*page.count.get_ref(), &more[page.count.span()]), (16, "0x10"));
        assert_eq!(page.label.zh, "页");
        assert_eq!(&more[page.names[1].span()], "\"two\"");
        assert_eq!((page.within, page.part), (Some(Within::WorkingDays(3)), Some(Threshold::AtLeast([1, 2]))));
        assert_eq!(page.readers, Some(BTreeMap::from([(Audience::Open, true)])));
        let plain: Page = read(RIGHT).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert!(plain.names.is_empty() && plain.within.is_none() && plain.part.is_none() && plain.readers.is_none());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, begins, words) in [
            ("count = 256", "256", "invalid value: integer `256`, expected u8"),
            ("count = -1", "-1", "invalid value: integer `-1`, expected u8"),
            ("count = 99999999999999999999", "99999999999999999999", "expected u8"),
            ("count = \"1\"", "\"1\"", "invalid type: string \"1\", expected u8"),
            ("count = 1.5", "1.5", "invalid type: floating point `1.5`, expected u8"),
            ("count = 1\nnames = [\"one\", \"Two\"]", "\"Two\"", "is not a name"),
            ("count = 1\nnames = \"one\"", "\"one\"", "expected a sequence"),
            ("count = 1\nsurprise = 1", "surprise", "unknown field `surprise`, expected one of `count`"),
            ("count = 1\nwithin = { weeks = 1 }", "weeks", "unknown variant `weeks`"),
            ("count = 1\nwithin = { days = 1, hours = 1 }", "{ days", "exactly one"),
            ("count = 1\nwithin = {}", "{}", "exactly one"),
            ("count = 1\npart = { at_least = [1] }", "[1]", "invalid length 1"),
            ("count = 1\nreaders = { all = true }", "all", "unknown variant `all`"),
            ("count = 1\nlabel = { zh = \"页\" }", "{ zh", "missing field `en`"),
            ("count = 1\nlabel = [1]", "[1]", "invalid type: sequence, expected struct Label"),
            ("count = 1", "count = 1", "missing field `label`"),
        ] {
            let wrong = read::<Page>(text).err().unwrap_or_else(|| panic!("{text}: nothing is wrong"));
            assert!(wrong.words.contains(words), "{text}: {wrong}");
            assert!(text[wrong.start()..].starts_with(begins), "{text}: {wrong} at {}", wrong.start());
        }
    }
}
