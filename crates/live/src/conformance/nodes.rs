//! What holds between two nodes: two handles on one live store, each with connections of its own.
//!
//! An adapter's test file makes one test of each case by
//! `live::conformance_of_nodes!(redis_nodes => (crate::connect().await, crate::connect().await));`

use super::*;

/// Makes one test of each case; the expression gives two `Arc<dyn Live>`.
#[macro_export]
macro_rules! conformance_of_nodes {
    ($name:ident => $make:expr) => {
        $crate::conformance_of_nodes!(@cases $name => $make;
            what_one_node_puts_another_reads
            a_word_of_one_node_is_heard_on_the_other_and_at_home
            of_many_takers_on_two_nodes_one_gets_it
            of_many_swaps_on_two_nodes_one_wins
            swaps_that_retry_on_two_nodes_lose_nothing
            versions_of_two_nodes_never_meet
            versions_grow_with_each_swap
            no_count_is_lost_between_nodes
            a_word_of_another_node_finds_its_write
            words_of_one_node_come_in_order
            a_window_ends_for_both_nodes
        );
    };
    (@cases $name:ident => $make:expr; $($case:ident)*) => {
        mod $name {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                let (one, other) = $make;
                $crate::conformance::nodes::$case(one, other).await;
            })*
        }
    };
}

type Node = Arc<dyn Live>;

/// Both see the same slots, and each may write over what the other wrote.
pub async fn what_one_node_puts_another_reads(one: Node, other: Node) {
    let key = slot("shared");
    let version = put(&*one, &key, "one", LONG).await;
    assert_eq!(other.get(&key).await.expect("get"), Some((bytes("one"), version)));
    let version = swap(&*other, &key, version, "two", None).await.expect("nobody else wrote");
    assert_eq!(one.get(&key).await.expect("get"), Some((bytes("two"), version)));
    put(&*other, &key, "three", LONG).await;
    assert_eq!(swap(&*one, &key, version, "four", None).await, Err(Lost));
    assert_eq!(one.take(&key).await.expect("take"), Some(bytes("three")));
    assert_eq!(text(&*other, &key).await, None);
}

/// Words travel both ways, and once each.
pub async fn a_word_of_one_node_is_heard_on_the_other_and_at_home(one: Node, other: Node) {
    let topic = Topic(tag("nodes"));
    let mut at_one = one.subscribe(&topic).await.expect("subscribe");
    let mut at_other = other.subscribe(&topic).await.expect("subscribe");
    for (from, word) in [(&one, "of one"), (&other, "of the other"), (&one, "lines\nand ünïcode")] {
        from.publish(&topic, word).await.expect("publish");
        assert_eq!(heard(&mut at_one).await, Word::Said(word.to_owned()));
        assert_eq!(heard(&mut at_other).await, Word::Said(word.to_owned()));
    }
}

/// Of 64 takers on two nodes exactly one gets it (SEC-006).
pub async fn of_many_takers_on_two_nodes_one_gets_it(one: Node, other: Node) {
    for _ in 0..8 {
        let key = slot("takers");
        put(&*one, &key, "one", LONG).await;
        let mut racers = JoinSet::new();
        for racer in 0..RACERS {
            let (live, key) = (node(&one, &other, racer), key.clone());
            racers.spawn(async move { live.take(&key).await.expect("take") });
        }
        let got: Vec<Bytes> = racers.join_all().await.into_iter().flatten().collect();
        assert_eq!(got, [bytes("one")]);
    }
}

/// Of 64 swaps on two nodes that saw the same version one wins.
pub async fn of_many_swaps_on_two_nodes_one_wins(one: Node, other: Node) {
    for _ in 0..8 {
        let key = slot("swaps");
        let seen = put(&*other, &key, "start", LONG).await;
        let mut racers = JoinSet::new();
        for racer in 0..RACERS {
            let (live, key) = (node(&one, &other, racer), key.clone());
            racers.spawn(async move {
                let won = swap(&*live, &key, seen, &racer.to_string(), None).await.is_ok();
                won.then(|| racer.to_string())
            });
        }
        let winners: Vec<String> = racers.join_all().await.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert_eq!(text(&*one, &key).await, winners.into_iter().next());
    }
}

