//! Promises about families of refresh tokens.

use std::time::Duration;

use domain::{AccountId, AccountState, Grant, GrantId, RefreshFamily, SessionEnd, SessionId, Timestamp};
use futures_util::future::join_all;

use super::given::{NOW, at, bytes, grant, kept_account, kept_session, revoked_at, session, unit};
use crate::{Rotate, Rotation, Spend, Store};

const GRACE: Duration = Duration::from_secs(60);

fn family(grant: &Grant) -> RefreshFamily {
    RefreshFamily {
        grant: grant.id,
        generation: 0,
        rotated_at: None,
        idle_ends_at: at(1000),
        ends_at: at(3000),
        content: r#"{"scope":"openid offline_access"}"#.into(),
    }
}

/// A grant and its family, made in one unit.
async fn kept_family(store: &dyn Store, owner: AccountId, session: SessionId) -> (Grant, RefreshFamily) {
    let grant = grant(owner, "shop", session);
    let family = family(&grant);
    let mut work = unit(store).await;
    assert_eq!(work.spend_code(&grant, NOW).await.unwrap(), Spend::First);
    work.add_refresh_family(&family).await.unwrap();
    work.commit().await.unwrap();
    (grant, family)
}

fn rotation(now: Timestamp, grace: Duration) -> Rotation {
    Rotation { now, grace, idle_ends_at: now.after(Duration::from_secs(1000)) }
}

async fn rotate(store: &dyn Store, grant: &GrantId, generation: u32, rotation: Rotation) -> Rotate {
    let mut work = unit(store).await;
    let outcome = work.rotate_refresh(grant, generation, &rotation).await.unwrap();
    work.commit().await.unwrap();
    outcome
}

/// A family comes back as it was kept, with its grant and account as they are now.
pub async fn a_family_is_found_with_its_grant(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let (mut grant, family) = kept_family(store, ada.id, SessionId::from_random(bytes())).await;
    let mut view = store.read().await.unwrap();
    let found = view.refresh_family(&grant.id).await.unwrap();
    assert_eq!(found, Some((family.clone(), grant.clone(), ada.clone())));
    assert_eq!(view.refresh_family(&GrantId::from_random(bytes())).await.unwrap(), None);
    let mut work = unit(store).await;
    assert!(work.revoke_grant(&grant.id, at(3)).await.unwrap());
    work.commit().await.unwrap();
    grant.revoked_at = Some(at(3));
    assert_eq!(view.refresh_family(&grant.id).await.unwrap(), Some((family, grant, ada)));
}

/// A rotation moves the generation and the idle end, which never passes the absolute one (SEC-122).
pub async fn sec_122_a_family_rotates_within_its_life(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let (grant, first) = kept_family(store, ada.id, SessionId::from_random(bytes())).await;
    assert_eq!(rotate(store, &grant.id, 0, rotation(at(900), GRACE)).await, Rotate::Rotated);
    let mut view = store.read().await.unwrap();
    let (family, ..) = view.refresh_family(&grant.id).await.unwrap().unwrap();
    let expected =
        RefreshFamily { generation: 1, rotated_at: Some(at(900)), idle_ends_at: at(1900), ..first.clone() };
    assert_eq!(family, expected);
    assert_eq!(rotate(store, &grant.id, 1, rotation(at(1899), GRACE)).await, Rotate::Rotated);
    assert_eq!(rotate(store, &grant.id, 2, rotation(at(2800), GRACE)).await, Rotate::Rotated);
    let (family, ..) = view.refresh_family(&grant.id).await.unwrap().unwrap();
    assert_eq!((family.generation, family.idle_ends_at), (3, at(3000)));
    assert_eq!(rotate(store, &grant.id, 3, rotation(at(3000), GRACE)).await, Rotate::Over, "its life");
    let (grant, _) = kept_family(store, ada.id, SessionId::from_random(bytes())).await;
    assert_eq!(rotate(store, &grant.id, 0, rotation(at(1000), GRACE)).await, Rotate::Over, "idle");
    assert_eq!(revoked_at(store, &grant.id).await, None);
}

