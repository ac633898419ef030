//! The API's description of itself, which the page's client is generated from: it stands in `server/web/src/api/openapi.json`, so that a
//! change of the API shows in review. `RENOLOG_TABLES=write` writes it anew.

use std::collections::BTreeSet;
use std::path::Path;

use renolog_server::http::document;
use serde_json::Value;

#[test]
fn the_api_is_what_its_description_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/web/src/api/openapi.json");
    let document = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var("RENOLOG_TABLES").is_ok_and(|what| what == "write") {
        std::fs::write(&path, &document).unwrap();
        return;
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stands == document, "openapi.json is not what the routes say; RENOLOG_TABLES=write writes it");
}

/// Every name that the document uses is one that it explains, and no two operations have one name.
#[test]
fn the_description_is_whole() {
    let document = serde_json::to_value(document()).unwrap();
    let explained: BTreeSet<&str> = document["components"]["schemas"].as_object().unwrap().keys().map(String::as_str).collect();
    let text = document.to_string();
    let used = text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next());
    for name in used {
        assert!(explained.contains(name), "nothing explains {name}");
    }
    let mut names = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no name"));
            assert!(names.insert(name.to_owned()), "{name} is the name of two operations");
            assert_ne!(operation["responses"]["default"], Value::Null, "{method} {path} does not say how it refuses");
        }
    }
    assert!(names.len() > 40, "{}", names.len());
}
