//! Sees to it that the program is built again when the page was: it carries the page inside itself.

use std::path::Path;

fn main() {
    // A path that is not there would have the program built again each time.
    let watched = ["web/dist", "web", "Cargo.toml"].into_iter().find(|path| Path::new(path).exists());
    println!("cargo:rerun-if-changed={}", watched.unwrap_or("Cargo.toml"));
}
