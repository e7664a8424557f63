//! Migrations come in pairs: the same names, tables, columns and indexes for both databases, and only the
//! four kinds of column that mean the same on both.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::files;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Flag,
    Bytes,
    /// SQLite has one type for numbers and flags.
    NumberOrFlag,
}

/// What a folder of migrations makes.
#[derive(Debug, Default)]
struct Schema {
    tables: BTreeMap<String, BTreeMap<String, Kind>>,
    indexes: BTreeSet<String>,
    faults: Vec<String>,
}

fn kind(word: &str) -> Option<Kind> {
    Some(match word {
        "TEXT" => Kind::Text,
        "INTEGER" => Kind::NumberOrFlag,
        "BIGINT" => Kind::Number,
        "BOOLEAN" => Kind::Flag,
        "BLOB" | "BYTEA" => Kind::Bytes,
        _ => return None,
    })
}

fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split("--").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Splits at commas that are in no brackets.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

impl Schema {
    fn read(texts: &[(String, String)], is_sqlite: bool) -> Self {
        let mut schema = Self::default();
        for (path, text) in texts {
            for statement in without_comments(text).split(';') {
                let statement = statement.trim();
                if !statement.is_empty() {
                    schema.apply(path, statement, is_sqlite);
                }
            }
        }
        schema
    }

    fn apply(&mut self, path: &str, statement: &str, is_sqlite: bool) {
        let words: Vec<&str> = statement.split_whitespace().collect();
        match words.as_slice() {
            ["CREATE", "TABLE", name, ..] => {
                let (Some(open), Some(close)) = (statement.find('('), statement.rfind(')')) else {
                    return self.faults.push(format!("{path}: {name} has no columns"));
                };
                if is_sqlite && !statement[close..].contains("STRICT") {
                    self.faults.push(format!("{path}: {name} is not STRICT"));
                }
                self.tables.insert((*name).to_owned(), BTreeMap::new());
                for part in parts(&statement[open + 1..close]) {
                    if !["PRIMARY", "UNIQUE", "CHECK", "FOREIGN"].contains(&part.split(' ').next().unwrap()) {
                        self.column(path, name, part);
                    }
                }
            }
            ["ALTER", "TABLE", name, "ADD", "COLUMN", ..] => {
                let column = statement.split("ADD COLUMN").nth(1).unwrap_or_default().trim();
                self.column(path, name, column);
            }
            ["ALTER", "TABLE", name, "DROP", "COLUMN", column] => {
                let gone = self.tables.get_mut(*name).and_then(|table| table.remove(*column));
                if gone.is_none() {
                    self.faults.push(format!("{path}: {name}.{column} is dropped and not there"));
                }
            }
            ["DROP", "TABLE", name] => drop(self.tables.remove(*name)),
            ["CREATE", "INDEX", rest @ ..] | ["CREATE", "UNIQUE", "INDEX", rest @ ..] => {
                self.indexes.insert(rest.join(" "));
            }
            ["DROP", "INDEX", name] => self.indexes.retain(|index| !index.starts_with(&format!("{name} "))),
            ["INSERT" | "UPDATE" | "DELETE", ..] => {}
            _ => self.faults.push(format!("{path}: cannot be compared: {statement}")),
        }
    }

    fn column(&mut self, path: &str, table: &str, text: &str) {
        let mut words = text.split_whitespace();
        let (name, word) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match (kind(word), self.tables.get_mut(table)) {
            (Some(kind), Some(columns)) => drop(columns.insert(name.to_owned(), kind)),
            (None, _) => self.faults.push(format!("{path}: {table}.{name} is of no known kind: {word}")),
            (_, None) => self.faults.push(format!("{path}: no table {table}")),
        }
    }
}

