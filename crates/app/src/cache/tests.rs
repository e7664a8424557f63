use domain::{AccountId, SessionId};

use super::*;

const LIFE: Duration = Duration::from_secs(60);

fn cache() -> Fresh<&'static str, u32> {
    Fresh::new(1000, LIFE, |_| 1)
}

fn session(number: u8) -> Change {
    Change::Session(SessionId::from_random([number; 16]))
}

fn account(number: u8) -> Change {
    Change::Account(AccountId::from_random([number; 16]))
}

#[test]
fn what_is_kept_is_found_until_one_of_its_subjects_changes() {
    let cache = cache();
    cache.keep("one", 1, vec![session(1), account(1)], cache.mark());
    cache.keep("two", 2, vec![session(2), account(1)], cache.mark());
    assert_eq!((cache.find("one"), cache.find("two")), (Some(1), Some(2)));
    cache.drop_subject(&session(1));
    assert_eq!((cache.find("one"), cache.find("two")), (None, Some(2)));
    cache.drop_subject(&account(1));
    assert_eq!(cache.find("two"), None);
    // Read again after the change it is good again.
    cache.keep("two", 3, vec![session(2), account(1)], cache.mark());
    assert_eq!(cache.find("two"), Some(3));
}

#[test]
fn sec_153_an_old_row_read_before_the_change_is_not_served_after_it() {
    let cache = cache();
    let before = cache.mark();
    cache.drop_subject(&session(1));
    cache.keep("one", 1, vec![session(1)], before);
    assert_eq!(cache.find("one"), None);
    let before = cache.mark();
    cache.drop_all();
    cache.keep("one", 1, vec![session(1)], before);
    assert_eq!(cache.find("one"), None);
    cache.keep("one", 2, vec![session(1)], cache.mark());
    assert_eq!(cache.find("one"), Some(2));
}

#[test]
fn a_value_lives_from_its_reading_and_not_from_its_keeping() {
    let cache: Fresh<&str, u32> = Fresh::new(10, Duration::from_millis(100), |_| 1);
    let mark = cache.mark();
    std::thread::sleep(Duration::from_millis(60));
    cache.keep("one", 1, Vec::new(), mark);
    assert_eq!(cache.find("one"), Some(1));
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(cache.find("one"), None);
}

#[test]
fn sec_222_a_flood_of_changes_forgets_values_and_never_changes() {
    let cache = cache();
    let before = cache.mark();
    cache.drop_subject(&session(1));
    for number in 0..=REMEMBERED {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        cache.drop_subject(&Change::Account(AccountId::from_random(bytes)));
    }
    assert!(cache.dropped.read().unwrap().len() <= REMEMBERED);
    cache.keep("one", 1, vec![session(1)], before);
    assert_eq!(cache.find("one"), None);
    cache.keep("one", 2, vec![session(1)], cache.mark());
    assert_eq!(cache.find("one"), Some(2));
}

#[test]
fn readers_and_a_writer_race_without_an_old_value() {
    // The row only rises; each rise is told after it. Whoever looks after the telling must not find less.
    let cache: Fresh<&str, u64> = Fresh::new(10, LIFE, |_| 1);
    let (row, told) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while told.load(Ordering::SeqCst) < 2000 {
                    let at_least = told.load(Ordering::SeqCst);
                    let found = cache.find("row").unwrap_or_else(|| {
                        let mark = cache.mark();
                        let value = row.load(Ordering::SeqCst);
                        std::thread::yield_now();
                        cache.keep("row", value, vec![session(1)], mark);
                        value
                    });
                    assert!(found >= at_least, "found {found} after {at_least} was told");
                }
            });
        }
        for value in 1..=2000 {
            row.store(value, Ordering::SeqCst);
            cache.drop_subject(&session(1));
            told.store(value, Ordering::SeqCst);
            std::thread::yield_now();
        }
    });
}
