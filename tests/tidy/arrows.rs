//! Which crate may import which, and which outside crates are kept out where.
//!
//! A missing row is a failing test: a new crate is placed in its layer by whoever makes it.

use std::collections::BTreeMap;

use crate::source::{crate_of, files, product, without_comments};

const L0: &[&str] = &["domain", "oidc", "journey", "qr", "cas", "jose"];
const L3: &[&str] = &["signin", "provider", "registry", "tickets"];
const L5: &[&str] = &["web-oidc", "web-login", "web-phone", "web-account", "web-admin", "web-cas"];

/// Crate → crates of ours that it may import.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("oidc", &["domain"]),
    ("journey", &["domain"]),
    ("qr", &["domain"]),
    ("cas", &["domain"]),
    ("jose", &["domain"]),
    ("store", &["domain"]),
    ("live", &["domain"]),
    ("outbound", &[]),
    ("outbound-net", &["outbound"]),
    ("store-sql", &["domain", "store"]),
    ("live-redis", &["live"]),
    ("live-postgres", &["live"]),
    ("app", &["domain", "jose", "journey", "store", "live", "outbound"]),
    ("signin", &["app", "cas", "journey", "qr", "domain", "store", "live"]),
    ("tickets", &["app", "cas", "journey", "domain", "store", "live", "outbound"]),
    ("provider", &["app", "oidc", "journey", "jose", "domain", "store", "live", "outbound"]),
    ("letters", &[]),
    ("registry", &["app", "cas", "qr", "jose", "letters", "domain", "store", "live", "outbound"]),
    ("web", &["app", "domain", "outbound"]),
    ("web-oidc", &["web", "app", "provider", "oidc", "domain"]),
    ("web-login", &["web", "app", "signin", "journey", "domain"]),
    ("web-phone", &["web", "app", "signin", "registry", "qr", "domain"]),
    ("web-account", &["web", "app", "registry", "signin", "provider", "domain"]),
    ("web-admin", &["web", "app", "registry", "signin", "provider", "oidc", "domain"]),
    ("web-cas", &["web", "app", "tickets", "signin", "cas", "domain"]),
    ("server", EVERYTHING),
    ("demo", &["web", "phone-client"]),
    ("phone-client", &["qr", "domain"]),
    ("backing", &[]),
    ("testkit", UP_TO_WEB),
    ("bench", &["server", "testkit", "phone-client", "backing"]),
    ("latchbolt-tests", &["testkit", "backing"]),
];

const EVERYTHING: &[&str] = &[
    "domain",
    "oidc",
    "journey",
    "qr",
    "cas",
    "jose",
    "store",
    "live",
    "store-sql",
    "live-redis",
    "live-postgres",
    "outbound",
    "outbound-net",
    "app",
    "letters",
    "signin",
    "provider",
    "registry",
    "tickets",
    "web",
    "web-oidc",
    "web-login",
    "web-phone",
    "web-account",
    "web-admin",
    "web-cas",
    "demo",
    "phone-client",
];

const UP_TO_WEB: &[&str] = &[
    "domain",
    "oidc",
    "journey",
    "qr",
    "cas",
    "jose",
    "store",
    "live",
    "outbound",
    "store-sql",
    "app",
    "signin",
    "provider",
    "registry",
    "web",
    "phone-client",
    "backing",
];

/// Layer → outside crates that have no place in it; a star stands for any ending.
const FORBIDDEN: &[(&[&str], &[&str])] = &[
    (
        L0,
        &[
            "tokio",
            "actix-*",
            "sqlx",
            "redis",
            "reqwest",
            "getrandom",
            "rand",
            "rand_*",
            "fastrand",
            "chrono",
        ],
    ),
    (L3, &["actix-*", "sqlx", "redis", "reqwest"]),
    (L5, &["sqlx", "redis", "store", "live"]),
    (&["store", "live", "app", "web"], &["sqlx", "redis"]),
];

/// What reads time, environment or the outside: not in the pure crates.
const IMPURE: &[&str] = &[
    "SystemTime::now",
    "Instant::now",
    "std::env",
    "std::fs",
    "std::net::Tcp",
    "std::process",
    "std::thread",
];

