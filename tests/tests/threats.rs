//! The table of threats in ARCHITECTURE.md names, for each, the test that tries it. Each must be there.

use std::path::{Path, PathBuf};

/// Every source file under a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_threat_is_answered_by_a_test() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(workspace.join("ARCHITECTURE.md")).unwrap();
    let section = text.split("## Threats\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() >= 15, "{} threats", rows.len());

    let mut files = Vec::new();
    for folder in ["tests/tests", "protocol/tests", "server/src"] {
        sources(&workspace.join(folder), &mut files);
    }
    for row in rows {
        let tests: Vec<&str> = row.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "nothing tries it: {row}");
        for test in tests {
            let (place, name) = test.split_once("::").unwrap_or_else(|| panic!("{test} says no place"));
            let signature = format!("fn {name}()");
            let stands = files.iter().any(|file| {
                let there = file
                    .components()
                    .any(|part| part.as_os_str().to_str().is_some_and(|part| part.trim_end_matches(".rs") == place));
                there && std::fs::read_to_string(file).unwrap().contains(&signature)
            });
            assert!(stands, "there is no test {test}: {row}");
        }
    }
}
