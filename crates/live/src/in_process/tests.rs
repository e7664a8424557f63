use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::*;
use crate::{Slots, Word};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(50);

#[cfg(feature = "conformance")]
crate::conformance!(conformance => std::sync::Arc::new(crate::InProcess::default()));

// One node that is both.
#[cfg(feature = "conformance")]
crate::conformance_of_nodes!(conformance_of_nodes => {
    let live: std::sync::Arc<dyn crate::Live> = std::sync::Arc::new(crate::InProcess::default());
    (std::sync::Arc::clone(&live), live)
});

fn small() -> InProcess {
    InProcess::new(Caps { slots_per_kind: 100, counters_per_kind: 100, topics: 10 })
}

fn key(id: &impl ToString) -> Key {
    Key { kind: "test", id: id.to_string() }
}

fn value() -> Bytes {
    Bytes::from_static(b"x")
}

async fn fill(live: &InProcess, ttl: Duration) {
    for id in 0..100 {
        live.put(&key(&id), value(), ttl).await.unwrap();
    }
}

#[tokio::test]
async fn sec_222_a_full_table_refuses_the_new_and_keeps_the_old() {
    let live = small();
    fill(&live, LONG).await;
    assert!(matches!(live.put(&key(&"new"), value(), LONG).await, Err(LiveError::Full("test"))));
    for id in 0..100 {
        assert!(live.get(&key(&id)).await.unwrap().is_some(), "{id}");
    }
    // What is there may be written again; other kinds have room of their own.
    live.put(&key(&7), value(), LONG).await.unwrap();
    live.put(&Key { kind: "other", id: "new".to_owned() }, value(), LONG).await.unwrap();
    // What is taken makes room for one.
    live.take(&key(&7)).await.unwrap().unwrap();
    live.put(&key(&"new"), value(), LONG).await.unwrap();
    assert!(live.put(&key(&"newer"), value(), LONG).await.is_err());
}

#[tokio::test]
async fn sec_054_where_the_oldest_makes_room_nobody_is_refused_and_nothing_grows() {
    let live = small();
    for id in 0..1_000 {
        live.put_making_room(&key(&id), value(), LONG).await.unwrap();
        // Written again, an entry is not the oldest any more.
        live.put_making_room(&key(&0), value(), LONG + Duration::from_secs(id)).await.unwrap();
    }
    let (entries, ends) = live.slots("test").sizes();
    assert!(
        entries <= 100 && live.slots("test").len() == entries && ends <= 200 + 64 * 16,
        "{entries} {ends}"
    );
    assert!(live.get(&key(&0)).await.unwrap().is_some());
    assert!(live.get(&key(&999)).await.unwrap().is_some(), "the newest is there");
    let mut kept = 0;
    for id in 800..1_000 {
        kept += usize::from(live.get(&key(&id)).await.unwrap().is_some());
    }
    assert!(kept > 90, "the oldest went first: {kept}");
}

#[tokio::test]
async fn at_the_cap_what_has_expired_makes_room() {
    let live = small();
    fill(&live, SHORT).await;
    tokio::time::sleep(SHORT * 2).await;
    for id in 1000..1100 {
        live.put(&key(&id), value(), LONG).await.unwrap();
    }
    assert!(live.put(&key(&"one more"), value(), LONG).await.is_err());
}

#[tokio::test]
async fn sec_222_a_full_table_of_counters_forgets_no_count() {
    let live = small();
    for id in 0..100 {
        live.count(&key(&id), 3, LONG).await.unwrap();
    }
    assert!(matches!(live.count(&key(&"new"), 1, LONG).await, Err(LiveError::Full("test"))));
    for id in 0..100 {
        assert_eq!(live.count(&key(&id), 1, LONG).await.unwrap().sum, 4);
    }
    assert_eq!(live.count(&key(&"new"), 0, LONG).await.unwrap().sum, 0);
}

#[tokio::test]
async fn a_race_for_the_last_room_does_not_pass_the_cap_by_more_than_the_racers() {
    let live = Arc::new(small());
    let mut racers = JoinSet::new();
    for racer in 0..64 {
        let live = Arc::clone(&live);
        racers.spawn(async move {
            for number in 0..100 {
                let _ = live.put(&key(&format!("{racer}-{number}")), value(), LONG).await;
            }
        });
    }
    racers.join_all().await;
    let table = live.slots("test");
    assert!(table.len() >= 100 && table.len() <= 164, "{}", table.len());
}

