//! SEC-063: the audit trail of a sign-in.

use testkit::Kind;

use crate::clock::Timed;
use crate::given::Scene;

#[tokio::test]
async fn sec_063_a_sign_in_leaves_an_ordered_trail_without_secrets() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let browser = scene.server.browser().from_address([127, 5, 0, 1]);
    let waiting = scene.waiting_in(browser).await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    phone.approve(&claim, &code).await;
    let landed = waiting.redeem().await;
    let tokens = scene.shop.exchange(&waiting.started, &landed).await;

    let trail = scene.server.audit("").await;
    let wanted = [
        "channel.opened",
        "channel.claimed",
        "channel.approved",
        "channel.redeemed",
        "session.started",
        "code.redeemed",
    ];
    let mut at = Vec::new();
    for event in wanted {
        let place = trail.iter().position(|entry| entry.event.as_str() == event);
        at.push(place.unwrap_or_else(|| panic!("no {event} in {trail:#?}")));
    }
    assert!(at[..4].windows(2).all(|pair| pair[0] < pair[1]), "out of order: {at:?}");
    for event in ["channel.claimed", "channel.approved", "channel.redeemed"] {
        let entry = trail.iter().find(|entry| entry.event.as_str() == event).unwrap();
        assert_eq!(entry.client.as_ref().map(ToString::to_string).as_deref(), Some("shop"), "{entry:?}");
        assert_eq!(entry.device.as_ref().map(ToString::to_string), Some(phone.device.clone()), "{entry:?}");
        assert_eq!(entry.account.as_ref().map(ToString::to_string), Some(phone.account.clone()), "{entry:?}");
        let mut both = [entry.address.clone(), entry.other_address.clone()];
        both.sort();
        let addresses = [Some("127.0.0.1".to_owned()), Some("127.5.0.1".to_owned())];
        assert_eq!(both, addresses, "{entry:?}");
    }

    let text = format!("{trail:?}");
    let mut secrets = vec![
        waiting.qr.channel.clone(),
        claim.nonce.clone(),
        claim.claim.clone(),
        landed.query("code").unwrap(),
        tokens.access_token.clone(),
        waiting.started.verifier.clone(),
        scene.password.clone(),
        scene.shop.secret.clone().unwrap(),
    ];
    secrets.extend(waiting.browser.cookies().into_values());
    let log = scene.server.log();
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} is in the trail");
        assert!(!log.contains(&secret), "{secret} is in the log");
    }
    assert!(!text.contains(&format!("\"{code}\"")), "the check code is in the trail");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_063_denials_reports_and_expiries_are_kept_too() {
    let timed = Timed::new().await;
    let scene = &timed.scene;
    let phone = scene.phone(Kind::App).await;
    for verb in ["deny", "report"] {
        let waiting = scene.waiting().await;
        let claim = phone.scan(&waiting.qr.url).await;
        assert_eq!(phone.decide(&claim, verb, None).await.status, 204);
    }
    let waiting = scene.waiting().await;
    phone.scan(&waiting.qr.url).await;
    timed.advance(121);
    assert_eq!(waiting.state().await, "expired");
    waiting.browser.show_qr(&waiting.page).await;
    for event in ["channel.denied", "channel.reported", "channel.expired"] {
        assert_eq!(scene.server.audit(event).await.len(), 1, "{event}");
    }
}
