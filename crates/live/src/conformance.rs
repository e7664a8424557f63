//! The meaning of the port, as tests that every adapter runs.
//!
//! An adapter's own test file is one line, which makes one test of each case; the expression gives an
//! `Arc<dyn Live>` and names what it uses by full paths: `live::conformance!(redis => crate::connect().await);`
//! Every case uses kinds and ids of its own (`tag`
//! makes them so), so one server may serve them all. Times are real and short: no adapter's clock is moved.

#![expect(clippy::expect_used, clippy::panic, reason = "tests, compiled only with the feature `conformance`")]

pub mod nodes;
pub mod outages;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::{Counted, Key, Live, Lost, Topic, Version, Word, Words};

/// Makes one test of each case.
#[macro_export]
macro_rules! conformance {
    ($name:ident => $make:expr) => {
        $crate::conformance!(@cases $name => $make;
            what_is_put_is_read
            an_id_belongs_to_its_kind
            what_is_put_again_replaces
            every_write_changes_the_version
            a_swap_needs_the_version_it_saw
            a_swap_of_nothing_is_lost
            a_swap_keeps_the_time_to_live_unless_one_is_given
            of_many_swaps_one_wins
            what_is_taken_is_gone
            of_many_takers_one_gets_it
            a_swap_and_a_take_do_not_both_win
            slots_expire
            counters_add_up_in_their_window
            a_window_begins_with_the_first_count
            no_count_is_lost_in_a_race
            reading_a_counter_counts_nothing
            a_listener_hears_what_is_said_after_it_subscribed
            all_listeners_hear_and_other_topics_do_not
            nobody_listening_is_no_failure
            a_slow_listener_learns_that_it_missed_words
            a_word_after_a_write_finds_the_write
            the_store_says_that_it_is_there
        );
    };
    (@cases $name:ident => $make:expr; $($case:ident)*) => {
        mod $name {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                $crate::conformance::$case($make).await;
            })*
        }
    };
}

const LONG: Duration = Duration::from_secs(60);
const RACERS: u64 = 64;
/// Longer than any hint takes, shorter than patience.
const SOON: Duration = Duration::from_secs(5);

