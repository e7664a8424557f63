//! A server that goes, comes, stands still, or is cut off.

use std::time::{Duration, Instant};

use backing::{PgOptions, Postgres, Wire};
use domain::{AuditEntry, AuditEvent, AuditFilter, Outcome};
use store::{Store as _, StoreError, Work};
use store_sql::{PgSettings, SqlStore};

use crate::given::{NOW, account, fresh, grant, kept_account, open, sql};

/// Some connections that have been used.
async fn warm(store: &SqlStore) {
    let mut units = Vec::new();
    for _ in 0..5 {
        let mut work = store.begin().await.unwrap();
        work.has_accounts().await.unwrap();
        units.push(work);
    }
    for work in units {
        work.commit().await.unwrap();
    }
}

async fn told(work: &mut dyn Work, word: &str) {
    let mut entry = AuditEntry::new(AuditEvent::AccountCreated, Outcome::Done, NOW);
    entry.detail = Some(word.into());
    work.audit(entry).await.unwrap();
}

#[tokio::test]
async fn after_a_restart_nobody_is_refused() {
    let server = Postgres::start(PgOptions::default());
    let store = open(PgSettings::new(server.url("postgres"))).await;
    let ada = kept_account(&store, "ada").await;
    for round in 0..3 {
        warm(&store).await;
        server.stop();
        server.start_again();
        // All idle connections are dead; each round begins with another kind of use.
        if round == 0 {
            assert!(store.read().await.unwrap().account(&ada.id).await.unwrap().is_some());
        }
        if round == 1 {
            store.check().await.unwrap();
        }
        let mut work = store.begin().await.unwrap();
        work.make_admin(&ada.id, NOW).await.unwrap();
        told(&mut *work, &format!("{round}")).await;
        work.commit().await.unwrap();
    }
    warm(&store).await;
    server.stop();
    server.start_again();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let mut work = store.begin().await.unwrap();
    told(&mut *work, "alone").await;
    work.commit().await.unwrap();
    let trail = store.read().await.unwrap().audit_trail(&AuditFilter::default(), 0, 9).await.unwrap();
    assert_eq!(trail.len(), 4);
}

