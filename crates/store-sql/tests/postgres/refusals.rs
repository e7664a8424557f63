//! What is wrong with a server or a database is found at start and said in one sentence, with the setting to
//! change.

use std::time::{Duration, Instant};

use backing::{PgOptions, Postgres, Wire, free_port};
use store::StoreError;
use store_sql::{PgSettings, Settings, SqlStore};

use crate::given::{database, settings, sql};

/// The sentence, which names no secret.
async fn refused(settings: PgSettings) -> String {
    let start = Instant::now();
    let Err(StoreError::Unavailable(why)) = SqlStore::open(Settings::postgres(settings)).await else {
        panic!("it was opened")
    };
    assert!(start.elapsed() < Duration::from_secs(7), "{:?}", start.elapsed());
    assert!(!why.contains(Postgres::shared().password()) && !why.contains('\n'), "{why}");
    why
}

fn says(why: &str, words: &[&str]) {
    for word in words {
        assert!(why.contains(word), "{word} is not in: {why}");
    }
}

#[tokio::test]
async fn an_address_that_is_none() {
    says(&refused(PgSettings::new("postgres//nowhere")).await, &["database.url"]);
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let url = format!("postgres://latchbolt:only-for-tests@127.0.0.1:{}/latchbolt", free_port());
    says(&refused(PgSettings::new(url)).await, &["cannot be reached", "127.0.0.1", "database.url"]);
    let url = "postgres://latchbolt:only-for-tests@no-such-host.invalid/latchbolt";
    says(&refused(PgSettings::new(url)).await, &["no-such-host.invalid", "database.url"]);
}

#[tokio::test]
async fn a_server_that_does_not_answer() {
    let wire = Wire::to(Postgres::shared().port());
    wire.stall();
    let url = Postgres::shared().url_at(wire.port(), "postgres");
    says(&refused(PgSettings::new(url)).await, &["does not answer", "database.url"]);
}

#[tokio::test]
async fn a_wrong_password_or_user() {
    let mut wrong = settings("postgres");
    wrong.password = Some("guessed".into());
    says(&refused(wrong).await, &["user latchbolt", "database.password"]);
    let url = Postgres::shared().url("postgres").replace("latchbolt:", "nobody:");
    says(&refused(PgSettings::new(url)).await, &["user nobody", "database.password"]);
}

#[tokio::test]
async fn the_password_of_the_settings_is_used() {
    let database = database();
    let mut right = settings(&database);
    right.url = right.url.replace(":only-for-tests@", "@");
    right.password = Some(Postgres::shared().password().into());
    SqlStore::open(Settings::postgres(right)).await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_not_there() {
    says(&refused(settings("nothing_here")).await, &["no database nothing_here", "database.url"]);
}

#[tokio::test]
async fn an_encoding_that_does_not_know_letters() {
    sql("postgres", "CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'");
    says(&refused(settings("ascii")).await, &["SQL_ASCII", "UTF8", "database.url"]);
}

#[tokio::test]
async fn a_database_that_only_reads() {
    let database = database();
    sql("postgres", &format!("ALTER DATABASE {database} SET default_transaction_read_only = on"));
    says(&refused(settings(&database)).await, &["only reads", "default_transaction_read_only"]);
}

#[tokio::test]
async fn a_standby() {
    let server = Postgres::start(PgOptions::default());
    let folder = server.query("postgres", "SHOW data_directory").unwrap();
    server.stop();
    std::fs::write(format!("{folder}/standby.signal"), "").unwrap();
    server.start_again();
    says(&refused(PgSettings::new(server.url("postgres"))).await, &["standby", "primary", "database.url"]);
}

#[tokio::test]
async fn a_server_that_is_too_old() {
    let version = sql("postgres", "SHOW server_version");
    let major = version.split('.').next().unwrap();
    let (truth, lie) = (format!("server_version\0{major}."), "server_version\x0013.".to_owned());
    let wire = Wire::lying(Postgres::shared().port(), &[(&truth, &lie)]);
    let url = Postgres::shared().url_at(wire.port(), "postgres");
    says(&refused(PgSettings::new(url)).await, &["version 13", "14 or newer", "database.url"]);
}

#[tokio::test]
async fn tls_that_the_server_does_not_speak() {
    let mut encrypted = settings("postgres");
    encrypted.url.push_str("?sslmode=verify-full");
    says(&refused(encrypted).await, &["TLS", "sslmode"]);
}