/// Within the grace the token before has the same successor, as long as that was not used; everything else that
/// was spent is a copy, and ends the family (SEC-122).
pub async fn sec_122_a_spent_token_ends_the_family(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let session = SessionId::from_random(bytes());
    let (grant, _) = kept_family(store, ada.id, session).await;
    assert_eq!(rotate(store, &grant.id, 0, rotation(at(10), GRACE)).await, Rotate::Rotated);
    for second in [10, 30, 69] {
        assert_eq!(rotate(store, &grant.id, 0, rotation(at(second), GRACE)).await, Rotate::Graced);
    }
    assert_eq!(rotate(store, &grant.id, 5, rotation(at(69), GRACE)).await, Rotate::Over, "never made");
    assert_eq!(revoked_at(store, &grant.id).await, None);
    assert_eq!(rotate(store, &grant.id, 0, rotation(at(70), GRACE)).await, Rotate::Replayed, "too late");
    assert_eq!(revoked_at(store, &grant.id).await, Some(at(70)));
    for generation in 0..3 {
        let after = rotate(store, &grant.id, generation, rotation(at(71), GRACE)).await;
        assert_eq!(after, Rotate::Over, "{generation}");
    }
    assert_eq!(revoked_at(store, &grant.id).await, Some(at(70)), "the first revocation counts");

    let (grant, _) = kept_family(store, ada.id, session).await;
    assert_eq!(rotate(store, &grant.id, 0, rotation(at(10), GRACE)).await, Rotate::Rotated);
    assert_eq!(rotate(store, &grant.id, 1, rotation(at(11), GRACE)).await, Rotate::Rotated);
    assert_eq!(
        rotate(store, &grant.id, 0, rotation(at(12), GRACE)).await,
        Rotate::Replayed,
        "used successor"
    );
    assert_eq!(rotate(store, &grant.id, 2, rotation(at(12), GRACE)).await, Rotate::Over);

    let (grant, _) = kept_family(store, ada.id, session).await;
    assert_eq!(rotate(store, &grant.id, 0, rotation(at(10), Duration::ZERO)).await, Rotate::Rotated);
    assert_eq!(
        rotate(store, &grant.id, 0, rotation(at(9), Duration::ZERO)).await,
        Rotate::Replayed,
        "no grace"
    );

    // What a dropped unit found is not so.
    let (grant, _) = kept_family(store, ada.id, session).await;
    let mut dropped = unit(store).await;
    let outcome = dropped.rotate_refresh(&grant.id, 0, &rotation(NOW, GRACE)).await.unwrap();
    assert_eq!(outcome, Rotate::Rotated);
    drop(dropped);
    assert_eq!(rotate(store, &grant.id, 0, rotation(NOW, GRACE)).await, Rotate::Rotated);
}

/// Of 64 that bring one refresh token exactly one rotates; a family never forks (SEC-123).
pub async fn sec_123_a_family_never_forks(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    for grace in [GRACE, Duration::ZERO] {
        let (grant, _) = kept_family(store, ada.id, SessionId::from_random(bytes())).await;
        let outcomes = join_all((0..64).map(|_| rotate(store, &grant.id, 0, rotation(NOW, grace)))).await;
        let count = |outcome| outcomes.iter().filter(|found| **found == outcome).count();
        assert_eq!(count(Rotate::Rotated), 1, "{outcomes:?}");
        let found = store.read().await.unwrap().refresh_family(&grant.id).await.unwrap();
        let (family, kept, _) = found.unwrap();
        assert_eq!(family.generation, 1);
        if grace.is_zero() {
            // Whoever comes after the revocation finds nothing to replay.
            assert!(count(Rotate::Replayed) >= 1, "{outcomes:?}");
            assert_eq!(count(Rotate::Graced), 0, "{outcomes:?}");
            assert_eq!(kept.revoked_at, Some(NOW));
            assert_eq!(rotate(store, &grant.id, 1, rotation(NOW, grace)).await, Rotate::Over);
        } else {
            assert_eq!(count(Rotate::Graced), 63, "{outcomes:?}");
            assert_eq!(kept.revoked_at, None);
            assert_eq!(rotate(store, &grant.id, 1, rotation(NOW, grace)).await, Rotate::Rotated);
        }
    }
}