/// Reading, adding one and swapping until it succeeds adds up, whoever does it.
pub async fn swaps_that_retry_on_two_nodes_lose_nothing(one: Node, other: Node) {
    const EACH: u64 = 20;
    const TASKS: u64 = 8;
    let key = slot("adding");
    put(&*one, &key, "0", LONG).await;
    let mut racers = JoinSet::new();
    for racer in 0..TASKS {
        let (live, key) = (node(&one, &other, racer), key.clone());
        racers.spawn(async move {
            for _ in 0..EACH {
                loop {
                    let (value, seen) = live.get(&key).await.expect("get").expect("there");
                    let sum: u64 = std::str::from_utf8(&value).expect("text").parse().expect("a number");
                    if swap(&*live, &key, seen, &(sum + 1).to_string(), None).await.is_ok() {
                        break;
                    }
                }
            }
        });
    }
    racers.join_all().await;
    assert_eq!(text(&*other, &key).await, Some((EACH * TASKS).to_string()));
}

/// No version comes twice, whichever node wrote and however fast.
pub async fn versions_of_two_nodes_never_meet(one: Node, other: Node) {
    let key = slot("unique");
    let mut writers = JoinSet::new();
    for writer in 0..16 {
        let (live, key) = (node(&one, &other, writer), key.clone());
        writers.spawn(async move {
            let mut versions = Vec::new();
            for _ in 0..50 {
                versions.push(put(&*live, &key, "x", LONG).await.0);
            }
            versions
        });
    }
    let mut versions: Vec<u64> = writers.join_all().await.into_iter().flatten().collect();
    let all = versions.len();
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), all);
}

/// A later state has the higher number, also when nodes take turns.
pub async fn versions_grow_with_each_swap(one: Node, other: Node) {
    let key = slot("grows");
    let mut seen = put(&*one, &key, "start", LONG).await;
    for turn in 0..200 {
        let live = node(&one, &other, turn);
        let next = swap(&*live, &key, seen, "next", None).await.expect("nobody else wrote");
        assert!(next.0 > seen.0, "{next:?} after {seen:?}");
        seen = next;
    }
}

/// 64 tasks on two nodes count at once; every sum occurs once.
pub async fn no_count_is_lost_between_nodes(one: Node, other: Node) {
    let key = slot("counts");
    let mut racers = JoinSet::new();
    for racer in 0..RACERS {
        let (live, key) = (node(&one, &other, racer), key.clone());
        racers.spawn(async move { count(&*live, &key, 1, LONG).await.sum });
    }
    let mut sums = racers.join_all().await;
    sums.sort_unstable();
    assert_eq!(sums, (1..=RACERS).collect::<Vec<_>>());
    assert_eq!(count(&*other, &key, 0, LONG).await.sum, RACERS);
}

/// Whoever hears of another node's write finds it.
pub async fn a_word_of_another_node_finds_its_write(one: Node, other: Node) {
    let (key, topic) = (slot("truth"), Topic(tag("truth")));
    let mut words = other.subscribe(&topic).await.expect("subscribe");
    for number in 0..200 {
        let expected = number.to_string();
        put(&*one, &key, &expected, LONG).await;
        one.publish(&topic, &expected).await.expect("publish");
        assert_eq!(heard(&mut words).await, Word::Said(expected.clone()));
        assert_eq!(text(&*other, &key).await, Some(expected));
    }
}

/// Of one node's words none overtakes another.
pub async fn words_of_one_node_come_in_order(one: Node, other: Node) {
    let topic = Topic(tag("order"));
    let mut words = other.subscribe(&topic).await.expect("subscribe");
    for round in 0..50 {
        for word in 0..4 {
            one.publish(&topic, &format!("{round} {word}")).await.expect("publish");
        }
        for word in 0..4 {
            assert_eq!(heard(&mut words).await, Word::Said(format!("{round} {word}")));
        }
    }
}

/// A window that one node began ends for the other at the same time.
pub async fn a_window_ends_for_both_nodes(one: Node, other: Node) {
    let (key, window) = (slot("window"), Duration::from_millis(600));
    assert_eq!(count(&*one, &key, 1, window).await.sum, 1);
    let second = count(&*other, &key, 1, Duration::from_secs(60)).await;
    assert_eq!(second.sum, 2);
    assert!(second.ends_in <= window, "{second:?}");
    tokio::time::sleep(window + Duration::from_millis(200)).await;
    assert_eq!(count(&*other, &key, 1, window).await.sum, 1);
}

fn node(one: &Node, other: &Node, number: u64) -> Node {
    Arc::clone(if number.is_multiple_of(2) { one } else { other })
}
