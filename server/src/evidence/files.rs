//! The files of a bundle, and how JSON is written in them: an item a line, so that a finding can name the line's place.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::finding::{Fault, Finding};

/// The files of a bundle by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A list as a file: brackets on lines of their own, an item a line.
pub(super) fn list<T: Serialize>(items: &[T]) -> Vec<u8> {
    let lines: Vec<String> = items.iter().map(line).collect();
    if lines.is_empty() { b"[]\n".to_vec() } else { format!("[\n{}\n]\n", lines.join(",\n")).into_bytes() }
}

pub(super) fn line<T: Serialize>(item: &T) -> String {
    serde_json::to_string(item).expect("plain data")
}

/// Reads a file of a bundle.
pub(super) fn read<T: DeserializeOwned>(files: &Files, name: &str) -> Result<T, Finding> {
    let bytes = files.get(name).ok_or_else(|| Finding::of_file(name, 0, Fault::Missing))?;
    serde_json::from_slice(bytes).map_err(|why| {
        let offset = start_of_line(bytes, why.line()) + why.column().saturating_sub(1);
        Finding::of_file(name, offset.min(bytes.len()), Fault::Unreadable(why.to_string()))
    })
}

/// The first byte in which two files differ, what it should be and what it is.
pub(super) fn first_difference(expected: &[u8], found: &[u8]) -> Option<(usize, Fault)> {
    let same = expected.iter().zip(found).take_while(|(expected, found)| expected == found).count();
    let (expected, found) = (expected.get(same).copied(), found.get(same).copied());
    (expected != found).then_some((same, Fault::Byte { expected, found }))
}

/// Where something stands in an item of a list: the first `part` at or after the item's line.
pub(super) fn in_item(files: &Files, name: &str, item: usize, part: &str) -> usize {
    let Some(bytes) = files.get(name) else { return 0 };
    // The first line is the bracket.
    let start = start_of_line(bytes, item + 2);
    start + find(&bytes[start.min(bytes.len())..], part).unwrap_or(0)
}

/// Where a text first stands in a file; its beginning if it does not.
pub(super) fn of_text(files: &Files, name: &str, part: &str) -> usize {
    files.get(name).and_then(|bytes| find(bytes, part)).unwrap_or(0)
}

fn find(bytes: &[u8], part: &str) -> Option<usize> {
    bytes.windows(part.len().max(1)).position(|window| window == part.as_bytes())
}

/// Where a line begins; lines are counted from 1.
fn start_of_line(bytes: &[u8], line: usize) -> usize {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    if line <= 1 { 0 } else { ends.take(line - 1).last().unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_stands_in_a_line_that_can_be_found() {
        let files: Files = [("a.json".to_owned(), list(&[vec![1, 2], vec![3, 4]]))].into();
        assert_eq!(files["a.json"], b"[\n[1,2],\n[3,4]\n]\n");
        assert_eq!((in_item(&files, "a.json", 0, "2"), in_item(&files, "a.json", 1, "4")), (5, 12));
        assert_eq!(read::<Vec<Vec<u8>>>(&files, "a.json").expect("a list"), [[1, 2], [3, 4]]);
        assert_eq!(list::<u8>(&[]), b"[]\n");
        let broken: Files = [("a.json".to_owned(), b"[\n[1,2],\n[3,]\n]\n".to_vec())].into();
        let finding = read::<Vec<Vec<u8>>>(&broken, "a.json").expect_err("a stray comma");
        assert_eq!((finding.file.as_deref(), finding.offset), (Some("a.json"), 12));
    }
}
