//! A schema in a pack. Its names were looked up by whoever read its file.

use minicbor::Decoder;
use minicbor::decode::Error;

use super::{
    Deadline, Entry, Field, FieldName, KeySource, Kind, KindName, Label, Move, MoveName, Needs, OnConflict, Part, Party, Role,
    RoleRules, Scalar, Schema, Shape, State, StateName, Threshold, Votes, Weight, When, Within,
};
use crate::packed::{Done, Packed, Packer, as_in_cbor, begin, end, in_order, numbered};

as_in_cbor!(Role, Party, KindName, FieldName, StateName, MoveName);

in_order! {
    Label { zh, en }
    RoleRules { label, party }
    Kind { name, label, help, audience, create, title, initial, fields, states, moves, deadlines, not_by, keep_years }
    Field { label, help, shape, write, needed, once, writable_in, conflict }
    Entry { parts }
    Part { label, scalar, needed }
    State { label, done }
    Move { label, from, to, by, weight, reason, needs, freezes }
    Needs { field, parties, after, when }
    Deadline { label, states, when, within, earliest, escalate }
    When { field, choice, is }
    Votes { law, quorum, classes }
}

numbered! {
    OnConflict { Settle 0, KeepAll 1 }
    KeySource { Given 0, Drawn 1 }
    Weight { Close 0, Progress 1, Escalate 2, Reject 3, StopWork 4 }
}

fn unknown<T>() -> Result<T, Error> {
    Err(Error::message("none of those there are"))
}

impl Packed for Schema {
    fn pack(&self, to: &mut Packer) -> Done {
        to.array(6)?;
        self.version.pack(to)?;
        self.parties.pack(to)?;
        self.roles.pack(to)?;
        self.audiences.pack(to)?;
        self.kinds.pack(to)?;
        self.votes.pack(to)
    }

    fn unpack(from: &mut Decoder<'_>) -> Result<Self, Error> {
        let more = begin(from, 6)?;
        let schema = Self {
            version: Packed::unpack(from)?,
            parties: Packed::unpack(from)?,
            roles: Packed::unpack(from)?,
            audiences: Packed::unpack(from)?,
            kinds: Packed::unpack(from)?,
            votes: Packed::unpack(from)?,
            #[cfg(feature = "files")]
            text: "".into(),
        };
        end(from, more)?;
        Ok(schema)
    }
}

impl Packed for Shape {
    fn pack(&self, to: &mut Packer) -> Done {
        match self {
            Self::Register(scalar) => {
                to.array(2)?.u8(0)?;
                scalar.pack(to)
            }
            Self::Prose { max } => {
                to.array(2)?.u8(1)?;
                max.pack(to)
            }
            Self::Log(entry) => {
                to.array(2)?.u8(2)?;
                entry.pack(to)
            }
            Self::Set { key, entry } => {
                to.array(3)?.u8(3)?;
                key.pack(to)?;
                entry.pack(to)
            }
            Self::PerParty(entry) => {
                to.array(2)?.u8(4)?;
                entry.pack(to)
            }
        }
    }

    fn unpack(from: &mut Decoder<'_>) -> Result<Self, Error> {
        let length = begin(from, 0)?;
        Ok(match (from.u8()?, length) {
            (0, 2) => Self::Register(Packed::unpack(from)?),
            (1, 2) => Self::Prose { max: Packed::unpack(from)? },
            (2, 2) => Self::Log(Packed::unpack(from)?),
            (3, 3) => Self::Set { key: Packed::unpack(from)?, entry: Packed::unpack(from)? },
            (4, 2) => Self::PerParty(Packed::unpack(from)?),
            _ => return unknown(),
        })
    }
}

impl Packed for Scalar {
    fn pack(&self, to: &mut Packer) -> Done {
        match self {
            Self::Text { max } => {
                to.array(2)?.u8(0)?;
                max.pack(to)
            }
            Self::Whole { min, max } => {
                to.array(3)?.u8(1)?;
                min.pack(to)?;
                max.pack(to)
            }
            Self::Day => to.array(1)?.u8(2).map(|_| ()),
            Self::YesNo => to.array(1)?.u8(3).map(|_| ()),
            Self::Person => to.array(1)?.u8(4).map(|_| ()),
            Self::Party => to.array(1)?.u8(5).map(|_| ()),
            Self::Record { kind } => {
                to.array(2)?.u8(6)?;
                kind.pack(to)
            }
            Self::Choice { choices } => {
                to.array(2)?.u8(7)?;
                choices.pack(to)
            }
        }
    }

