//! The SQL texts in the store's source. The servers' tests of `store-sql` read this file too.

use crate::source::{after, literal, product, without_comments};

/// The macros that make statements; nothing else can (their types have no other maker). `pg_sql!(` and
/// `last_sql!(` end in the same.
const MAKER: &str = "sql!(";
const FOR_POSTGRES: &str = "pg_sql!(";

/// A statement as each database is given it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// For SQLite, if it is.
    pub sqlite: Option<String>,
    /// For PostgreSQL.
    pub postgres: String,
}

impl Statement {
    /// What follows a maker.
    fn read(call: &str) -> Option<Self> {
        let call = call.trim_start();
        if let Some(text) = literal(call) {
            return Some(Self { sqlite: Some(text.clone()), postgres: text });
        }
        let sqlite = literal(call.strip_prefix("sqlite:")?)?;
        // Its own text must not hold the word.
        let postgres = literal(after(call, "postgres:").next()?)?;
        Some(Self { sqlite: Some(sqlite), postgres })
    }
}

/// The statements in a Rust text, and how often one is made.
pub fn statements(text: &str) -> (Vec<Statement>, usize) {
    let text = without_comments(product(text));
    let all = after(&text, MAKER).count();
    let alone: Vec<Statement> = after(&text, FOR_POSTGRES)
        .filter_map(|call| Some(Statement { sqlite: None, postgres: literal(call)? }))
        .collect();
    let mut found: Vec<Statement> = text
        .match_indices(MAKER)
        .filter(|(at, _)| !text[..at + MAKER.len()].ends_with(FOR_POSTGRES))
        .filter_map(|(at, _)| Statement::read(&text[at + MAKER.len()..]))
        .collect();
    found.extend(alone);
    (found, all)
}

#[test]
fn statements_are_found_in_all_their_forms() {
    let (found, calls) = statements(
        "sql!(\"SELECT 1\"); // sql!(\"in a tail\")\n // sql!(\"no\")\n last_sql!(\n sqlite: \"SELECT a\n FROM b\",\n postgres: \"SELECT c\");
         pg_sql!(\"LOCK TABLE a\"); sql!(NAME)",
    );
    let statement = |sqlite: Option<&str>, postgres: &str| Statement {
        sqlite: sqlite.map(str::to_owned),
        postgres: postgres.to_owned(),
    };
    assert_eq!(
        found,
        [
            statement(Some("SELECT 1"), "SELECT 1"),
            statement(Some("in a tail"), "in a tail"),
            statement(Some("SELECT a\n FROM b"), "SELECT c"),
            statement(None, "LOCK TABLE a"),
        ]
    );
    assert_eq!(calls, 5, "the last one is no literal");
}
