//! The audit trail while several add to it: an entry with a lower number may be seen later, and it is known from whom.

use domain::{AuditEntry, AuditEvent, Outcome};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use store::Store as _;

use crate::given::{NOW, fresh, settings};

#[tokio::test]
async fn sec_186_who_may_still_add_a_lower_number_is_known() {
    let (store, database) = fresh().await;
    let options: PgConnectOptions = settings(&database).url.parse().unwrap();
    let mut slow = options.connect().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.audit_writers().await.unwrap(), Vec::<String>::new());

    // A unit that has its number and is not committed.
    slow.execute("BEGIN").await.unwrap();
    slow.execute("INSERT INTO audit (at, event, outcome) VALUES (1, 'key.created', 'done')").await.unwrap();
    let mut work = store.begin().await.unwrap();
    work.audit(AuditEntry::new(AuditEvent::KeyRotated, Outcome::Done, NOW)).await.unwrap();
    work.commit().await.unwrap();

    let seen = view.kept_audit(0, 10).await.unwrap();
    assert_eq!(seen.iter().map(|entry| entry.number).collect::<Vec<_>>(), [2]);
    let writers = view.audit_writers().await.unwrap();
    assert_eq!(writers.len(), 1);
    // Another one that begins now has a higher number: whoever waits need not wait for it.
    let mut later = options.connect().await.unwrap();
    later.execute("BEGIN").await.unwrap();
    later.execute("INSERT INTO audit (at, event, outcome) VALUES (1, 'key.retired', 'done')").await.unwrap();
    slow.execute("COMMIT").await.unwrap();
    let left = view.audit_writers().await.unwrap();
    assert!(left.len() == 1 && !left.contains(&writers[0]), "{left:?} {writers:?}");
    let seen = view.kept_audit(0, 10).await.unwrap();
    assert_eq!(seen.iter().map(|entry| entry.number).collect::<Vec<_>>(), [1, 2]);
    later.execute("ROLLBACK").await.unwrap();
    assert_eq!(view.audit_writers().await.unwrap(), Vec::<String>::new());
    slow.close().await.unwrap();
    later.close().await.unwrap();
}