    fn unpack(from: &mut Decoder<'_>) -> Result<Self, Error> {
        let length = begin(from, 0)?;
        Ok(match (from.u8()?, length) {
            (0, 2) => Self::Text { max: Packed::unpack(from)? },
            (1, 3) => Self::Whole { min: Packed::unpack(from)?, max: Packed::unpack(from)? },
            (2, 1) => Self::Day,
            (3, 1) => Self::YesNo,
            (4, 1) => Self::Person,
            (5, 1) => Self::Party,
            (6, 2) => Self::Record { kind: Packed::unpack(from)? },
            (7, 2) => Self::Choice { choices: Packed::unpack(from)? },
            _ => return unknown(),
        })
    }
}

impl Packed for Within {
    fn pack(&self, to: &mut Packer) -> Done {
        let (number, length) = match self {
            Self::Hours(hours) => (0, hours),
            Self::Days(days) => (1, days),
            Self::WorkingDays(days) => (2, days),
        };
        to.array(2)?.u8(number)?;
        length.pack(to)
    }

    fn unpack(from: &mut Decoder<'_>) -> Result<Self, Error> {
        let length = begin(from, 0)?;
        Ok(match (from.u8()?, length) {
            (0, 2) => Self::Hours(Packed::unpack(from)?),
            (1, 2) => Self::Days(Packed::unpack(from)?),
            (2, 2) => Self::WorkingDays(Packed::unpack(from)?),
            _ => return unknown(),
        })
    }
}

impl Packed for Threshold {
    fn pack(&self, to: &mut Packer) -> Done {
        let (number, [part, of]) = match self {
            Self::AtLeast(parts) => (0, parts),
            Self::MoreThan(parts) => (1, parts),
        };
        to.array(3)?.u8(number)?.u32(*part)?.u32(*of)?;
        Ok(())
    }

    fn unpack(from: &mut Decoder<'_>) -> Result<Self, Error> {
        let length = begin(from, 0)?;
        let threshold = match (from.u8()?, length) {
            (0, 3) => Self::AtLeast([from.u32()?, from.u32()?]),
            (1, 3) => Self::MoreThan([from.u32()?, from.u32()?]),
            _ => return unknown(),
        };
        // What is counted by it divides by it.
        threshold.mistake().map_or(Ok(threshold), |why| Err(Error::message(why)))
    }
}

#[cfg(all(test, feature = "files"))]
mod tests {
    use super::*;
    use crate::calendar::Calendar;

    #[test]
    fn what_is_handed_out_is_what_the_files_say() {
        let schema = Schema::built_in();
        let unpacked = Schema::unpack(&schema.packed()).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(Schema { text: schema.text.clone(), ..unpacked }, *schema);
        let calendar = Calendar::built_in();
        assert_eq!(Calendar::unpack(&calendar.packed()).unwrap_or_else(|why| panic!("{why}")), *calendar);
    }

    /// A phone's build carries the packs and not the files. With
    /// `RENOLOG_TABLES=write` they are made anew.
    #[test]
    fn the_packs_are_of_the_files() {
        for (name, packed) in [("schema", Schema::built_in().packed()), ("calendar", Calendar::built_in().packed())] {
            let path = format!("{}/{name}.packed", env!("CARGO_MANIFEST_DIR"));
            if std::env::var("RENOLOG_TABLES").as_deref() == Ok("write") {
                std::fs::write(&path, &packed).unwrap_or_else(|why| panic!("{path}: {why}"));
            }
            assert!(std::fs::read(&path).is_ok_and(|kept| kept == packed), "{path} is of another {name}.toml");
        }
    }

    #[test]
    fn what_a_later_build_adds_is_left() {
        let mut to = Packer::new(Vec::new());
        to.array(3).and_then(|to| to.str("页")?.str("page")?.str("page one")).expect("a vector");
        let label = Label { zh: "页".into(), en: "page".into() };
        assert_eq!(crate::packed::unpacked::<Label>(to.writer()).unwrap_or_else(|why| panic!("{why}")), label);
    }

    #[test]
    fn a_pack_that_is_cut_short_or_bent_is_refused_and_nothing_breaks() {
        let packed = Schema::built_in().packed();
        for cut in (0..packed.len()).step_by(97) {
            assert!(Schema::unpack(&packed[..cut]).is_err(), "cut at {cut}");
            let mut bent = packed.clone();
            bent[cut] ^= 0xff;
            // It may still be a schema, of other words.
            drop(Schema::unpack(&bent));
        }
        let all = Threshold::AtLeast([1, 0]);
        assert!(crate::packed::unpacked::<Threshold>(&crate::packed::packed(&all)).is_err(), "no part of nothing");
    }
}