/// The grant, the account and the end of the session count each time; a session that is over by itself, or swept,
/// does not (SEC-124, decision 014).
pub async fn sec_124_what_a_family_hangs_on_counts_each_time(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let mut short = session(ada.id);
    short.expires_at = at(5);
    let short = kept_session(store, short).await;
    let (lasting, _) = kept_family(store, ada.id, short.id).await;
    assert_eq!(rotate(store, &lasting.id, 0, rotation(at(20), GRACE)).await, Rotate::Rotated, "expired");
    assert!(store.sweep(at(20), 10).await.unwrap() > 0);
    assert_eq!(store.read().await.unwrap().session(&short.id).await.unwrap(), None);
    assert_eq!(rotate(store, &lasting.id, 1, rotation(at(21), GRACE)).await, Rotate::Rotated, "swept");

    let ended = kept_session(store, session(ada.id)).await;
    let (signed_out, _) = kept_family(store, ada.id, ended.id).await;
    let (revoked, _) = kept_family(store, ada.id, SessionId::from_random(bytes())).await;
    let mut work = unit(store).await;
    assert!(work.end_session(&ended.id, SessionEnd::SignedOut, NOW).await.unwrap());
    assert!(work.revoke_grant(&revoked.id, NOW).await.unwrap());
    work.commit().await.unwrap();
    // The code was redeemed after the session had ended: nothing revoked that grant.
    let (late, _) = kept_family(store, ada.id, ended.id).await;
    for grant in [signed_out, revoked, late] {
        assert_eq!(rotate(store, &grant.id, 0, rotation(at(1), GRACE)).await, Rotate::Over);
    }
    assert_eq!(
        rotate(store, &GrantId::from_random(bytes()), 0, rotation(NOW, GRACE)).await,
        Rotate::Over,
        "no family"
    );

    let mut work = unit(store).await;
    assert!(work.set_account_state(&ada.id, AccountState::Disabled, NOW).await.unwrap());
    work.commit().await.unwrap();
    for generation in [1, 2] {
        let outcome = rotate(store, &lasting.id, generation, rotation(at(22), GRACE)).await;
        assert_eq!(outcome, Rotate::Over, "disabled");
    }
    let mut work = unit(store).await;
    assert!(work.set_account_state(&ada.id, AccountState::Active, NOW).await.unwrap());
    work.commit().await.unwrap();
    assert_eq!(rotate(store, &lasting.id, 2, rotation(at(23), GRACE)).await, Rotate::Rotated);

    // Ending all of an account reaches what no session leads to any more.
    let mut work = unit(store).await;
    work.end_sessions_of_account(&ada.id, SessionEnd::EndedByAdmin, at(24)).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(revoked_at(store, &lasting.id).await, Some(at(24)));
    assert_eq!(rotate(store, &lasting.id, 3, rotation(at(25), GRACE)).await, Rotate::Over);
}

/// A family that is over goes with its grant, and goes when its grant goes; one that lives stays.
pub async fn a_family_is_swept_with_its_grant(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let session = SessionId::from_random(bytes());
    let day = 24 * 3600;
    let mut grants = Vec::new();
    for (grant_ends, idle_ends) in [(90 * day, -2 * day), (-1, 30 * day), (90 * day, -60)] {
        let grant = Grant { expires_at: at(grant_ends), ..grant(ada.id, "shop", session) };
        let family = RefreshFamily { idle_ends_at: at(idle_ends), ends_at: at(90 * day), ..family(&grant) };
        let mut work = unit(store).await;
        work.spend_code(&grant, NOW).await.unwrap();
        work.add_refresh_family(&family).await.unwrap();
        work.commit().await.unwrap();
        grants.push(grant.id);
    }
    assert_eq!(store.sweep(NOW, 100).await.unwrap(), 2);
    let mut view = store.read().await.unwrap();
    for (id, stays) in grants.iter().zip([false, false, true]) {
        assert_eq!(view.refresh_family(id).await.unwrap().is_some(), stays);
        assert_eq!(view.grant(id).await.unwrap().is_some(), stays);
    }
}
