//! The page `docs/specifications.md` and a running server's metadata say the same.
//!
//! In the page's tables the last column names members of the metadata, each in backticks: `member`, or `member: value`,
//! or `member: value, value`. What a row says is supported (or off by default) must be told, what it says is not must
//! not be told, and whatever is told must stand in a row.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use testkit::Setup;
use testkit::wire::Request;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Supported,
    OffByDefault,
    Not,
}

#[derive(Debug)]
struct Row {
    section: String,
    status: Status,
    /// Members with the values that the row names; a bare member has none.
    named: Vec<(String, Vec<String>)>,
}

/// The rows of all tables with the heading `| section | … | discovery |`.
fn rows(page: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for line in page.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [section, _, status, discovery] = cells[..] else {
            panic!("four cells: {line}");
        };
        let status = match status {
            "status" => continue,
            _ if status.starts_with("---") => continue,
            "supported" => Status::Supported,
            "off by default" => Status::OffByDefault,
            "not supported" => Status::Not,
            other => panic!("{other} is no status: {line}"),
        };
        let named = discovery.split('`').skip(1).step_by(2).map(|code| match code.split_once(": ") {
            Some((member, values)) => {
                (member.to_owned(), values.split(", ").map(str::to_owned).collect::<Vec<_>>())
            }
            None => (code.to_owned(), Vec::new()),
        });
        rows.push(Row { section: section.to_owned(), status, named: named.collect() });
    }
    rows
}

fn holds(found: &Value, member: &str, value: &str) -> bool {
    match &found[member] {
        Value::Array(list) => list.iter().any(|one| one == value),
        Value::Bool(is_so) => value == is_so.to_string(),
        _ => false,
    }
}

/// What page and metadata disagree about.
fn differences(rows: &[Row], found: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut told = BTreeSet::new();
    for row in rows {
        for (member, values) in &row.named {
            let is_there = found.get(member).is_some();
            if row.status == Status::Not {
                if values.is_empty() && is_there {
                    wrong.push(format!("{}: {member} is told", row.section));
                }
                let so = values.iter().filter(|value| holds(found, member, value));
                wrong.extend(so.map(|value| format!("{}: {member} tells {value}", row.section)));
                continue;
            }
            if !is_there {
                wrong.push(format!("{}: {member} is not told", row.section));
            }
            told.insert((member.as_str(), ""));
            for value in values {
                if !holds(found, member, value) {
                    wrong.push(format!("{}: {member} does not tell {value}", row.section));
                }
                told.insert((member.as_str(), value));
            }
        }
    }
    for (member, value) in found.as_object().into_iter().flatten() {
        let values: Vec<String> = match value {
            Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Value::Bool(is_so) => vec![is_so.to_string()],
            _ => vec![String::new()],
        };
        let silent = values.into_iter().filter(|value| !told.contains(&(member.as_str(), value.as_str())));
        wrong.extend(silent.map(|value| format!("the page is silent about {member}: {value}")));
    }
    wrong
}

#[tokio::test]
async fn page_and_metadata_agree_in_both_directions() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/specifications.md");
    let rows = rows(&std::fs::read_to_string(page).unwrap());
    assert!(rows.len() > 60, "{} rows", rows.len());
    let server = Setup::default().set("registration.mode", "open").start().await;
    let found = server.browser().send(Request::get("/.well-known/openid-configuration")).await.json();
    assert_eq!(differences(&rows, &found), Vec::<String>::new());
}

#[test]
fn planted_faults_are_found() {
    let found = serde_json::json!({"a_supported": ["x", "y"], "b": true, "c_endpoint": "https://c"});
    let page = |text: &str| rows(text);
    let good = "| section | what | status | discovery |\n|---|---|---|---|\n| 1 | a | supported | `a_supported: x, y` `b: true` |\n| 2 | c | off by default | `c_endpoint` |\n| 3 | d | not supported | `d` `a_supported: z` |\n";
    assert_eq!(differences(&page(good), &found), Vec::<String>::new());
    for (from, to, fault) in [
        ("x, y", "x", "the page is silent about a_supported: y"),
        ("x, y", "x, y, z", "1: a_supported does not tell z"),
        ("`b: true`", "", "the page is silent about b: true"),
        ("`c_endpoint`", "", "the page is silent about c_endpoint: "),
        ("`d`", "`b`", "3: b is told"),
        ("a_supported: z", "a_supported: x", "3: a_supported tells x"),
        ("`c_endpoint`", "`c_endpoint` `e_endpoint`", "2: e_endpoint is not told"),
    ] {
        let wrong = differences(&page(&good.replace(from, to)), &found);
        assert!(wrong.iter().any(|one| one == fault), "{fault}: {wrong:?}");
    }
}
