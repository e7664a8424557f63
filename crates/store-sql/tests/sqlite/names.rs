//! Accounts from before their names were looked at.

use domain::{PeopleFilter, PeopleOrder, PeoplePage};
use sqlx::Connection as _;
use store::conformance::given;
use store::{Store as _, StoreError};

use crate::given::{raw, store};

#[tokio::test]
async fn names_of_earlier_accounts_are_found_and_kept_apart_from_lookalikes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latchbolt.db");
    let store = store(&path).await;
    let mut grace = given::account("grace");
    grace.claims.insert("name".to_owned(), "Grace Hopper".into());
    let mut work = store.begin().await.unwrap();
    work.add_account(&grace).await.unwrap();
    for name in ["ada", "bob", "carol", "dan"] {
        work.add_account(&given::account(name)).await.unwrap();
    }
    work.commit().await.unwrap();
    // As migration 0010 leaves them; two of them look alike, which nobody had checked.
    let mut past = raw(&path).await;
    for text in [
        "UPDATE accounts SET skeleton = NULL, search = username_key WHERE username_key <> 'dan'",
        "UPDATE accounts SET username = 'b\u{43e}b2', username_key = 'b\u{43e}b2' WHERE username_key = 'carol'",
        "UPDATE accounts SET username = 'bob2', username_key = 'bob2' WHERE username_key = 'bob'",
    ] {
        sqlx::query(text).execute(&mut past).await.unwrap();
    }
    past.close().await.unwrap();
    let found = async |text: &str| {
        let filter = PeopleFilter { text: text.to_owned(), ..PeopleFilter::default() };
        let page = PeoplePage { order: PeopleOrder::Username, descending: false, after: None, limit: 10 };
        store.read().await.unwrap().people(&filter, &page).await.unwrap().len()
    };
    assert_eq!(found("hopper").await, 0);
    let mut steps = Vec::new();
    loop {
        let mut work = store.begin().await.unwrap();
        let done = work.index_names(2).await.unwrap();
        work.commit().await.unwrap();
        if done == 0 {
            break;
        }
        steps.push(done);
    }
    assert_eq!(steps, [2, 2], "in bounded steps, and each account once");
    assert_eq!(found("hopper").await, 1);
    for lookalike in ["\u{430}da", "b\u{43e}b2", "gr\u{430}ce"] {
        let mut work = store.begin().await.unwrap();
        let mut account = given::account("somebody");
        account.username = lookalike.parse().unwrap();
        let refused = work.add_account(&account).await;
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{lookalike}: {refused:?}");
    }
}
