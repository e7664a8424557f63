//! Tests of reading the configuration.

use std::path::PathBuf;

use super::*;

/// A file of the temporary folder that goes with the test.
struct Written(PathBuf);

impl Written {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("latchbolt-config-{}-{name}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}
impl Drop for Written {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn problems(name: &str, text: &str, variables: &[(&str, &str)]) -> Vec<Problem> {
    let file = Written::new(name, text);
    let variables: Vec<_> = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    load_from(Some(&file.0), &variables).err().unwrap_or_default()
}

fn config(name: &str, text: &str, variables: &[(&str, &str)]) -> Config {
    let file = Written::new(name, text);
    let variables: Vec<_> = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    load_from(Some(&file.0), &variables).unwrap()
}

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

#[test]
fn the_shipped_file_holds_exactly_the_defaults_and_names_every_key() {
    let path = repository("config/latchbolt.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        text,
        as_toml(),
        "config/latchbolt.toml: write it with `latchbolt check-config --print-reference toml`"
    );
    assert_eq!(load_from(Some(&path), &[]).unwrap().given, Given::default());
    for section in SECTIONS {
        for key in section.keys {
            assert!(!key.about.trim().is_empty(), "{}.{}", section.name, key.name);
            let named = text
                .lines()
                .any(|line| line.trim_start_matches("# ").starts_with(&format!("{} = ", key.name)));
            assert!(named, "{}.{}", section.name, key.name);
        }
    }
}

#[test]
fn the_page_of_the_book_is_the_one_the_code_makes() {
    let text = std::fs::read_to_string(repository("docs/configuration.md")).unwrap();
    assert_eq!(
        text,
        as_markdown(),
        "docs/configuration.md: write it with `latchbolt check-config --print-reference markdown`"
    );
}

#[test]
fn sec_196_a_misspelt_key_is_refused_with_its_line_and_the_nearest_key() {
    let found =
        problems("misspelt", "# hello\n[server]\nlistn = ['127.0.0.1:1']\n\n[isuer]\nurl = 'x'\n", &[]);
    let text: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(text.len(), 2, "{text:?}");
    assert!(
        text.iter().any(|t| t.contains(":3:1")
            && t.contains("`server.listn`")
            && t.contains("Did you mean `server.listen`?")),
        "{text:?}"
    );
    assert!(
        text.iter().any(|t| t.contains(":5:2") && t.contains("[isuer]") && t.contains("`[issuer]`?")),
        "{text:?}"
    );
}

#[test]
fn a_key_in_the_wrong_section_is_shown_its_own() {
    let found = problems("elsewhere", "[server]\ntrusted_proxies = []\n", &[]);
    assert_eq!(found[0].nearest.as_deref(), Some("networks.trusted_proxies"));
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_with_its_line() {
    let found = problems("kind", "[server]\nworkers = 2\nkeep_alive_seconds = 'long'\n", &[]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].key.as_deref(), Some("server.keep_alive_seconds"));
    assert!(matches!(found[0].origin, Origin::File { line: 3, .. }), "{:?}", found[0]);
    assert!(found[0].what.contains("whole number"), "{}", found[0].what);
}

#[test]
fn a_value_that_cannot_be_is_refused_with_its_line_and_all_faults_come_at_once() {
    let found =
        problems("value", "[issuer]\nurl = 'http://login.example.org'\n[live]\nurl = 'memcached:'\n", &[]);
    let lines: Vec<_> = found.iter().map(|p| p.origin.clone()).collect();
    assert!(matches!(lines[..], [Origin::File { line: 2, .. }, Origin::File { line: 4, .. }]), "{found:?}");
}

#[test]
fn what_is_not_toml_is_refused_with_its_line() {
    let found = problems("syntax", "[server]\nworkers = = 2\n", &[]);
    assert!(matches!(found[0].origin, Origin::File { line: 2, .. }), "{found:?}");
}

#[test]
fn the_environment_wins_over_the_file() {
    let config = config(
        "environment",
        "[issuer]\nurl = 'https://one.example'\n[server]\nworkers = 3\n",
        &[
            ("LATCHBOLT__ISSUER__URL", "https://two.example"),
            ("LATCHBOLT__SERVER__LISTEN", "['127.0.0.1:1', '[::1]:1']"),
            ("HOME", "/nowhere"),
        ],
    );
    assert_eq!(config.issuer, "https://two.example");
    assert_eq!(config.server.workers, 3);
    assert_eq!(config.server.listen.len(), 2);
}

#[test]
fn sec_196_a_misspelt_variable_is_refused_too() {
    for (name, value) in [
        ("LATCHBOLT__ISSUER__ULR", "https://two.example"),
        ("LATCHBOLT__NOTHING__URL", "x"),
        ("LATCHBOLT__ISSUER", "x"),
        ("LATCHBOLT__SERVER__WORKERS", "many"),
        ("LATCHBOLT__LOG__LEVEL_FILE", "/etc/hostname"),
    ] {
        let found = problems("variable", "", &[(name, value)]);
        assert!(
            matches!(&found[..], [Problem { origin: Origin::Variable(n), .. }] if n == name),
            "{name}: {found:?}"
        );
    }
}

#[test]
fn a_secret_may_stand_in_a_file_of_its_own() {
    use base64::Engine;
    let bytes: Vec<u8> = (0u8..32).map(|i| i.wrapping_mul(37).wrapping_add(129)).collect();
    let secret =
        Written::new("secret", &format!("{}\n", base64::engine::general_purpose::STANDARD.encode(&bytes)));
    let path = secret.0.to_str().unwrap();
    let config = config("secret-config", "", &[("LATCHBOLT__KEYS__WRAPPING_KEY_FILE", path)]);
    assert!(matches!(config.keys.wrapping, keys::Source::Given(key) if key.as_slice() == bytes));
}

#[test]
fn tls_and_a_plain_issuer_contradict_each_other() {
    let found = problems("tls", "[tls]\ncert_file = 'a'\nkey_file = 'b'\n", &[]);
    assert_eq!(found[0].key.as_deref(), Some("tls.cert_file"));
}

const KEY: (&str, &str) = ("LATCHBOLT__KEYS__WRAPPING_KEY", "gaVNcz3hBgMzU3eZ0uUPL1Jzk7Ta9BU2V3iYuNj4GTg=");

#[test]
fn sec_196_with_postgres_every_node_is_told_the_same_wrapping_key() {
    let text = "[database]\nurl = 'postgres://latchbolt@db/latchbolt'\n";
    let found = problems("no-key", text, &[]);
    assert_eq!(found[0].key.as_deref(), Some("keys.wrapping_key"));
    assert!(found[0].what.contains("every node needs the same wrapping key"), "{found:?}");
    let config = config("with-key", text, &[KEY]);
    assert!(matches!(config.live, live::Settings::Postgres), "live state goes into the same database");
}

#[test]
fn live_state_cannot_go_into_a_postgres_that_there_is_none_of() {
    let found = problems("live-sqlite", "\n[live]\nurl = 'postgres:'\n", &[]);
    assert_eq!(found[0].key.as_deref(), Some("live.url"));
    assert!(matches!(found[0].origin, Origin::File { line: 3, .. }), "{found:?}");
    assert!(matches!(config("live-none", "", &[]).live, live::Settings::InProcess));
}

#[test]
fn sec_193_what_check_config_prints_holds_no_password() {
    let text = "[database]\nurl = 'postgres://ada:hunter2@db/latchbolt'\n[live]\nurl = 'rediss://ada:hunter2@redis'\n";
    let config = config("printed", text, &[KEY]);
    let shown = [
        toml::to_string(&config.given).unwrap(),
        serde_json::to_string(&config.given).unwrap(),
        format!("{config:?}"),
    ];
    for text in shown {
        assert!(!text.contains("hunter2") && !text.contains(KEY.1), "{text}");
        assert!(text.contains("ada:(hidden)@"), "{text}");
    }
}

#[test]
fn a_secret_of_the_wrong_kind_is_refused_without_being_quoted() {
    let found = problems("quoted", "[live]\npassword = ['hunter2']\n", &[]);
    assert!(!found.is_empty() && !found.iter().any(|p| p.to_string().contains("hunter2")), "{found:?}");
}

#[test]
fn every_example_is_a_configuration_that_check_config_takes() {
    let folder = repository("config/examples");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // What an example leaves to the environment: the wrapping key of a cluster.
        let config = load_from(Some(&path), &[(KEY.0.to_owned(), KEY.1.to_owned())]);
        let config = config.unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        match name.as_str() {
            "one-binary.toml" | "behind-nginx.toml" => assert!(config.database.file().is_some(), "{name}"),
            "postgres.toml" => assert!(matches!(config.live, live::Settings::Postgres), "{name}"),
            "cluster.toml" => assert!(matches!(config.live, live::Settings::Redis(_)), "{name}"),
            _ => panic!("{name} is not checked here"),
        }
        if name == "behind-nginx.toml" {
            assert!(!config.networks.trusted_proxies.is_empty());
        }
        names.push(name);
    }
    names.sort();
    assert_eq!(names, ["behind-nginx.toml", "cluster.toml", "one-binary.toml", "postgres.toml"]);
}
