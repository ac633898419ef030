//! The table: printed as it grows, and written to a file.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use super::finding::{Finding, Verdict};
use super::machine;

/// What one row found.
#[derive(Debug)]
pub struct Section {
    /// What it is called on the command line.
    pub name: &'static str,
    /// The row.
    pub title: String,
    /// How it was measured.
    pub about: String,
    /// What came out; or why nothing did.
    pub findings: Vec<Finding>,
    /// How long it took, in seconds.
    pub seconds: u64,
}

/// Prints a section.
pub fn print(section: &Section) {
    println!("\n── {} ({} s)", section.title, section.seconds);
    for finding in &section.findings {
        let target = if finding.target.is_empty() { String::new() } else { format!("   target {}", finding.target) };
        println!("{:<64} {:>24}{target}   {}", finding.what, finding.figure, finding.verdict.word().trim_matches('*'));
        if !finding.note.is_empty() {
            println!("      {}", finding.note);
        }
    }
}

/// How many targets were reached, of how many.
pub fn met(sections: &[Section]) -> (usize, usize) {
    let verdicts = || sections.iter().flat_map(|section| &section.findings).map(|finding| finding.verdict);
    let met = verdicts().filter(|verdict| *verdict == Verdict::Met).count();
    (met, met + verdicts().filter(|verdict| *verdict == Verdict::NotMet).count())
}

/// Where measured rows stand in the file.
const END: &str = "<!-- /measured -->";

/// Writes rows into a file, each in its place; what else stands there stays.
///
/// # Errors
/// If the file cannot be read or written.
pub fn write(path: &Path, sections: &[Section]) -> Result<()> {
    let mut text = std::fs::read_to_string(path)?;
    let surroundings = surroundings();
    for section in sections {
        text = with(&text, section.name, &block(section, &surroundings)?);
    }
    Ok(std::fs::write(path, text)?)
}

/// The text with a row in its place, or before the end of the rows if it had none.
fn with(text: &str, name: &str, block: &str) -> String {
    let (begins, ends) = (format!("<!-- row {name} -->\n"), format!("<!-- /row {name} -->\n"));
    let block = format!("{begins}{block}{ends}");
    match (text.find(&begins), text.find(&ends)) {
        (Some(from), Some(to)) if from < to => [&text[..from], &block, &text[to + ends.len()..]].concat(),
        _ => text.replacen(END, &format!("{block}\n{END}"), 1),
    }
}

fn surroundings() -> String {
    let date = machine::version("date", &["-u", "+%Y-%m-%d %H:%M UTC"]);
    let commit = machine::version("git", &["rev-parse", "--short", "HEAD"]);
    let (rust, node) = (machine::version("rustc", &["--version"]), machine::version("node", &["--version"]));
    format!("{date}, commit {commit}, {}, {rust}, Node {node}", machine::description())
}

fn block(section: &Section, surroundings: &str) -> Result<String> {
    let mut text = String::new();
    writeln!(text, "### {}\n\n{}\n", section.title, section.about)?;
    writeln!(text, "| | figure | target | |\n|---|---|---|---|")?;
    for Finding { what, figure, target, verdict, note } in &section.findings {
        let note = if note.is_empty() { String::new() } else { format!("<br>{note}") };
        writeln!(text, "| {what}{note} | {figure} | {target} | {} |", verdict.word())?;
    }
    writeln!(text, "\nMeasured {surroundings}.")?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_its_own_place() {
        let first = with("head\n<!-- /measured -->\ntail\n", "a", "one\n");
        assert_eq!(first, "head\n<!-- row a -->\none\n<!-- /row a -->\n\n<!-- /measured -->\ntail\n");
        let both = with(&first, "b", "two\n");
        let again = with(&both, "a", "three\n");
        assert_eq!(again, both.replace("one", "three"));
    }
}
