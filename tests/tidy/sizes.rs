//! No file holds more than 500 lines of code: not counting blank lines, comments and tests.

use crate::source::{files, product};

const LIMIT: usize = 500;

fn lines_of_code(text: &str) -> usize {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    product(text).lines().filter(is_code).count()
}

#[test]
fn no_file_is_too_long() {
    let all: Vec<_> = ["crates", "tests"].iter().flat_map(|folder| files(folder, ".rs")).collect();
    assert!(all.len() > 100, "the workspace was not found");
    let long: Vec<String> = all
        .iter()
        .map(|(path, text)| (path, lines_of_code(text)))
        .filter(|(_, count)| *count > LIMIT)
        .map(|(path, count)| format!("{path}: {count}"))
        .collect();
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn a_planted_fault_is_found() {
    let code = "let a = 1;\n".repeat(LIMIT + 1);
    assert_eq!(lines_of_code(&code), LIMIT + 1);
    assert_eq!(
        lines_of_code(&format!("//! why\n\n    // how\n{code}#[cfg(test)]\nmod tests {{}}")),
        LIMIT + 1
    );
}
