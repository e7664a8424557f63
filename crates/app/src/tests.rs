mod fake;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::{Account, AccountState, SigningAlg};
use live::InProcess;

use self::fake::{FakeStore, Handle};
use super::*;

/// One node over a store and a live store that it may share with others.
fn node(store: &Arc<FakeStore>, live: &Arc<dyn Live>, clock: &Clock) -> App {
    App::new(Parts {
        issuer: Issuer::parse("https://id.example").unwrap(),
        store: Arc::new(Handle(Arc::clone(store))),
        live: Arc::clone(live),
        outbound: Arc::new(outbound::Closed),
        mailer: None,
        clock: clock.clone(),
        entropy: Entropy::system(),
        hashing: HashSettings::default(),
        master_key: MasterKey::new([1; 32]),
        limits: Limits::default(),
    })
}

struct World {
    store: Arc<FakeStore>,
    live: Arc<dyn Live>,
    clock: Clock,
    app: App,
    secret: Secret,
}

impl World {
    fn new() -> Self {
        let clock = Clock::manual(Timestamp::from_seconds(1_800_000_000));
        let secret = Secret::new([5; 32]);
        let store = Arc::new(FakeStore::with_session(secret.hash(), clock.now()));
        let live: Arc<dyn Live> = Arc::new(InProcess::default());
        let app = node(&store, &live, &clock);
        Self { store, live, clock, app, secret }
    }

    async fn is_signed_in(&self, app: &App) -> bool {
        app.sessions().current(&self.secret).await.unwrap().is_some()
    }

    fn ids(&self) -> (domain::SessionId, domain::AccountId) {
        let who = self.store.session();
        (who.session.id, who.account.id)
    }
}

#[tokio::test]
async fn a_session_is_read_once_and_served_from_the_cache() {
    let world = World::new();
    for _ in 0..10 {
        let who = world.app.sessions().current(&world.secret).await.unwrap().unwrap();
        assert_eq!(who.account.username.as_str(), "ada");
    }
    assert_eq!(world.store.reads(), 1);
    assert!(world.app.sessions().current(&Secret::new([6; 32])).await.unwrap().is_none());
}

#[tokio::test]
async fn sec_153_an_ended_session_is_dropped_at_once_when_told() {
    let world = World::new();
    assert!(world.is_signed_in(&world.app).await);
    world.store.end_session(world.clock.now());
    // Not told: the copy may live for two seconds.
    assert!(world.is_signed_in(&world.app).await);
    world.app.tell(Change::Session(world.ids().0)).await;
    assert!(!world.is_signed_in(&world.app).await);
}

#[tokio::test]
async fn sec_153_a_lost_word_costs_two_seconds_at_most() {
    let world = World::new();
    assert!(world.is_signed_in(&world.app).await);
    world.store.end_session(world.clock.now());
    tokio::time::sleep(Duration::from_millis(2_050)).await;
    assert!(!world.is_signed_in(&world.app).await);
}

#[tokio::test]
async fn sec_036_a_disabled_account_is_signed_out_when_told() {
    let world = World::new();
    assert!(world.is_signed_in(&world.app).await);
    world.store.change_account(|account: &mut Account| account.state = AccountState::Disabled);
    world.app.tell(Change::Account(world.ids().1)).await;
    assert!(!world.is_signed_in(&world.app).await);
}

#[tokio::test]
async fn sec_153_another_node_hears_of_it() {
    let world = World::new();
    let other = node(&world.store, &world.live, &world.clock);
    let listening = tokio::spawn({
        let other = other.clone();
        async move { other.listen().await }
    });
    let mut changes = other.changes();
    // The listener begins with forgetting everything, since it may have missed something.
    assert_eq!(changes.recv().await.unwrap(), Change::Missed);
    assert!(world.is_signed_in(&other).await);
    world.store.end_session(world.clock.now());
    let change = Change::Session(world.ids().0);
    world.app.tell(change.clone()).await;
    assert_eq!(changes.recv().await.unwrap(), change);
    assert!(!world.is_signed_in(&other).await);
    listening.abort();
}