/// The crates a manifest imports (not for tests): under the name of their folder.
fn imports(manifest: &str) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().unwrap();
    let mut all = Vec::new();
    collect(&manifest, &mut all);
    if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
        for target in targets.values().filter_map(toml::Value::as_table) {
            collect(target, &mut all);
        }
    }
    all
}

fn collect(table: &toml::Table, all: &mut Vec<String>) {
    for section in ["dependencies", "build-dependencies"] {
        for (name, entry) in table.get(section).and_then(toml::Value::as_table).into_iter().flatten() {
            let package = entry.get("package").and_then(toml::Value::as_str).unwrap_or(name);
            all.push(if package == "latchbolt" { "server".to_owned() } else { package.to_owned() });
        }
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

/// What is wrong with the arrows of these crates (folder or package name → manifest).
fn faults(manifests: &BTreeMap<String, String>) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, manifest) in manifests {
        let Some((_, allowed)) = ALLOWED.iter().find(|(row, _)| row == name) else {
            faults.push(format!("{name} has no row in ALLOWED"));
            continue;
        };
        for import in imports(manifest) {
            if manifests.contains_key(&import) && !allowed.contains(&import.as_str()) {
                faults.push(format!("{name} must not import {import}"));
            }
            for (layer, forbidden) in FORBIDDEN {
                if layer.contains(&name.as_str()) && forbidden.iter().any(|pattern| matches(pattern, &import))
                {
                    faults.push(format!("{name} must not use {import}"));
                }
            }
        }
    }
    faults
}

/// What a text re-exports from other crates: `pub use name::…` where the manifest imports `name`.
fn foreign_exports(path: &str, text: &str, imports: &[String]) -> Vec<String> {
    let foreign = |line: &str| {
        let name = line.trim().strip_prefix("pub use ")?.split([':', ';', ' ']).next()?.to_owned();
        imports.iter().any(|import| import.replace('-', "_") == name).then_some(name)
    };
    let lines = without_comments(product(text));
    lines.lines().filter_map(foreign).map(|name| format!("{path} passes on items of {name}")).collect()
}

fn workspace() -> BTreeMap<String, String> {
    let mut manifests: BTreeMap<String, String> = files("crates", "Cargo.toml")
        .into_iter()
        .map(|(path, text)| (crate_of(&path).to_owned(), text))
        .collect();
    let own = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    manifests.insert("latchbolt-tests".into(), own);
    manifests
}

#[test]
fn crates_import_only_what_lies_below_them() {
    let manifests = workspace();
    assert!(manifests.len() > 20, "the workspace was not found");
    assert_eq!(faults(&manifests), Vec::<String>::new());
}

#[test]
fn every_row_is_a_crate() {
    let manifests = workspace();
    for (name, allowed) in ALLOWED {
        assert!(manifests.contains_key(*name), "{name} is in ALLOWED and not in the workspace");
        for import in *allowed {
            assert!(manifests.contains_key(*import), "{name} → {import}: no such crate");
        }
    }
}

#[test]
fn pure_crates_read_no_clock_file_or_socket() {
    for (path, text) in files("crates", ".rs") {
        if !L0.contains(&crate_of(&path)) || path.ends_with("/tests.rs") || path.contains("/tests/") {
            continue;
        }
        let text = without_comments(product(&text));
        for word in IMPURE {
            assert!(!text.contains(word), "{path} uses {word}");
        }
    }
}

#[test]
fn only_web_passes_on_what_others_own() {
    let manifests = workspace();
    let mut faults = Vec::new();
    for (path, text) in files("crates", ".rs") {
        if path != "crates/web/src/lib.rs" && path.contains("/src/") {
            faults.extend(foreign_exports(&path, &text, &imports(&manifests[crate_of(&path)])));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn a_planted_fault_is_found() {
    let mut manifests = workspace();
    let upward =
        "[package]\nname = \"qr\"\n[dependencies]\nsignin.workspace = true\ntokio.workspace = true\n";
    manifests.insert("qr".into(), upward.into());
    manifests.insert("novelty".into(), "[package]\nname = \"novelty\"\n".into());
    let found = faults(&manifests);
    assert_eq!(
        found,
        ["novelty has no row in ALLOWED", "qr must not import signin", "qr must not use tokio"]
    );
    let imports = ["actix-web".to_owned()];
    assert_eq!(foreign_exports("x.rs", "pub use actix_web::web;\npub use self::a;\n", &imports).len(), 1);
}
