//! The suite of the port, and what is PostgreSQL's own.

use std::sync::OnceLock;
use std::time::Duration;

use backing::Postgres;
use live::{Live, LiveError};

use crate::{LONG, any, key, node, topic};

fn url() -> String {
    static NAME: OnceLock<String> = OnceLock::new();
    let server = Postgres::shared();
    server.url(NAME.get_or_init(|| server.new_database().keep()))
}

live::conformance!(postgres => crate::any(&super::url()).await);
live::conformance_of_nodes!(postgres_of_nodes => (crate::any(&super::url()).await, crate::any(&super::url()).await));

/// Nodes that start together on an empty database make the tables once and all come up.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_start_together_make_the_tables_once() {
    let database = Postgres::shared().new_database();
    let starts: Vec<_> = (0..8).map(|_| tokio::spawn(start(database.url()))).collect();
    for start in starts {
        start.await.expect("no panic").check().await.expect("check");
    }
    let unlogged = "SELECT count(*) FROM pg_class WHERE relname IN ('live_slots', 'live_counters')
        AND relpersistence = 'u'";
    assert_eq!(database.query(unlogged).expect("asked").trim(), "2");
}

async fn start(url: String) -> std::sync::Arc<dyn Live> {
    any(&url).await
}

/// What has ended goes, what lives stays, however much it is.
#[tokio::test]
async fn what_has_ended_is_swept() {
    let database = Postgres::shared().new_database();
    let live = node(&database.url()).await;
    let kept = key("kept");
    live.put(&kept, "x".into(), LONG).await.expect("put");
    live.count(&kept, 1, LONG).await.expect("count");
    live.count(&key("ended"), 1, Duration::from_millis(1)).await.expect("count");
    let many = "INSERT INTO live_slots SELECT 'test', 'ended-' || n, '', 1, now() - INTERVAL '1 second'
        FROM generate_series(1, 12000) AS n";
    database.query(many).expect("inserted");
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(live.sweep().await.expect("sweep"), 12_001);
    assert_eq!(live.sweep().await.expect("sweep"), 0);
    assert!(live.get(&kept).await.expect("get").is_some());
    assert_eq!(live.count(&kept, 0, LONG).await.expect("count").sum, 1);
}

#[tokio::test]
async fn a_word_that_notify_cannot_carry_is_an_error_and_the_longest_is_heard() {
    let live = node(&url()).await;
    let topic = topic("long");
    let mut words = live.subscribe(&topic).await.expect("subscribe");
    let longest = "x".repeat(7_999 - 1 - topic.0.len());
    live.publish(&topic, &longest).await.expect("publish");
    assert_eq!(words.next().await, Some(live::Word::Said(longest.clone())));
    let too_long = format!("{longest}x");
    assert!(matches!(live.publish(&topic, &too_long).await, Err(LiveError::Unavailable(_))));
}

/// A put over what another node wrote has a higher version, whatever the clocks say.
#[tokio::test]
async fn versions_grow_over_what_a_clock_ahead_has_written() {
    let database = Postgres::shared().new_database();
    let live = node(&database.url()).await;
    let key = key("ahead");
    live.put(&key, "x".into(), LONG).await.expect("put");
    database.query("UPDATE live_slots SET version = 9000000000000000000").expect("updated");
    let version = live.put(&key, "y".into(), LONG).await.expect("put");
    assert_eq!(version.0, 9_000_000_000_000_000_001);
    let swapped = live.swap(&key, version, "z".into(), None).await.expect("swap").expect("won");
    assert!(swapped.0 > version.0);
}

/// A caller that goes away in the middle of an operation leaves no connection behind that answers the wrong
/// question.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_that_go_away_do_no_harm() {
    let live = node(&url()).await;
    let keys: Vec<_> = (0..8).map(|number| key(&format!("away-{number}"))).collect();
    for key in &keys {
        live.put(key, key.id.clone().into(), LONG).await.expect("put");
    }
    for round in 0..40_u64 {
        let patience = Duration::from_micros(50 * round);
        let _ = tokio::time::timeout(patience, live.get(&keys[0])).await;
        for key in &keys {
            let (value, _) = live.get(key).await.expect("get").expect("there");
            assert_eq!(value, key.id.as_bytes());
        }
    }
}

/// A flood of what may be started again is cut back, oldest first, and nothing else goes (SEC-222).
#[tokio::test]
async fn sec_222_a_flood_of_starts_is_cut_back() {
    let database = Postgres::shared().new_database();
    let mut wanted = live_postgres::Settings::new(database.url());
    wanted.slots_per_kind = 20;
    let live = live_postgres::PostgresLive::connect(wanted).await.expect("connected");
    let key = |kind, number: u32| live::Key { kind, id: number.to_string() };
    let value = || "x".into();
    for number in 0..50 {
        let life = Duration::from_secs(100 + u64::from(number));
        live.put_making_room(&key("start", number), value(), life).await.expect("put");
        live.put(&key("mark", number), value(), life).await.expect("put");
    }
    assert_eq!(live.sweep().await.expect("sweep"), 30);
    for number in 0..50 {
        let kept = live.get(&key("start", number)).await.expect("get").is_some();
        assert_eq!(kept, number >= 30, "{number}");
        assert!(live.get(&key("mark", number)).await.expect("get").is_some(), "{number}");
    }
    assert_eq!(live.sweep().await.expect("sweep"), 0);
}