#[tokio::test]
async fn putting_and_taking_for_long_leaves_nothing_behind() {
    let live = InProcess::default();
    for round in 0..20_000 {
        live.put(&key(&round), value(), LONG).await.unwrap();
        live.take(&key(&round)).await.unwrap().unwrap();
    }
    for _ in 0..20_000 {
        live.put(&key(&"same"), value(), LONG).await.unwrap();
    }
    let (entries, ends) = live.slots("test").sizes();
    assert_eq!(entries, 1);
    assert!(ends <= 16 * 70, "{ends}");
}

#[tokio::test]
async fn writes_clean_up_what_has_expired() {
    let live = InProcess::default();
    for id in 0..2000 {
        live.put(&key(&id), value(), SHORT).await.unwrap();
    }
    tokio::time::sleep(SHORT * 2).await;
    for id in 0..1000 {
        live.put(&key(&format!("later-{id}")), value(), LONG).await.unwrap();
    }
    assert_eq!(live.slots("test").len(), 1000);
}

#[tokio::test]
async fn sec_050_ten_thousand_listeners_wait_without_a_task_and_leave_nothing() {
    let live = InProcess::default();
    let mut waiting = Vec::new();
    for id in 0..10_000 {
        waiting.push(live.subscribe(&Topic(format!("channel:{id}"))).await.unwrap());
    }
    assert_eq!(live.topics.count(), 10_000);
    let begin = Instant::now();
    live.publish(&Topic("channel:7777".to_owned()), "claimed").await.unwrap();
    assert_eq!(waiting[7777].next().await, Some(Word::Said("claimed".to_owned())));
    assert!(begin.elapsed() < Duration::from_secs(1));
    drop(waiting);
    assert_eq!(live.topics.count(), 0);
}

#[tokio::test]
async fn topics_are_bounded_and_freed() {
    let live = small();
    let topic = |id: usize| Topic(format!("t{id}"));
    let mut all = Vec::new();
    for id in 0..10 {
        all.push(live.subscribe(&topic(id)).await.unwrap());
    }
    assert!(matches!(live.subscribe(&topic(99)).await, Err(LiveError::Full("topic"))));
    // A second listener of a topic that is there needs no room.
    let second = live.subscribe(&topic(0)).await.unwrap();
    all.clear();
    assert_eq!(live.topics.count(), 1);
    drop(second);
    assert_eq!(live.topics.count(), 0);
    assert!(live.subscribe(&topic(99)).await.is_ok());
}

#[tokio::test]
async fn a_listener_of_one_subject_that_lags_is_told() {
    let live = InProcess::default();
    let topic = Topic("channel:1".to_owned());
    let mut words = live.subscribe(&topic).await.unwrap();
    for number in 0..100 {
        live.publish(&topic, &number.to_string()).await.unwrap();
    }
    assert_eq!(words.next().await, Some(Word::Missed));
    assert_eq!(words.next().await, Some(Word::Said("92".to_owned())));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Note(String);
struct Notes;
impl crate::Slot for Notes {
    const KIND: &'static str = "note";
    const TTL: Duration = LONG;
    type Value = Note;
}

#[tokio::test]
async fn a_typed_slot_keeps_its_value_and_names_a_corrupt_one() {
    let live: Arc<dyn Live> = Arc::new(InProcess::default());
    let notes = Slots::<Notes>::of(&live);
    assert!(notes.get("a").await.unwrap().is_none());
    notes.put("a", &Note("one".to_owned())).await.unwrap();
    let (note, version) = notes.get("a").await.unwrap().unwrap();
    assert_eq!(note, Note("one".to_owned()));
    notes.swap("a", version, &Note("two".to_owned())).await.unwrap().unwrap();
    assert_eq!(notes.swap("a", version, &Note("three".to_owned())).await.unwrap(), Err(Lost));
    assert_eq!(notes.take("a").await.unwrap(), Some(Note("two".to_owned())));
    live.put(&Key { kind: "note", id: "b".to_owned() }, value(), LONG).await.unwrap();
    assert!(matches!(notes.get("b").await, Err(LiveError::Corrupt("note"))));
}
