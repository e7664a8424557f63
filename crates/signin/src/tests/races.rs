//! Many at once, and waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use app::journeys::JourneySlot;
use app::{Limits, Refusal};
use domain::{Outcome, PasswordHash, SessionEnd};
use secrecy::SecretString;
use store::Store as _;

use super::actors::tally;
use super::world::{PASSWORD, free_world, world, world_over};
use crate::phone::Channels;
use crate::tries::MOST_UNDER_WAY;
use crate::{Decided, Settings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_006_an_approval_gives_one_session_however_often_it_is_redeemed() {
    let world = Arc::new(free_world().await);
    let ada = world.account("ada").await;
    let phone = world.phone(&ada).await;
    let browser = Arc::new(world.browser());
    let id = world.journey(&browser).await;
    let held = world.approved(&browser, &id, &phone).await;
    let visitor = browser.visitor();
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (world, visitor) = (Arc::clone(&world), visitor.clone());
            tokio::spawn(async move { world.signin.phone_redeem(&id, &visitor).await.is_ok() })
        })
        .collect();
    let mut redeemed = 0;
    for task in tasks {
        redeemed += u32::from(task.await.unwrap());
    }
    assert_eq!(redeemed, 1);
    assert_eq!(tally(world.events().await)["session.started"], 1);
    assert!(phone.claim(&world, &held.channel).await.is_err());
    assert_eq!(phone.deny(&world, &held).await, Err(Refusal::Gone));
}

#[tokio::test]
async fn sec_006_a_channel_that_a_live_store_brings_back_gives_no_second_session() {
    let world = world().await;
    let ada = world.account("ada").await;
    let phone = world.phone(&ada).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    world.approved(&browser, &id, &phone).await;
    // What a replica knew before the redeem, in place again afterwards.
    let (journeys, channels) = (world.app.slots::<JourneySlot>(), world.app.slots::<Channels>());
    let (journey, _) = journeys.get(&id.to_string()).await.unwrap().unwrap();
    let handle = journey.channel.clone().unwrap();
    let (channel, _) = channels.get(&handle).await.unwrap().unwrap();
    let visitor = browser.visitor();
    world.signin.phone_redeem(&id, &visitor).await.unwrap();
    journeys.put(&id.to_string(), &journey).await.unwrap();
    channels.put(&handle, &channel).await.unwrap();

    assert_eq!(world.signin.phone_redeem(&id, &visitor).await.err(), Some(Refusal::Gone));
    assert_eq!(tally(world.events().await)["session.started"], 1);
    let last = world.trail().await.pop().unwrap();
    assert_eq!((last.outcome, last.detail.as_deref()), (Outcome::Refused, Some("over before")));
}

