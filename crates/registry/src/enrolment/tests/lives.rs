//! How long links live, and what becomes of a phone that waited, or moved.

use super::*;

/// One policy for every link on a screen, whoever makes it; a saved number counts in the next link.
#[tokio::test]
async fn sec_071_the_policy_says_how_long_a_link_on_a_screen_is_good() {
    let place = place().await;
    let now = place.clock.now();
    let (_, visitor) = place.session(9, &[(Method::Password, now)]).await;
    for minutes in [10, 3] {
        let wanted = json!({ "screen_minutes": minutes });
        place.registry.save_policy(&app::Mandate::operator(), "enrolments", &wanted, None).await.unwrap();
        let life = Duration::from_secs(60 * minutes);
        assert_eq!(place.registry.enrolment_link(&visitor).await.unwrap().life, life);
        assert_eq!(place.registry.offer_enrolment("ada").await.unwrap().expires_at, now.after(life));
    }
    let link = place.registry.enrolment_link(&visitor).await.unwrap();
    place.clock.advance(Duration::from_secs(181));
    let token = Right::Token(link.url.split_once("/phone#e1").unwrap().1.to_owned());
    assert_eq!(place.registry.enrol_begin(token, HERE).await.unwrap_err(), Refusal::Gone);
}

/// A phone that waits is let in by either verb, and both the trail and its owner are told the same.
#[tokio::test]
async fn sec_075_a_waiting_phone_that_is_restored_was_approved() {
    let place = place().await;
    let wanted = json!({ "approval": true });
    place.registry.save_policy(&app::Mandate::operator(), "devices", &wanted, None).await.unwrap();
    let (device, _) = place.finish(app_phone(&place.begin().await)).await.unwrap();
    assert_eq!(device.state, DeviceState::Pending);
    let id = device.id.to_string();
    assert_eq!(place.registry.restore_device(&id).await.unwrap().state, DeviceState::Active);
    place.registry.suspend_device(&id).await.unwrap();
    place.registry.restore_device(&id).await.unwrap();
    let told = crate::tests::events(&place.registry).await;
    let count = |wanted| told.iter().filter(|event| **event == wanted).count();
    assert_eq!((count(AuditEvent::DeviceApproved), count(AuditEvent::DeviceRestored)), (1, 1), "{told:?}");
    let notices = place.registry.notices(&place.ada.id, None, 20).await.unwrap().items;
    let count = |wanted: &str| notices.iter().filter(|notice| notice.kind.as_str() == wanted).count();
    assert_eq!((count("device_approved"), count("device_restored")), (1, 1));
}

/// A new phone takes an old one's place: the name is its owner's and stays, what it is made of is the new one's.
#[tokio::test]
async fn sec_084_a_device_that_moves_keeps_its_id_and_name() {
    let place = place().await;
    let (old, _) = place.finish(app_phone(&place.begin().await)).await.unwrap();
    let owner = crate::devices::DeviceActor::owner(place.ada.id, HERE);
    let old = place.registry.rename_device(&owner, &old.id, "Ada's", None).await.unwrap();
    let opened = place.registry.open_move("iOS", Some("Slab 9"), HERE).await.unwrap();
    let offer = opened.url.split_once("#m1").unwrap().1;
    place.registry.claim_move(&old, offer, HERE).await.unwrap();
    let standing = place.registry.move_standing(&opened.secret, HERE).await.unwrap();
    let crate::moves::MoveStanding::Claimed { number, .. } = standing else { panic!("{standing:?}") };
    let number = qr::CheckCode::parse(&number).unwrap();
    place.registry.approve_move(&old, offer, number).await.unwrap();
    let begun = place.registry.enrol_begin(Right::Move(opened.secret), HERE).await.unwrap();
    let key = DeviceKey::generate();
    let new = Completion { model: Some("Slab 9".to_owned()), ..completion(&begun, &key, keystore(true)) };
    let (new, _) = place.finish(new).await.unwrap();
    assert_eq!((new.id, new.name.as_str()), (old.id, "Ada's"));
    assert_eq!((new.platform.as_str(), new.record.model.as_deref()), ("Test", Some("Slab 9")));
    assert_ne!(new.key, old.key);
    let notices = place.registry.notices(&place.ada.id, None, 20).await.unwrap().items;
    let told = domain::NoticeKind::DeviceMoved {
        device: old.id,
        name: "Ada's (Slab 9)".to_owned(),
        from: "Ada's (Test)".to_owned(),
    };
    assert!(notices.iter().any(|notice| notice.kind == told), "{notices:?}");
}
