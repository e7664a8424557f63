//! Several nodes, and a live store that is lost.

use app::Refusal;
use domain::{KeyState, KeyUse};
use futures_util::future::join_all;
use live::Faulty;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn sec_191_nodes_that_start_together_on_an_empty_database_have_the_same_keys() {
    let store = store().await;
    let nodes: Vec<_> = (0..4).map(|_| app_on(Arc::clone(&store), Clock::manual(START), 7)).collect();
    let starts = nodes.iter().cloned().map(|node| tokio::spawn(async move { keys::ensure(&node).await }));
    for start in join_all(starts).await {
        start.unwrap().unwrap();
    }
    for node in &nodes {
        keys::complete(node).await.unwrap();
        keys::load(node).await.unwrap();
    }
    let kept = keys::list(&nodes[0]).await.unwrap();
    for alg in SigningAlg::ALL {
        for state in [KeyState::Current, KeyState::Next] {
            let of_both = |key: &&keys::ListedKey| key.used_for == KeyUse::Sign(*alg) && key.state == state;
            let count = kept.iter().filter(of_both).count();
            assert_eq!(count, 1, "{alg:?} {state:?}");
        }
        let signing = |node: &App| node.keys().current(*alg).unwrap().kid().to_owned();
        assert!(nodes.iter().all(|node| signing(node) == signing(&nodes[0])));
    }
    for alg in domain::KeyEncryptionAlg::ALL {
        assert_eq!(kept.iter().filter(|key| key.used_for == KeyUse::Decrypt(*alg)).count(), 1, "{alg:?}");
    }
    let lasting = |node: &App| node.lasting_key("test").unwrap();
    assert!(nodes.iter().all(|node| lasting(node) == lasting(&nodes[0])), "one data key");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_191_of_nodes_that_find_a_rotation_due_one_does_it() {
    let store = store().await;
    let clock = Clock::manual(START);
    let nodes: Vec<_> = (0..4).map(|_| app_on(Arc::clone(&store), clock.clone(), 7)).collect();
    keys::ensure(&nodes[0]).await.unwrap();
    keys::complete(&nodes[0]).await.unwrap();
    for node in &nodes {
        keys::check(node).await.unwrap();
    }
    let day = Duration::from_secs(24 * 3600);
    let count = async || keys::list(&nodes[0]).await.unwrap().len();
    let all = count().await;
    clock.advance(89 * day);
    assert_eq!(keys::rotate_due(&nodes[0], 90 * day).await.unwrap(), 0);
    for round in 1..3 {
        clock.advance(if round == 1 { day } else { 90 * day });
        let due = nodes
            .iter()
            .cloned()
            .map(|node| tokio::spawn(async move { keys::rotate_due(&node, 90 * day).await }));
        for done in join_all(due).await {
            done.unwrap().unwrap();
        }
        // Each use has one key more, which is the retired one.
        assert_eq!(count().await, all + round * KeyUse::all().count());
        for node in &nodes {
            assert_eq!(keys::rotate_due(node, 90 * day).await.unwrap(), 0, "it counts from now on");
            keys::load(node).await.unwrap();
        }
        for alg in SigningAlg::ALL {
            let signing = |node: &App| node.keys().current(*alg).unwrap().kid().to_owned();
            assert!(nodes.iter().all(|node| signing(node) == signing(&nodes[0])));
        }
    }
}

#[tokio::test]
async fn sec_213_who_is_signed_in_is_served_without_the_live_store() {
    let live = Faulty::shared();
    let world = world_over(live.clone(), &[shop()]).await;
    live.lose();
    let code = world.code(&[]).await;
    let tokens = world.redeem(&code, &[]).await.unwrap();
    assert!(world.userinfo(tokens["access_token"].as_str().unwrap()).await.is_some());
    // Twice is once, whatever is lost.
    assert_eq!(world.refused(&code, &[]).await, ErrorCode::InvalidGrant);
    assert!(world.userinfo(tokens["access_token"].as_str().unwrap()).await.is_none());
    // Somebody who has to sign in is told to come again.
    let nobody = Visitor { session: None, ..world.visitor.clone() };
    let refused = world.provider.authorize(params(&[]), &nobody).await;
    assert!(matches!(refused, Err(Refusal::Unavailable(_))), "{refused:?}");
    // And who asks whether anybody is signed in needs no journey.
    let Ok(Outcome::Redirect(location)) =
        world.provider.authorize(params(&[("prompt", "none")]), &nobody).await
    else {
        panic!("no answer")
    };
    assert_eq!(answer(&location).get("error"), Some("login_required"));
}

#[tokio::test]
async fn sec_055_wrong_client_secrets_are_counted_without_the_live_store() {
    let live = Faulty::shared();
    let world = world_over(live.clone(), &[shop()]).await;
    live.lose();
    let wrong = format!("Basic {}", STANDARD.encode("shop:wrong-wrong-wrong-wrong-wrong-wrong"));
    let params: Params = [("grant_type", "authorization_code"), ("code", "x")].into_iter().collect();
    let mut refused = 0;
    for _ in 0..40 {
        let asked = TokenAsked { authorization: Some(&wrong), params: &params, proof: None, address: HERE };
        match world.provider.token(asked).await {
            Err(TokenRefused::Client(_)) => refused += 1,
            Err(TokenRefused::Later(Refusal::TooMany { .. })) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, world.app.throttle().limits().client_auth_address.most);
}

#[tokio::test]
async fn consent_given_on_one_node_is_known_on_another_at_once() {
    use app::journeys::Ending as _;

    let live: Arc<dyn live::Live> = Arc::new(live::InProcess::default());
    let consents = Client { skips_consent: false, ..shop() };
    let world = world_over(Arc::clone(&live), &[consents]).await;
    let remembered = async || world.provider.remembered(world.account.id, &shop()).await.unwrap();
    assert!(remembered().await.agreed.is_empty());
    let other = Provider::new(&world.app, Settings::default()).unwrap();
    let session =
        world.app.sessions().current(world.visitor.session.as_ref().unwrap()).await.unwrap().unwrap();
    let Outcome::SignIn { url, .. } = world.ask(&[]).await else { panic!("no consent is asked for") };
    let journey = url.rsplit_once('=').unwrap().1;
    let kept = world.app.slots::<app::journeys::JourneySlot>().get(journey).await.unwrap().unwrap().0;
    let agreed = ["openid".to_owned(), "email".to_owned()];
    other.consent_given(&kept.purpose, &session, &agreed, HERE).await.unwrap();
    assert!(remembered().await.agreed.contains(&"email".to_owned()), "that there was none is not remembered");
}

#[tokio::test]
async fn sec_214_a_spent_code_is_remembered_as_long_as_it_lives_whatever_the_clock_of_its_maker() {
    let store = store().await;
    let ahead = world_on(Arc::clone(&store), Arc::new(live::InProcess::default()), &[shop()]).await;
    let app = app_on(store, Clock::manual(ahead.clock.now()), 7);
    keys::ensure(&app).await.unwrap();
    ahead.clock.advance(Duration::from_secs(600));
    let code = ahead.code(&[]).await;
    let code_ends = ahead.clock.now().after(Settings::default().code_life);
    let provider = Provider::new(&app, Settings::default()).unwrap();
    let slow = World { app, provider, ..ahead };
    let tokens = slow.redeem(&code, &[]).await.unwrap();
    let jti = inside(tokens["access_token"].as_str().unwrap())["jti"].as_str().unwrap().to_owned();
    let grant = jti.split_once('.').unwrap().0.parse().unwrap();
    let mut view = slow.app.store().read().await.unwrap();
    let (grant, _) = view.grant(&grant).await.unwrap().unwrap();
    assert!(grant.expires_at >= code_ends, "it would be swept while its code still counts");
}