#[tokio::test]
async fn sec_153_a_slow_read_of_the_old_row_does_not_outlive_the_change() {
    let world = World::new();
    let gate = world.store.hold_next_read();
    let reading = tokio::spawn({
        let (app, secret) = (world.app.clone(), world.secret.clone());
        async move { app.sessions().current(&secret).await.unwrap().is_some() }
    });
    // The old row is in the reader's hands; now the session ends and all are told.
    gate.has_read.notified().await;
    world.store.end_session(world.clock.now());
    world.app.tell(Change::Session(world.ids().0)).await;
    gate.go_on.notify_one();
    // That one request began before the end; the next must not profit from it.
    assert!(reading.await.unwrap());
    assert!(!world.is_signed_in(&world.app).await);
}

#[tokio::test]
async fn sec_152_idle_and_absolute_limits_count_also_for_a_cached_copy() {
    let world = World::new();
    assert!(world.is_signed_in(&world.app).await);
    world.clock.advance(Duration::from_secs(world.store.session().session.idle_seconds.into()));
    assert!(!world.is_signed_in(&world.app).await);
    assert_eq!(world.store.notes(), 0);
}

#[tokio::test]
async fn sec_152_use_is_noted_once_a_minute_and_polling_is_no_use() {
    let world = World::new();
    for _ in 0..3 {
        assert!(world.is_signed_in(&world.app).await);
    }
    world.clock.advance(Duration::from_secs(61));
    assert!(world.app.sessions().peek(&world.secret).await.unwrap().is_some());
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(world.store.notes(), 0);
    for _ in 0..20 {
        assert!(world.is_signed_in(&world.app).await);
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(world.store.notes(), 1);
    world.clock.advance(Duration::from_secs(61));
    assert!(world.is_signed_in(&world.app).await);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(world.store.notes(), 2);
}

#[tokio::test]
async fn a_client_is_cached_and_dropped_when_told() {
    let world = World::new();
    let id: domain::ClientId = "shop".parse().unwrap();
    assert!(world.app.clients().find(&id).await.unwrap().unwrap().is_enabled);
    world.store.disable_client();
    assert!(world.app.clients().find(&id).await.unwrap().unwrap().is_enabled);
    world.app.tell(Change::Client(id.clone())).await;
    assert!(!world.app.clients().find(&id).await.unwrap().unwrap().is_enabled);
    assert!(world.app.clients().find(&"nobody".parse().unwrap()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_store_that_is_away_is_a_refusal_with_a_private_cause() {
    let world = World::new();
    world.store.break_down();
    let refused = world.app.sessions().current(&world.secret).await.unwrap_err();
    assert!(matches!(&refused, Refusal::Unavailable(cause) if cause.contains("disk")), "{refused:?}");
    assert!(!refused.to_string().contains("disk"));
}

#[tokio::test]
async fn a_journey_is_kept_for_the_browser_that_began_it() {
    let world = World::new();
    let browser = Secret::new([9; 32]);
    let new = journeys::NewJourney {
        need: journey::Need::default(),
        purpose: journeys::Purpose { kind: "oidc".to_owned(), payload: "sealed".to_owned() },
        shown: journeys::Shown { client_name: "Shop".to_owned(), ..journeys::Shown::default() },
        methods: journey::MethodPolicy::ALL,
    };
    let id = journeys::start(&world.app, new, &browser.hash()).await.unwrap();
    let slots = world.app.slots::<journeys::JourneySlot>();
    let (kept, _) = slots.get(&id.to_string()).await.unwrap().unwrap();
    assert_eq!((kept.journey.id, kept.journey.created), (id, world.clock.now()));
    assert_eq!((kept.purpose.payload.as_str(), kept.shown.client_name.as_str()), ("sealed", "Shop"));
    let visitor = |browser| Visitor {
        browser,
        session: None,
        known: None,
        address: domain::ClientAddress([192, 0, 2, 1].into()),
        agent: domain::UserAgent::default(),
    };
    assert!(visitor(Some(browser)).is_browser(&kept.browser));
    assert!(!visitor(Some(Secret::new([8; 32]))).is_browser(&kept.browser));
    assert!(!visitor(None).is_browser(&kept.browser));
}

#[tokio::test]
async fn nodes_with_the_same_master_key_open_and_mac_alike() {
    let world = World::new();
    let other = node(&world.store, &world.live, &world.clock);
    let sealed = world.app.sealer("code").seal(b"a", b"x");
    assert_eq!(other.sealer("code").open(b"a", &sealed).as_deref(), Some(&b"x"[..]));
    assert_eq!(world.app.mac("channel", b"x"), other.mac("channel", b"x"));
}

#[test]
fn an_app_is_made_without_a_runtime_and_a_shifted_clock_moves_it() {
    let by = Arc::new(AtomicI64::new(0));
    let store = Arc::new(FakeStore::with_session(Secret::new([5; 32]).hash(), Timestamp::default()));
    let live: Arc<dyn Live> = Arc::new(InProcess::default());
    let app = node(&store, &live, &Clock::shifted(Arc::clone(&by)));
    let before = app.now();
    by.store(60_000, Ordering::Relaxed);
    assert!(app.now().since(before) >= Duration::from_secs(60));
    assert!(app.keys().current(SigningAlg::ES256).is_err());
    assert_eq!(format!("{app:?}"), "App(https://id.example)");
}

#[tokio::test]
async fn sec_153_what_cannot_be_told_is_done_all_the_same() {
    let live = live::Faulty::shared();
    let mut world = World::new();
    world.live = live.clone();
    let app = node(&world.store, &world.live, &world.clock);
    assert!(world.is_signed_in(&app).await);
    live.lose();
    world.store.end_session(world.clock.now());
    app.tell_all(&[Change::Session(world.ids().0), Change::Account(world.ids().1)]).await;
    assert!(!world.is_signed_in(&app).await);
}

#[tokio::test]
async fn a_contended_deed_is_begun_again_and_nothing_else_is() {
    let world = World::new();
    let begun = AtomicI64::new(0);
    let deed = |contended: i64, end: Result<i64, Refusal>| {
        begun.store(0, Ordering::SeqCst);
        let begun = &begun;
        move || {
            let end = end.clone();
            async move {
                let time = begun.fetch_add(1, Ordering::SeqCst);
                if time < contended { Err(Refusal::Contended("a deadlock".to_owned())) } else { end }
            }
        }
    };
    assert_eq!(world.app.repeatable(deed(2, Ok(7))).await, Ok(7));
    assert_eq!(begun.load(Ordering::SeqCst), 3);
    assert!(matches!(world.app.repeatable(deed(3, Ok(7))).await, Err(Refusal::Contended(_))));
    assert_eq!(begun.load(Ordering::SeqCst), 3);
    for end in [Refusal::NotFound, Refusal::Unavailable("gone".to_owned())] {
        assert_eq!(world.app.repeatable(deed(0, Err(end.clone()))).await, Err(end));
        assert_eq!(begun.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn sec_213_a_throttle_that_cannot_count_refuses_unless_it_may_count_alone() {
    let live = live::Faulty::shared();
    let shared: Arc<dyn Live> = live.clone();
    let world = World::new();
    let app = node(&world.store, &shared, &world.clock);
    let (throttle, rule) = (app.throttle(), Rule::ClientAuthAddress);
    throttle.hit(rule, "shop").await.unwrap();
    live.lose();
    assert!(matches!(throttle.hit(rule, "shop").await, Err(Refusal::Unavailable(_))));
    assert!(matches!(throttle.peek(rule, "shop").await, Err(Refusal::Unavailable(_))));
    for _ in 0..throttle.limits().of(rule).most {
        throttle.peek_or_alone(rule, "shop").await.unwrap();
        throttle.hit_or_alone(rule, "shop").await.unwrap();
    }
    assert!(matches!(throttle.peek_or_alone(rule, "shop").await, Err(Refusal::TooMany { .. })));
    live.find();
    throttle.peek(rule, "shop").await.unwrap();
    // The common count is asked again after a moment.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    throttle.peek_or_alone(rule, "shop").await.unwrap();
}
