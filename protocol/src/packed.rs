//! Rules and working days as devices are handed them: read and checked by whoever gives them, then packed, so that no phone
//! carries a reader of files.
//!
//! CBOR, described in `renolog.cddl`: a struct is an array of its fields in the order they are declared in, an enum an array of
//! a number and what it holds. A later build may add fields at an end; whoever does not know them leaves them.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::hash::Hash;

use indexmap::IndexMap;
use minicbor::decode::Error;
use minicbor::{Decoder, Encoder};

/// What cannot be read as what it should be.
#[derive(Debug, thiserror::Error)]
#[error("not packed as this build reads it: {0}")]
pub struct Unreadable(#[from] Error);

pub(crate) type Packer = Encoder<Vec<u8>>;
pub(crate) type Done = Result<(), minicbor::encode::Error<Infallible>>;

/// Goes into a pack, and comes out of it as it was.
pub(crate) trait Packed: Sized {
    fn pack(&self, to: &mut Packer) -> Done;
    fn unpack(from: &mut Decoder<'_>) -> Result<Self, Error>;
}

/// The whole of it in bytes.
pub(crate) fn packed(it: &impl Packed) -> Vec<u8> {
    let mut to = Encoder::new(Vec::new());
    match it.pack(&mut to) {
        Ok(()) => to.into_writer(),
        Err(error) => unreachable!("a vector takes every byte: {error}"),
    }
}

/// The other way.
pub(crate) fn unpacked<T: Packed>(bytes: &[u8]) -> Result<T, Unreadable> {
    Ok(T::unpack(&mut Decoder::new(bytes))?)
}

/// How many items an array has, of which at least `known` are needed.
pub(crate) fn begin(from: &mut Decoder<'_>, known: u64) -> Result<u64, Error> {
    match from.array()? {
        Some(length) if length >= known => Ok(length - known),
        _ => Err(Error::message("fewer fields than it has")),
    }
}

/// Leaves what a later build has added.
pub(crate) fn end(from: &mut Decoder<'_>, unknown: u64) -> Result<(), Error> {
    (0..unknown).try_for_each(|_| from.skip())
}

/// Structs as arrays of their fields.
macro_rules! in_order {
    ($($type:ident { $($field:ident),+ $(,)? })+) => {
        $(impl $crate::packed::Packed for $type {
            fn pack(&self, to: &mut $crate::packed::Packer) -> $crate::packed::Done {
                to.array([$(stringify!($field)),+].len() as u64)?;
                $($crate::packed::Packed::pack(&self.$field, to)?;)+
                Ok(())
            }

            fn unpack(from: &mut minicbor::Decoder<'_>) -> Result<Self, minicbor::decode::Error> {
                let unknown = $crate::packed::begin(from, [$(stringify!($field)),+].len() as u64)?;
                let it = Self { $($field: $crate::packed::Packed::unpack(from)?),+ };
                $crate::packed::end(from, unknown)?;
                Ok(it)
            }
        })+
    };
}

/// Enums without more to them as numbers.
macro_rules! numbered {
    ($($type:ident { $($variant:ident $number:literal),+ $(,)? })+) => {
        $(impl $crate::packed::Packed for $type {
            fn pack(&self, to: &mut $crate::packed::Packer) -> $crate::packed::Done {
                to.u8(match self { $(Self::$variant => $number),+ })?;
                Ok(())
            }

            fn unpack(from: &mut minicbor::Decoder<'_>) -> Result<Self, minicbor::decode::Error> {
                match from.u8()? {
                    $($number => Ok(Self::$variant),)+
                    _ => Err(minicbor::decode::Error::message("none of those there are")),
                }
            }
        })+
    };
}

/// What CBOR has of its own.
macro_rules! as_in_cbor {
    ($($type:ty),+ $(,)?) => {
        $(impl $crate::packed::Packed for $type {
            fn pack(&self, to: &mut $crate::packed::Packer) -> $crate::packed::Done {
                to.encode(self)?;
                Ok(())
            }

            fn unpack(from: &mut minicbor::Decoder<'_>) -> Result<Self, minicbor::decode::Error> {
                from.decode()
            }
        })+
    };
}

pub(crate) use {as_in_cbor, in_order, numbered};

as_in_cbor!(bool, u32, i64, String, crate::id::Audience);

impl Packed for usize {
    fn pack(&self, to: &mut Packer) -> Done {
        to.u64(*self as u64)?;
        Ok(())
    }

    fn unpack(from: &mut Decoder<'_>) -> Result<Self, Error> {
        Self::try_from(from.u64()?).map_err(|_| Error::message("more than this machine can count"))
    }
}

impl<T: Packed> Packed for Option<T> {
    fn pack(&self, to: &mut Packer) -> Done {
        match self {
            Some(it) => it.pack(to),
            None => to.null().map(|_| ()),
        }
    }

    fn unpack(from: &mut Decoder<'_>) -> Result<Self, Error> {
        if from.datatype()? == minicbor::data::Type::Null {
            return from.null().map(|()| None);
        }
        T::unpack(from).map(Some)
    }
}

fn pack_all<'a, T: Packed + 'a>(all: impl ExactSizeIterator<Item = &'a T>, to: &mut Packer) -> Done {
    to.array(all.len() as u64)?;
    all.into_iter().try_for_each(|it| it.pack(to))
}

impl<T: Packed> Packed for Vec<T> {
    fn pack(&self, to: &mut Packer) -> Done {
        pack_all(self.iter(), to)
    }

    fn unpack(from: &mut Decoder<'_>) -> Result<Self, Error> {
        (0..begin(from, 0)?).map(|_| T::unpack(from)).collect()
    }
}

impl<T: Packed + Ord> Packed for BTreeSet<T> {
    fn pack(&self, to: &mut Packer) -> Done {
        pack_all(self.iter(), to)
    }

    fn unpack(from: &mut Decoder<'_>) -> Result<Self, Error> {
        Vec::unpack(from).map(Self::from_iter)
    }
}

fn pack_pairs<'a, K, V>(all: impl ExactSizeIterator<Item = (&'a K, &'a V)>, to: &mut Packer) -> Done
where
    K: Packed + 'a,
    V: Packed + 'a,
{
    to.map(all.len() as u64)?;
    all.into_iter().try_for_each(|(key, value)| {
        key.pack(to)?;
        value.pack(to)
    })
}

fn unpack_pairs<K: Packed, V: Packed>(from: &mut Decoder<'_>) -> Result<Vec<(K, V)>, Error> {
    let length = from.map()?.ok_or_else(|| Error::message("a map without its length"))?;
    (0..length).map(|_| Ok((K::unpack(from)?, V::unpack(from)?))).collect()
}

impl<K: Packed + Hash + Eq, V: Packed> Packed for IndexMap<K, V> {
    fn pack(&self, to: &mut Packer) -> Done {
        pack_pairs(self.iter(), to)
    }

    fn unpack(from: &mut Decoder<'_>) -> Result<Self, Error> {
        unpack_pairs(from).map(Self::from_iter)
    }
}

impl<K: Packed + Ord, V: Packed> Packed for BTreeMap<K, V> {
    fn pack(&self, to: &mut Packer) -> Done {
        pack_pairs(self.iter(), to)
    }

    fn unpack(from: &mut Decoder<'_>) -> Result<Self, Error> {
        unpack_pairs(from).map(Self::from_iter)
    }
}
