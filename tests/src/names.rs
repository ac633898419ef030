//! Ids and hashes in what is to be compared by people: each becomes a name that says which one it is, and no more, so that
//! a snapshot shows what refers to what, and changes only when something changes.

use std::collections::BTreeMap;

use serde_json::Value;

/// Gives names to ids in the order in which they are met.
#[derive(Debug, Default)]
pub struct Names {
    given: BTreeMap<String, String>,
    counted: BTreeMap<&'static str, usize>,
}

impl Names {
    /// Nothing has a name yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on this id is called so.
    pub fn call(&mut self, id: impl ToString, name: &str) {
        self.given.insert(id.to_string(), format!("‹{name}›"));
    }

    /// The same value with names for ids, in strings and in keys.
    pub fn hide(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.hide_text(&text)),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.hide(item)).collect()),
            Value::Object(map) => {
                Value::Object(map.into_iter().map(|(key, value)| (self.hide_text(&key), self.hide(value))).collect())
            }
            other => other,
        }
    }

    /// The same text with names for ids.
    pub fn hide_text(&mut self, text: &str) -> String {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let mut out = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let end = rest.find(|c| is_part(c) != is_part(first)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            out.push_str(&self.name(word));
            rest = after;
        }
        out
    }

    fn name(&mut self, word: &str) -> String {
        if let Some(name) = self.given.get(word) {
            return name.clone();
        }
        let Some(what) = what(word) else { return word.to_owned() };
        let number = self.counted.entry(what).or_default();
        *number += 1;
        let name = format!("‹{what} {number}›");
        self.given.insert(word.to_owned(), name.clone());
        name
    }
}

/// What kind of name a word is, if it is one that was drawn or computed.
fn what(word: &str) -> Option<&'static str> {
    let is_hex = word.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let is_uuid = word.len() == 36 && word.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    match word.len() {
        64 if is_hex => Some("hash"),
        32 if is_hex => Some("actor"),
        36 if is_uuid => Some("id"),
        8 if word.parse::<renolog_protocol::id::EntryId>().is_ok() && word.bytes().any(|b| b.is_ascii_digit()) => Some("entry"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_id_has_the_same_name_wherever_it_stands() {
        let id = "019cac0f-28db-7d07-b8bd-37853cc7edae";
        let mut names = Names::new();
        names.call(id, "屋面");
        let hidden =
            names.hide(serde_json::json!({ id: [format!("see {id}/open"), "f".repeat(64), "e".repeat(64), "f".repeat(64)] }));
        assert_eq!(hidden, serde_json::json!({ "‹屋面›": ["see ‹屋面›/open", "‹hash 1›", "‹hash 2›", "‹hash 1›"] }));
        assert_eq!(names.hide_text("2026-03-02, 小区"), "2026-03-02, 小区");
    }
}