#[tokio::test]
async fn sec_037_a_denial_that_a_live_store_forgets_still_holds() {
    let world = world().await;
    let ada = world.account("ada").await;
    let phone = world.phone(&ada).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let held = world.approved(&browser, &id, &phone).await;
    let channels = world.app.slots::<Channels>();
    let (journey, _) = world.app.slots::<JourneySlot>().get(&id.to_string()).await.unwrap().unwrap();
    let handle = journey.channel.unwrap();
    let (approved, _) = channels.get(&handle).await.unwrap().unwrap();
    assert_eq!(phone.deny(&world, &held).await, Ok(Decided::Done));
    // What a replica knew before the denial, in place again.
    channels.put(&handle, &approved).await.unwrap();

    let redeemed = world.signin.phone_redeem(&id, &browser.visitor()).await;
    assert_eq!(redeemed.err(), Some(Refusal::Gone));
    assert!(!tally(world.events().await).contains_key("session.started"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_021_of_two_phones_that_scan_at_once_one_has_it() {
    let world = Arc::new(free_world().await);
    let ada = world.account("ada").await;
    let one = Arc::new(world.phone(&ada).await);
    let other = Arc::new(world.phone(&ada).await);
    for _ in 0..100 {
        let browser = world.browser();
        let id = world.journey(&browser).await;
        let opened = world.signin.phone_open(&id, &browser.visitor()).await.unwrap();
        let scan = |phone: &Arc<super::actors::Phone>| {
            let (world, phone, opened) = (Arc::clone(&world), Arc::clone(phone), opened.clone());
            tokio::spawn(async move { phone.scan(&world, &opened).await })
        };
        let (first, second) = (scan(&one), scan(&other));
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        assert_eq!(u32::from(first.is_ok()) + u32::from(second.is_ok()), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_037_never_a_session_after_an_acknowledged_denial() {
    let world = Arc::new(free_world().await);
    let ada = world.account("ada").await;
    let phone = Arc::new(world.phone(&ada).await);
    for _ in 0..100 {
        let browser = world.browser();
        let id = world.journey(&browser).await;
        let held = world.approved(&browser, &id, &phone).await;
        let deny = {
            let (world, phone, held) = (Arc::clone(&world), Arc::clone(&phone), held.clone());
            tokio::spawn(async move { phone.deny(&world, &held).await })
        };
        let redeem = {
            let (world, visitor) = (Arc::clone(&world), browser.visitor());
            tokio::spawn(async move { world.signin.phone_redeem(&id, &visitor).await })
        };
        let (denied, redeemed) = (deny.await.unwrap(), redeem.await.unwrap());
        assert!(denied != Ok(Decided::Done) || redeemed.is_err(), "{denied:?} {redeemed:?}");
        assert!(denied.is_ok() || redeemed.is_ok(), "{denied:?} {redeemed:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_008_starts_at_once_share_nothing() {
    let world = Arc::new(free_world().await);
    let tasks: Vec<_> = (0..300)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let browser = world.browser();
                let id = world.journey(&browser).await;
                world.signin.phone_open(&id, &browser.visitor()).await.unwrap().url
            })
        })
        .collect();
    let mut urls = std::collections::HashSet::new();
    for task in tasks {
        assert!(urls.insert(task.await.unwrap()));
    }
}

#[tokio::test]
async fn a_waiting_browser_hears_every_change_and_nothing_else() {
    let world = world().await;
    let phone = world.phone(&world.account("ada").await).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let mut watch = world.signin.phone_watch(&id, &browser.visitor()).await.unwrap();
    assert_eq!(watch.next().await.unwrap().state, "expired", "nothing is opened yet");
    let opened = world.signin.phone_open(&id, &browser.visitor()).await.unwrap();
    assert_eq!(watch.next().await.unwrap().state, "waiting");
    let held = phone.scan(&world, &opened).await.unwrap();
    let word = watch.next().await.unwrap();
    assert_eq!((word.state, word.expires_in), ("claimed", 120));
    let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
    phone.approve(&world, &held, code.text()).await.unwrap();
    assert_eq!(watch.next().await.unwrap().state, "approved");
    world.redeem(&browser, &id).await.unwrap();
    assert_eq!(watch.next().await, None, "the journey is over");
}

#[tokio::test]
async fn a_listener_that_comes_late_reads_the_state_first() {
    let world = world().await;
    let phone = world.phone(&world.account("ada").await).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    world.scanned(&browser, &id, &phone).await;
    let mut watch = world.signin.phone_watch(&id, &browser.visitor()).await.unwrap();
    assert_eq!(watch.next().await.unwrap().state, "claimed");
}

#[tokio::test]
async fn an_end_by_time_is_told() {
    let world = world().await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    world.signin.phone_open(&id, &browser.visitor()).await.unwrap();
    let mut watch = world.signin.phone_watch(&id, &browser.visitor()).await.unwrap();
    assert_eq!(watch.next().await.unwrap().state, "waiting");
    // One tenth of a second before its end, by the clock of this world.
    world.clock.advance(Duration::from_millis(299_900));
    world.signin.say(&id, qr::State::Waiting).await;
    let waiting = tokio::spawn(async move { watch.next().await });
    tokio::time::sleep(Duration::from_millis(30)).await;
    world.wait(1);
    let word = tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
    assert_eq!(word.unwrap().state, "expired");
}

#[tokio::test]
async fn sec_051_a_channel_has_two_listeners() {
    let world = world().await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let watch = async || world.signin.phone_watch(&id, &browser.visitor()).await;
    let first = watch().await.unwrap();
    let _second = watch().await.unwrap();
    assert!(matches!(watch().await, Err(Refusal::TooMany { .. })));
    drop(first);
    assert!(watch().await.is_ok());
}

#[tokio::test]
async fn sec_057_hasty_polling_is_told_to_slow_down_and_then_refused_for_longer() {
    let world = world().await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let poll = async || world.signin.phone_state(&id, &browser.visitor()).await;
    let mut refused = Vec::new();
    for _ in 0..300 {
        if let Err(Refusal::TooMany { retry_after }) = poll().await {
            refused.push(retry_after);
        }
    }
    assert_eq!(refused.len(), 260);
    assert!(refused[0] <= Duration::from_secs(20));
    assert!(*refused.last().unwrap() > Duration::from_secs(60));
}

#[tokio::test]
async fn sec_057_whoever_knows_a_journey_s_id_cannot_use_its_polls_up() {
    let world = world().await;
    let (browser, other) = (world.browser(), world.browser());
    let id = world.journey(&browser).await;
    for _ in 0..300 {
        assert_eq!(world.signin.phone_state(&id, &other.visitor()).await, Err(Refusal::Gone));
    }
    assert!(world.signin.phone_state(&id, &browser.visitor()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_153_a_new_password_ends_what_the_old_one_begins_meanwhile() {
    let world = Arc::new(free_world().await);
    let new = world.app.hashing().hash(&SecretString::from("a new password")).await.unwrap();
    let (mut in_time, mut too_late) = (0, 0);
    for round in 0..60 {
        let name = format!("ada-{round}");
        let ada = world.account(&name).await;
        let signing_in = {
            let (world, name) = (Arc::clone(&world), name.clone());
            tokio::spawn(async move { world.password(&world.browser(), &name, PASSWORD).await })
        };
        // Sooner and later within the time that a hash takes, and some.
        tokio::time::sleep(Duration::from_millis(round)).await;
        let mut work = world.store.begin().await.unwrap();
        let hash = PasswordHash { account: ada.id, phc: new.clone(), changed_at: world.app.now() };
        work.set_password(&hash).await.unwrap();
        let now = world.app.now();
        let ended = work.end_sessions_of_account(&ada.id, SessionEnd::EndedByAdmin, now).await.unwrap();
        work.commit().await.unwrap();
        let signed_in = signing_in.await.unwrap();
        let mut work = world.store.begin().await.unwrap();
        let left = work.end_sessions_of_account(&ada.id, SessionEnd::EndedByAdmin, now).await.unwrap();
        assert_eq!(left, [], "round {round}: {signed_in:?}");
        in_time += ended.len();
        too_late += u32::from(signed_in == Err(Refusal::SignInFailed));
    }
    assert!(in_time > 0 && too_late > 0, "{in_time} in time, {too_late} too late: the race was not met");
}

/// A live store far away, whose answers to reads of one kind come one after the other.
#[derive(Default)]
struct Far {
    inner: live::InProcess,
    asked: AtomicU64,
}

#[async_trait::async_trait]
impl live::Live for Far {
    async fn put(&self, key: &live::Key, value: bytes::Bytes, ttl: Duration) -> live::Result<live::Version> {
        self.inner.put(key, value, ttl).await
    }
    async fn get(&self, key: &live::Key) -> live::Result<Option<(bytes::Bytes, live::Version)>> {
        let found = self.inner.get(key).await;
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(if turn < 100 { turn } else { 0 })).await;
        found
    }
    async fn swap(
        &self,
        key: &live::Key,
        seen: live::Version,
        value: bytes::Bytes,
        ttl: Option<Duration>,
    ) -> live::Result<Result<live::Version, live::Lost>> {
        self.inner.swap(key, seen, value, ttl).await
    }
    async fn take(&self, key: &live::Key) -> live::Result<Option<bytes::Bytes>> {
        self.inner.take(key).await
    }
    async fn count(&self, key: &live::Key, amount: u64, window: Duration) -> live::Result<live::Counted> {
        self.inner.count(key, amount, window).await
    }
    async fn publish(&self, topic: &live::Topic, word: &str) -> live::Result<()> {
        self.inner.publish(topic, word).await
    }
    async fn subscribe(&self, topic: &live::Topic) -> live::Result<Box<dyn live::Words>> {
        self.inner.subscribe(topic).await
    }
    async fn check(&self) -> live::Result<()> {
        self.inner.check().await
    }
}

#[tokio::test]
async fn sec_163_tries_that_begin_together_over_a_slow_line_are_all_counted() {
    let world = world_over(Arc::<Far>::default(), Limits::default(), Settings::default()).await;
    let tries = futures_util::future::join_all((0..100).map(|_| world.signin.begin_try("ada")));
    let begun = tries.await.into_iter().filter(Result::is_ok).count();
    assert!((1..=MOST_UNDER_WAY as usize).contains(&begun), "{begun} under way");
}

#[tokio::test]
async fn sec_210_a_phone_that_hangs_up_leaves_no_decision_half_done() {
    let world = world().await;
    let ada = world.account("ada").await;
    let phone = world.phone(&ada).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let held = world.scanned(&browser, &id, &phone).await;
    let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
    let mut deciding = Box::pin(phone.approve(&world, &held, code.text()));
    assert!(futures_util::poll!(deciding.as_mut()).is_pending());
    // The connection is gone, and with it who waits for the answer.
    drop(deciding);
    let written = async {
        while !world.events().await.contains(&"channel.approved") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), written).await.expect("the decision is written down");
    assert_eq!(world.state(&browser, &id).await, "approved");
}