/// How the two differ.
fn differences(sqlite: &[(String, String)], postgres: &[(String, String)]) -> Vec<String> {
    let name = |(path, _): &(String, String)| path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut faults = Vec::new();
    let names: [Vec<String>; 2] = [sqlite, postgres].map(|texts| texts.iter().map(name).collect());
    if names[0] != names[1] {
        faults.push(format!("different names: {names:?}"));
    }
    let (one, other) = (Schema::read(sqlite, true), Schema::read(postgres, false));
    faults.extend(one.faults.iter().chain(&other.faults).cloned());
    let tables: BTreeSet<&String> = one.tables.keys().chain(other.tables.keys()).collect();
    for table in tables {
        let (Some(left), Some(right)) = (one.tables.get(table), other.tables.get(table)) else {
            faults.push(format!("{table} is in one of them only"));
            continue;
        };
        let columns: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
        for column in columns {
            let alike = match (left.get(column), right.get(column)) {
                (Some(Kind::NumberOrFlag), Some(Kind::Number | Kind::Flag)) => true,
                (Some(left), Some(right)) => left == right,
                _ => false,
            };
            if !alike {
                faults.push(format!("{table}.{column} is not alike"));
            }
        }
    }
    faults.extend(one.indexes.symmetric_difference(&other.indexes).map(|index| format!("index {index}")));
    faults
}

/// What in a migration would break nodes of the last release that still run beside it: it may only expand. One that
/// takes something away names in its first line the migration with which nobody used it any more:
/// `-- contracts: 0009 …`.
fn contractions(path: &str, text: &str) -> Vec<String> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let number = |text: &str| text.get(..4).and_then(|digits| digits.parse::<u32>().ok());
    if let Some(since) = text.lines().next().and_then(|line| line.strip_prefix("-- contracts: ")) {
        let is_earlier = number(since).is_some_and(|since| number(name).is_some_and(|own| since < own));
        return if is_earlier {
            Vec::new()
        } else {
            vec![format!("{path}: contracts since which migration?")]
        };
    }
    let text = without_comments(text);
    let statements: Vec<&str> = text.split(';').map(str::trim).filter(|text| !text.is_empty()).collect();
    // What this migration itself has made may be ruled as it likes.
    let (mut tables, mut columns) = (BTreeSet::new(), BTreeSet::new());
    let mut faults = Vec::new();
    for statement in statements {
        let words: Vec<&str> = statement.split_whitespace().collect();
        let why = match words.as_slice() {
            ["CREATE", "TABLE", table, ..] => {
                tables.insert((*table).to_owned());
                None
            }
            ["CREATE", "INDEX", ..] | ["INSERT", "INTO", "settings", ..] => None,
            ["CREATE", "UNIQUE", "INDEX", _, "ON", table, ..] => {
                let list = statement.split(['(', ')']).nth(1).unwrap_or_default();
                let is_new = |column: &str| columns.contains(&format!("{table}.{}", column.trim()));
                let is_fine = tables.contains(*table) || list.split(',').all(is_new);
                (!is_fine).then_some("old nodes may write what it forbids")
            }
            ["ALTER", "TABLE", table, "ADD", "COLUMN", column, rest @ ..] => {
                columns.insert(format!("{table}.{column}"));
                let rest = rest.join(" ");
                if rest.contains("UNIQUE") || rest.contains("PRIMARY") || rest.contains("CHECK") {
                    Some("old nodes may write what it forbids")
                } else if rest.contains("NOT NULL") && !rest.contains("DEFAULT") {
                    Some("old nodes write rows without it")
                } else {
                    None
                }
            }
            // What was just added may be filled.
            ["INSERT", "INTO", table, ..] if tables.contains(*table) => None,
            ["UPDATE", table, "SET", column, "=", ..]
                if columns.contains(&format!("{table}.{column}")) && !statement.contains(',') =>
            {
                None
            }
            _ => Some("it does more than add"),
        };
        faults.extend(why.map(|why| format!("{path}: {why}: {statement}")));
    }
    faults
}

#[test]
fn migrations_only_expand() {
    for folder in ["migrations/sqlite", "migrations/postgres"] {
        for (path, text) in files(folder, ".sql") {
            assert_eq!(contractions(&path, &text), Vec::<String>::new());
        }
    }
}

