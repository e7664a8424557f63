//! Every crate and every module says first what it owns. (A module's `tests.rs` is introduced by the module.)

use crate::source::files;

/// Whether a text opens with a comment about itself.
fn opens_well(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!["));
    first.is_some_and(|line| line.starts_with("//!") && line.trim() != "//!")
}

#[test]
fn every_file_says_what_it_is() {
    let mut silent = Vec::new();
    let mut crates = 0;
    for (path, text) in ["crates", "tests"].iter().flat_map(|folder| files(folder, ".rs")) {
        crates += usize::from(path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs"));
        if !path.ends_with("/tests.rs") && !opens_well(&text) {
            silent.push(path);
        }
    }
    assert!(crates > 20, "the workspace was not found");
    assert_eq!(silent, Vec::<String>::new());
}

#[test]
fn a_planted_fault_is_found() {
    assert!(opens_well("\n//! Owns this.\nuse a;"));
    assert!(!opens_well("use a;\n//! Too late."));
    assert!(!opens_well("//!\nuse a;"));
    assert!(!opens_well(""));
}