#[tokio::test]
async fn sec_212_a_server_that_is_gone_is_said_at_once_and_missed_no_longer_than_it_is_gone() {
    let server = Postgres::start(PgOptions::default());
    let store = open(PgSettings::new(server.url("postgres"))).await;
    let ada = kept_account(&store, "ada").await;
    warm(&store).await;
    let mut in_the_middle = store.begin().await.unwrap();
    in_the_middle.spend_code(&grant(ada.id), NOW).await.unwrap();
    let mut unlooked = store.begin().await.unwrap();
    server.stop();
    let start = Instant::now();
    assert!(matches!(in_the_middle.commit().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.read().await.unwrap().account(&ada.id).await, Err(StoreError::Unavailable(_))));
    let begun = match store.begin().await {
        Ok(mut work) => work.make_admin(&ada.id, NOW).await,
        Err(why) => Err(why),
    };
    assert!(matches!(begun, Err(StoreError::Unavailable(_))));
    // Whoever does not look at what became of a statement hears it at the end.
    assert!(matches!(unlooked.make_admin(&ada.id, NOW).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(unlooked.commit().await, Err(StoreError::Unavailable(_))));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    server.start_again();
    let start = Instant::now();
    store.check().await.unwrap();
    kept_account(&store, "bob").await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(server.query("postgres", "SELECT count(*) FROM grants").unwrap(), "0");
}

#[tokio::test]
async fn sec_212_a_server_that_stands_still_is_unavailable_in_time() {
    let server = Postgres::start(PgOptions::default());
    let store = open(PgSettings::new(server.url("postgres"))).await;
    let ada = kept_account(&store, "ada").await;
    warm(&store).await;
    let mut in_the_middle = store.begin().await.unwrap();
    in_the_middle.make_admin(&ada.id, NOW).await.unwrap();
    server.pause();
    for _ in 0..2 {
        let start = Instant::now();
        let (read, unit, check) = tokio::join!(
            async { store.read().await.unwrap().account(&ada.id).await.map(drop) },
            async {
                let mut work = store.begin().await?;
                work.spend_code(&grant(ada.id), NOW).await.map(drop)
            },
            store.check(),
        );
        for outcome in [read, unit, check] {
            assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
        }
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }
    let start = Instant::now();
    let Err(StoreError::Unavailable(why)) = in_the_middle.commit().await else { panic!("it was committed") };
    assert!(why.contains("unknown"), "{why}");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    server.resume();
    let start = Instant::now();
    store.check().await.unwrap();
    kept_account(&store, "bob").await;
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_wire_that_is_cut_loses_no_more_than_the_units_on_it() {
    let server = Postgres::shared();
    let database = server.new_database();
    let wire = Wire::to(server.port());
    let store = open(PgSettings::new(server.url_at(wire.port(), database.name()))).await;
    let ada = kept_account(&store, "ada").await;
    for _ in 0..3 {
        warm(&store).await;
        let lost = grant(ada.id);
        let mut work = store.begin().await.unwrap();
        work.spend_code(&lost, NOW).await.unwrap();
        wire.cut();
        assert!(matches!(work.commit().await, Err(StoreError::Unavailable(_))));
        assert!(matches!(store.begin().await.err(), None | Some(StoreError::Unavailable(_))));
        wire.mend();
        let mut view = store.read().await.unwrap();
        assert!(view.grant(&lost.id).await.unwrap().is_none());
        let mut work = store.begin().await.unwrap();
        work.spend_code(&grant(ada.id), NOW).await.unwrap();
        work.commit().await.unwrap();
    }
    store.close().await;
}

#[tokio::test]
async fn a_connection_that_the_server_ends_is_replaced() {
    let (store, database) = fresh().await;
    let ada = kept_account(&store, "ada").await;
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'latchbolt'";
    let mut work = store.begin().await.unwrap();
    work.add_account(&account("bob")).await.unwrap();
    assert_ne!(sql(&database, end), "0");
    assert!(matches!(work.make_admin(&ada.id, NOW).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(work.commit().await, Err(StoreError::Unavailable(_))));
    assert!(store.read().await.unwrap().account_by_username("bob").await.unwrap().is_none());
    warm(&store).await;
    assert_ne!(sql(&database, end), "0");
    kept_account(&store, "bob").await;
}

#[tokio::test]
async fn a_server_that_becomes_one_that_only_reads_is_unavailable() {
    let (store, database) = fresh().await;
    let ada = kept_account(&store, "ada").await;
    let turn = |word: &str| {
        let text = format!("ALTER DATABASE {database} SET default_transaction_read_only = {word}");
        sql("postgres", &text);
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sql(&database, end);
    };
    turn("on");
    let mut work = store.begin().await.unwrap();
    assert!(matches!(work.make_admin(&ada.id, NOW).await, Err(StoreError::Unavailable(_))));
    drop(work);
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    assert!(store.read().await.unwrap().account(&ada.id).await.unwrap().is_some());
    turn("off");
    store.check().await.unwrap();
    kept_account(&store, "bob").await;
}

#[tokio::test]
async fn a_unit_given_up_in_the_middle_of_a_statement_holds_nothing() {
    use futures_util::FutureExt as _;
    let (store, _) = fresh().await;
    let ada = kept_account(&store, "ada").await;
    for _ in 0..20 {
        let mut work = store.begin().await.unwrap();
        work.make_admin(&ada.id, NOW).await.unwrap();
        if work.count_wrong_password(&ada.id).now_or_never().is_some() {
            // On a busy machine the answer may be there at once.
            continue;
        }
        assert!(matches!(work.make_admin(&ada.id, NOW).await, Err(StoreError::Unavailable(_))));
        drop(work);
        let mut work = store.begin().await.unwrap();
        work.make_admin(&ada.id, NOW).await.unwrap();
        work.commit().await.unwrap();
    }
}
