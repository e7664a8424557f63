//! What is wrong at the start is said in one sentence that names the setting.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use backing::{Postgres, free_port};
use live::Live;
use live_postgres::{PostgresLive, Settings};

use crate::{LONG, key, refused};

#[tokio::test]
async fn nobody_there_and_nobody_answering() {
    let sentence = refused(Settings::new(format!("postgres://u@127.0.0.1:{}/d", free_port()))).await;
    assert!(sentence.starts_with("database.url: PostgreSQL at 127.0.0.1:"), "{sentence}");
    let silent = TcpListener::bind("127.0.0.1:0").expect("bound");
    let since = Instant::now();
    let url = format!("postgres://u:hush@{}/d", silent.local_addr().expect("an address"));
    assert!(refused(Settings::new(url)).await.contains("does not answer"));
    assert!(since.elapsed() < Duration::from_secs(5));
    assert!(refused(Settings::new("not an address:hush")).await.starts_with("database.url is no address"));
}

#[tokio::test]
async fn a_wrong_password_and_a_database_that_is_not_there() {
    let server = Postgres::shared();
    let mut settings = Settings::new(server.url("postgres"));
    settings.password = Some("hush".to_owned());
    let sentence = refused(settings).await;
    assert!(sentence.starts_with("database.password") && sentence.contains("`latchbolt`"), "{sentence}");
    let mut settings =
        Settings::new(format!("postgres://{}@127.0.0.1:{}/postgres", server.user(), server.port()));
    settings.password = Some(server.password().to_owned());
    PostgresLive::connect(settings).await.expect("connected");
    assert!(refused(Settings::new(server.url("nowhere"))).await.contains("no database `nowhere`"));
}

/// A role without the right to make tables is refused, and let in when somebody else has made them.
#[tokio::test]
async fn a_role_without_rights() {
    let server = Postgres::shared();
    let database = server.new_database();
    let role = format!("r{}", database.name());
    database.query(&format!("CREATE ROLE {role} LOGIN PASSWORD 'hush'")).expect("made");
    database.query("REVOKE CREATE ON SCHEMA public FROM PUBLIC").expect("revoked");
    let url = format!("postgres://{role}:hush@127.0.0.1:{}/{}", server.port(), database.name());
    let sentence = refused(Settings::new(&url)).await;
    assert!(sentence.contains("may not make its tables"), "{sentence}");
    let owner = Settings::new(database.url());
    assert!(!live_postgres::is_migrated(&owner).await.expect("asked"));
    assert!(live_postgres::migrate(&owner).await.expect("made"));
    assert!(!live_postgres::migrate(&owner).await.expect("there"), "made once");
    assert!(live_postgres::is_migrated(&owner).await.expect("asked"));
    let sentence = refused(Settings::new(&url)).await;
    assert!(sentence.contains("may not read and write live_slots"), "{sentence}");
    database
        .query(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON live_slots, live_counters TO {role}"))
        .expect("granted");
    let live = PostgresLive::connect(Settings::new(&url)).await.expect("connected");
    live.put(&key("granted"), "x".into(), LONG).await.expect("put");
    drop(live);
    database.query(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).expect("dropped");
}

#[tokio::test]
async fn a_database_that_only_reads_or_has_another_encoding() {
    let server = Postgres::shared();
    let database = server.new_database();
    let only = format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name());
    server.query("postgres", &only).expect("set");
    assert!(refused(Settings::new(database.url())).await.contains("only reads"));
    let name = format!("{}_latin", database.name());
    let make = format!("CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
    server.query("postgres", &make).expect("made");
    assert!(refused(Settings::new(server.url(&name))).await.contains("SQL_ASCII"));
    server.query("postgres", &format!("DROP DATABASE {name}")).expect("dropped");
}