/// A text that no other case and no other run uses.
fn tag(case: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let run = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_nanos();
    format!("{case}-{run:x}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn slot(case: &str) -> Key {
    Key { kind: "conformance", id: tag(case) }
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

async fn put(live: &dyn Live, key: &Key, text: &str, ttl: Duration) -> Version {
    live.put(key, bytes(text), ttl).await.expect("put")
}

async fn text(live: &dyn Live, key: &Key) -> Option<String> {
    let found = live.get(key).await.expect("get");
    found.map(|(value, _)| String::from_utf8(value.to_vec()).expect("text"))
}

async fn swap(
    live: &dyn Live,
    key: &Key,
    seen: Version,
    text: &str,
    ttl: Option<Duration>,
) -> Result<Version, Lost> {
    live.swap(key, seen, bytes(text), ttl).await.expect("swap")
}

async fn count(live: &dyn Live, key: &Key, amount: u64, window: Duration) -> Counted {
    live.count(key, amount, window).await.expect("count")
}

async fn heard(words: &mut Box<dyn Words>) -> Word {
    match tokio::time::timeout(SOON, words.next()).await {
        Ok(Some(word)) => word,
        Ok(None) => panic!("the subscription ended"),
        Err(_) => panic!("nothing was heard"),
    }
}

/// Put, then get.
pub async fn what_is_put_is_read(live: Arc<dyn Live>) {
    let key = slot("read");
    assert_eq!(text(&*live, &key).await, None);
    let version = put(&*live, &key, "one", LONG).await;
    assert_eq!(live.get(&key).await.expect("get"), Some((bytes("one"), version)));
    let binary = Bytes::from_static(&[0, 255, b'\n', 0]);
    live.put(&key, binary.clone(), LONG).await.expect("put");
    assert_eq!(live.get(&key).await.expect("get").map(|(value, _)| value), Some(binary));
}

/// Two kinds may use the same id.
pub async fn an_id_belongs_to_its_kind(live: Arc<dyn Live>) {
    let key = slot("kind");
    let other = Key { kind: "conformance-other", id: key.id.clone() };
    put(&*live, &key, "one", LONG).await;
    assert_eq!(text(&*live, &other).await, None);
    count(&*live, &key, 1, LONG).await;
    assert_eq!(text(&*live, &key).await.as_deref(), Some("one"), "counters are no slots");
    assert_eq!(live.take(&other).await.expect("take"), None);
    assert_eq!(text(&*live, &key).await.as_deref(), Some("one"));
}

/// A second put replaces the first.
pub async fn what_is_put_again_replaces(live: Arc<dyn Live>) {
    let key = slot("again");
    put(&*live, &key, "one", LONG).await;
    put(&*live, &key, "two", LONG).await;
    assert_eq!(text(&*live, &key).await.as_deref(), Some("two"));
}

/// No version comes twice, also not after the slot was taken and put anew.
pub async fn every_write_changes_the_version(live: Arc<dyn Live>) {
    let key = slot("version");
    let first = put(&*live, &key, "one", LONG).await;
    let second = put(&*live, &key, "one", LONG).await;
    let third = swap(&*live, &key, second, "one", None).await.expect("nobody else wrote");
    live.take(&key).await.expect("take");
    let fourth = put(&*live, &key, "one", LONG).await;
    let all = [first, second, third, fourth];
    for (at, version) in all.iter().enumerate() {
        assert!(!all[..at].contains(version), "{all:?}");
    }
    assert_eq!(swap(&*live, &key, first, "old", None).await, Err(Lost));
}

/// Whoever saw an older version loses and changes nothing.
pub async fn a_swap_needs_the_version_it_saw(live: Arc<dyn Live>) {
    let key = slot("swap");
    let first = put(&*live, &key, "one", LONG).await;
    let second = swap(&*live, &key, first, "two", None).await.expect("nobody else wrote");
    assert_ne!(first, second);
    assert_eq!(swap(&*live, &key, first, "three", None).await, Err(Lost));
    assert_eq!(live.get(&key).await.expect("get"), Some((bytes("two"), second)));
    assert!(swap(&*live, &key, second, "three", None).await.is_ok());
}

/// There is nothing to swap where nothing is, or no longer.
pub async fn a_swap_of_nothing_is_lost(live: Arc<dyn Live>) {
    let key = slot("nothing");
    assert_eq!(swap(&*live, &key, Version(1), "one", None).await, Err(Lost));
    assert_eq!(text(&*live, &key).await, None);
    let version = put(&*live, &key, "one", LONG).await;
    live.take(&key).await.expect("take");
    assert_eq!(swap(&*live, &key, version, "two", None).await, Err(Lost));
    assert_eq!(text(&*live, &key).await, None);
}

/// A swap does not prolong a slot's life by itself.
pub async fn a_swap_keeps_the_time_to_live_unless_one_is_given(live: Arc<dyn Live>) {
    let (short, prolonged) = (slot("keeps"), slot("given"));
    let life = Duration::from_millis(600);
    let seen = put(&*live, &short, "one", life).await;
    swap(&*live, &short, seen, "two", None).await.expect("nobody else wrote");
    let seen = put(&*live, &prolonged, "one", life).await;
    swap(&*live, &prolonged, seen, "two", Some(LONG)).await.expect("nobody else wrote");
    assert_eq!(text(&*live, &short).await.as_deref(), Some("two"));
    tokio::time::sleep(life + Duration::from_millis(200)).await;
    assert_eq!(text(&*live, &short).await, None);
    assert_eq!(text(&*live, &prolonged).await.as_deref(), Some("two"));
}

/// Of 64 swaps that saw the same version one wins.
pub async fn of_many_swaps_one_wins(live: Arc<dyn Live>) {
    let key = slot("swaps");
    let seen = put(&*live, &key, "start", LONG).await;
    let mut racers = JoinSet::new();
    for racer in 0..RACERS {
        let (live, key) = (Arc::clone(&live), key.clone());
        racers.spawn(async move {
            let won = swap(&*live, &key, seen, &racer.to_string(), None).await.is_ok();
            won.then(|| racer.to_string())
        });
    }
    let winners: Vec<String> = racers.join_all().await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(text(&*live, &key).await, winners.into_iter().next());
}

/// Taking reads and removes.
pub async fn what_is_taken_is_gone(live: Arc<dyn Live>) {
    let key = slot("take");
    assert_eq!(live.take(&key).await.expect("take"), None);
    put(&*live, &key, "one", LONG).await;
    assert_eq!(live.take(&key).await.expect("take"), Some(bytes("one")));
    assert_eq!(live.take(&key).await.expect("take"), None);
    assert_eq!(text(&*live, &key).await, None);
}

/// Of 64 takers exactly one gets it (SEC-006).
pub async fn of_many_takers_one_gets_it(live: Arc<dyn Live>) {
    let key = slot("takers");
    put(&*live, &key, "one", LONG).await;
    let mut racers = JoinSet::new();
    for _ in 0..RACERS {
        let (live, key) = (Arc::clone(&live), key.clone());
        racers.spawn(async move { live.take(&key).await.expect("take") });
    }
    let got: Vec<Bytes> = racers.join_all().await.into_iter().flatten().collect();
    assert_eq!(got, [bytes("one")]);
}

/// A swap that wins is what a later take gets; a take that wins makes every swap lose.
pub async fn a_swap_and_a_take_do_not_both_win(live: Arc<dyn Live>) {
    for round in 0..RACERS {
        let key = slot("swap-take");
        let seen = put(&*live, &key, "old", LONG).await;
        let swapper = tokio::spawn({
            let (live, key) = (Arc::clone(&live), key.clone());
            async move { swap(&*live, &key, seen, "new", None).await }
        });
        let taken = live.take(&key).await.expect("take");
        let swapped = swapper.await.expect("no panic");
        let expected = if swapped.is_ok() { "new" } else { "old" };
        assert_eq!(taken, Some(bytes(expected)), "round {round}");
        assert_eq!(text(&*live, &key).await, None, "round {round}");
    }
}

/// After its time a slot is not read, swapped or taken; put anew it lives again.
pub async fn slots_expire(live: Arc<dyn Live>) {
    let life = Duration::from_millis(400);
    let (read, swapped, taken) = (slot("expire-read"), slot("expire-swap"), slot("expire-take"));
    put(&*live, &read, "one", life).await;
    let seen = put(&*live, &swapped, "one", life).await;
    put(&*live, &taken, "one", life).await;
    assert_eq!(text(&*live, &read).await.as_deref(), Some("one"));
    tokio::time::sleep(life + Duration::from_millis(200)).await;
    assert_eq!(text(&*live, &read).await, None);
    assert_eq!(swap(&*live, &swapped, seen, "two", Some(LONG)).await, Err(Lost));
    assert_eq!(live.take(&taken).await.expect("take"), None);
    put(&*live, &read, "two", LONG).await;
    assert_eq!(text(&*live, &read).await.as_deref(), Some("two"));
}

/// Counts add up and say how long their window lasts.
pub async fn counters_add_up_in_their_window(live: Arc<dyn Live>) {
    let (one, other) = (slot("count"), slot("count"));
    assert_eq!(count(&*live, &one, 1, LONG).await.sum, 1);
    let second = count(&*live, &one, 5, LONG).await;
    assert_eq!(second.sum, 6);
    assert!(second.ends_in <= LONG && second.ends_in > LONG - SOON, "{second:?}");
    assert_eq!(count(&*live, &other, 1, LONG).await.sum, 1);
}

/// The window does not move with later counts, and a new one begins after it.
pub async fn a_window_begins_with_the_first_count(live: Arc<dyn Live>) {
    let (key, window) = (slot("window"), Duration::from_millis(800));
    assert_eq!(count(&*live, &key, 1, window).await.sum, 1);
    tokio::time::sleep(Duration::from_millis(400)).await;
    let second = count(&*live, &key, 1, window).await;
    assert_eq!(second.sum, 2);
    assert!(second.ends_in <= Duration::from_millis(400), "{second:?}");
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(count(&*live, &key, 0, window).await.sum, 0);
    let third = count(&*live, &key, 1, window).await;
    assert_eq!(third.sum, 1);
    assert!(third.ends_in > Duration::from_millis(400), "{third:?}");
}

/// 64 tasks count at once; every sum occurs once.
pub async fn no_count_is_lost_in_a_race(live: Arc<dyn Live>) {
    let key = slot("counts");
    let mut racers = JoinSet::new();
    for _ in 0..RACERS {
        let (live, key) = (Arc::clone(&live), key.clone());
        racers.spawn(async move { count(&*live, &key, 1, LONG).await.sum });
    }
    let mut sums = racers.join_all().await;
    sums.sort_unstable();
    assert_eq!(sums, (1..=RACERS).collect::<Vec<_>>());
}

/// An amount of 0 reads, and begins no window.
pub async fn reading_a_counter_counts_nothing(live: Arc<dyn Live>) {
    let key = slot("peek");
    assert_eq!(count(&*live, &key, 0, LONG).await, Counted { sum: 0, ends_in: Duration::ZERO });
    count(&*live, &key, 3, LONG).await;
    assert_eq!(count(&*live, &key, 0, LONG).await.sum, 3);
    assert_eq!(count(&*live, &key, 0, LONG).await.sum, 3);
}

/// Subscribe, then publish: the word arrives, and in order. One that was on its way already may come first.
pub async fn a_listener_hears_what_is_said_after_it_subscribed(live: Arc<dyn Live>) {
    let topic = Topic(tag("hear"));
    live.publish(&topic, "before").await.expect("publish");
    let mut words = live.subscribe(&topic).await.expect("subscribe");
    live.publish(&topic, "claimed").await.expect("publish");
    live.publish(&topic, "approved dev_1 @node").await.expect("publish");
    let first = match heard(&mut words).await {
        Word::Said(word) if word == "before" => heard(&mut words).await,
        word => word,
    };
    assert_eq!(first, Word::Said("claimed".to_owned()));
    assert_eq!(heard(&mut words).await, Word::Said("approved dev_1 @node".to_owned()));
}

/// Every listener of a topic hears, no other does, and one that leaves takes nobody along.
pub async fn all_listeners_hear_and_other_topics_do_not(live: Arc<dyn Live>) {
    let (topic, other) = (Topic(tag("all")), Topic(tag("other")));
    let mut one = live.subscribe(&topic).await.expect("subscribe");
    let mut two = live.subscribe(&topic).await.expect("subscribe");
    let mut elsewhere = live.subscribe(&other).await.expect("subscribe");
    live.publish(&topic, "first").await.expect("publish");
    assert_eq!(heard(&mut one).await, Word::Said("first".to_owned()));
    assert_eq!(heard(&mut two).await, Word::Said("first".to_owned()));
    drop(one);
    live.publish(&topic, "second").await.expect("publish");
    assert_eq!(heard(&mut two).await, Word::Said("second".to_owned()));
    live.publish(&other, "mine").await.expect("publish");
    assert_eq!(heard(&mut elsewhere).await, Word::Said("mine".to_owned()));
}

/// Talking to nobody works, also after the last listener left.
pub async fn nobody_listening_is_no_failure(live: Arc<dyn Live>) {
    let topic = Topic(tag("nobody"));
    live.publish(&topic, "anybody?").await.expect("publish");
    drop(live.subscribe(&topic).await.expect("subscribe"));
    live.publish(&topic, "anybody?").await.expect("publish");
    let mut late = live.subscribe(&topic).await.expect("subscribe");
    live.publish(&topic, "you").await.expect("publish");
    while heard(&mut late).await != Word::Said("you".to_owned()) {}
}

/// A listener that does not keep up either gets all words or is told that some are missing; it never just
/// loses them, and the last word always arrives.
pub async fn a_slow_listener_learns_that_it_missed_words(live: Arc<dyn Live>) {
    const SAID: u32 = 3000;
    let topic = Topic(tag("slow"));
    let mut words = live.subscribe(&topic).await.expect("subscribe");
    for number in 0..SAID {
        live.publish(&topic, &number.to_string()).await.expect("publish");
    }
    let last = (SAID - 1).to_string();
    let (mut next, mut missed) = (0, false);
    loop {
        match heard(&mut words).await {
            Word::Missed => missed = true,
            Word::Said(word) => {
                let number: u32 = word.parse().expect("a number");
                assert!(number == next || missed, "{next} was lost without a word");
                (next, missed) = (number + 1, false);
                if word == last {
                    break;
                }
            }
        }
    }
}

/// The slot is the truth, the word is a hint: whoever hears the word finds what was written before it.
pub async fn a_word_after_a_write_finds_the_write(live: Arc<dyn Live>) {
    let (key, topic) = (slot("truth"), Topic(tag("truth")));
    let mut words = live.subscribe(&topic).await.expect("subscribe");
    let listener = tokio::spawn({
        let (live, key) = (Arc::clone(&live), key.clone());
        async move {
            for expected in 0..50 {
                heard(&mut words).await;
                let found: u32 = text(&*live, &key).await.expect("written").parse().expect("a number");
                assert!(found >= expected, "heard of {expected}, found {found}");
            }
        }
    });
    for number in 0..50 {
        put(&*live, &key, &number.to_string(), LONG).await;
        live.publish(&topic, "written").await.expect("publish");
        // Each word is waited for by nobody, so leave the listener its turn.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    listener.await.expect("no panic");
}

/// Readiness.
pub async fn the_store_says_that_it_is_there(live: Arc<dyn Live>) {
    live.check().await.expect("check");
}
