//! Names that people write by hand, of places and of people: the same thing is not always typed the same way.

/// A name as people mean it: without spaces, full-width letters, digits and dashes in their plain forms, small letters.
/// `３ 幢－2` and `3幢-2` are the same place.
///
/// ```
/// assert_eq!(renolog_protocol::names::as_meant("３ 幢－2"), "3幢-2");
/// ```
pub fn as_meant(name: &str) -> String {
    let plain = |c: char| match c {
        '－' | '—' | '–' | '‐' => '-',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    };
    name.chars().filter(|c| !c.is_whitespace()).map(plain).flat_map(char::to_lowercase).collect()
}