#[test]
fn a_planted_contraction_is_found() {
    for text in [
        "DROP TABLE a;",
        "ALTER TABLE a DROP COLUMN b;",
        "ALTER TABLE a ADD COLUMN b TEXT NOT NULL;",
        "ALTER TABLE a ADD COLUMN b TEXT UNIQUE;",
        "ALTER TABLE a RENAME COLUMN b TO c;",
        "ALTER TABLE a ALTER COLUMN b SET NOT NULL;",
        "CREATE UNIQUE INDEX i ON a (b);",
        "ALTER TABLE a ADD COLUMN b TEXT; CREATE UNIQUE INDEX i ON a (b, c);",
        "UPDATE a SET b = 1;",
        "ALTER TABLE a ADD COLUMN b TEXT; UPDATE a SET b = 'x', c = 1;",
        "INSERT INTO a VALUES (1);",
        "-- contracts: nothing\nDROP TABLE a;",
        "-- contracts: 0010 the column b\nDROP TABLE a;",
    ] {
        assert_eq!(contractions("migrations/x/0010_a.sql", text).len(), 1, "{text}");
    }
    for text in [
        "CREATE TABLE a (b TEXT NOT NULL); CREATE UNIQUE INDEX i ON a (b); CREATE INDEX j ON c (d);",
        "-- a note\nALTER TABLE a ADD COLUMN b TEXT;\nALTER TABLE a ADD COLUMN c TEXT NOT NULL DEFAULT '';",
        "ALTER TABLE a ADD COLUMN b TEXT; CREATE UNIQUE INDEX i ON a (b) WHERE b IS NOT NULL;",
        "INSERT INTO settings (name, value) VALUES ('a', 'b');",
        "ALTER TABLE a ADD COLUMN b TEXT; UPDATE a SET b = 'x' WHERE c = TRUE;",
        "-- contracts: 0009 nobody reads a since then\nDROP TABLE a;",
    ] {
        assert_eq!(contractions("migrations/x/0010_a.sql", text), Vec::<String>::new());
    }
}

#[test]
fn both_databases_have_the_same_tables() {
    let (sqlite, postgres) = (files("migrations/sqlite", ".sql"), files("migrations/postgres", ".sql"));
    assert!(Schema::read(&sqlite, true).tables.len() > 10, "the migrations were not found");
    assert_eq!(differences(&sqlite, &postgres), Vec::<String>::new());
}

#[test]
fn every_migration_is_in_the_program() {
    let schema = files("crates/store-sql/src", "schema.rs").remove(0).1;
    for (number, (path, _)) in files("migrations/sqlite", ".sql").iter().enumerate() {
        let name = path.rsplit('/').next().unwrap().trim_end_matches(".sql");
        assert!(name.starts_with(&format!("{:04}_", number + 1)), "{name} is out of order");
        assert!(schema.contains(&format!("{} \"{name}\",", number + 1)), "{name} is not in schema.rs");
    }
}

#[test]
fn a_planted_fault_is_found() {
    let file = |name: &str, text: &str| vec![(format!("migrations/x/{name}"), text.to_owned())];
    let good = file(
        "0001_a.sql",
        "CREATE TABLE a (id TEXT NOT NULL PRIMARY KEY, b INTEGER, PRIMARY KEY (id, b)) STRICT;",
    );
    let twin = file("0001_a.sql", "CREATE TABLE a (id TEXT NOT NULL, b BOOLEAN, PRIMARY KEY (id, b));");
    assert_eq!(differences(&good, &twin), Vec::<String>::new());
    for (sqlite, postgres) in [
        (good.clone(), file("0001_b.sql", &twin[0].1)),
        (good.clone(), file("0001_a.sql", "CREATE TABLE a (id TEXT, b TEXT);")),
        (good.clone(), file("0001_a.sql", "CREATE TABLE a (id TEXT);")),
        (good.clone(), file("0001_a.sql", &format!("{}CREATE TABLE c (d TEXT);", twin[0].1))),
        (good.clone(), file("0001_a.sql", &format!("{}CREATE INDEX e ON a (b);", twin[0].1))),
        (file("0001_a.sql", &good[0].1.replace(" STRICT", "")), twin.clone()),
        (file("0001_a.sql", &good[0].1.replace("INTEGER", "REAL")), twin.clone()),
    ] {
        assert!(!differences(&sqlite, &postgres).is_empty(), "{sqlite:?} {postgres:?}");
    }
    let more = format!("{}ALTER TABLE a ADD COLUMN f BLOB;", good[0].1);
    assert_eq!(differences(&file("0001_a.sql", &more), &twin), ["a.f is not alike"]);
}
