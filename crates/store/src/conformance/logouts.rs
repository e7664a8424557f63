//! Promises about those that are to be told of a session's end.

use domain::{BrowserSession, ClientId, DeviceId, SessionEnd, SessionId};
use futures_util::future::{join, join_all};

use super::given::{NOW, at, bytes, kept_account, kept_session, session, unit};
use crate::{LogoutNotice, SessionClient, Store};

fn told(session: SessionId, client: &str, by_server: bool) -> SessionClient {
    SessionClient { session, client: client.parse().unwrap(), subject: format!("ada at {client}"), by_server }
}

async fn note(store: &dyn Store, clients: &[SessionClient]) {
    let mut work = unit(store).await;
    for client in clients {
        work.note_session_client(client, NOW).await.unwrap();
    }
    work.commit().await.unwrap();
}

async fn waiting(store: &dyn Store) -> u64 {
    store.read().await.unwrap().waiting_logouts().await.unwrap()
}

/// All notices, which nobody else gets until `until`.
async fn claim(store: &dyn Store, now: i64, until: i64, limit: u32) -> Vec<LogoutNotice> {
    let mut work = unit(store).await;
    let claimed = work.claim_logouts(at(now), at(until), limit).await.unwrap();
    work.commit().await.unwrap();
    claimed
}

/// The clients of a session come back as they were noted; a later note counts.
pub async fn the_clients_of_a_session_are_noted(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let (one, other) =
        (kept_session(store, session(ada.id)).await, kept_session(store, session(ada.id)).await);
    let (shop, club) = (told(one.id, "shop", true), told(one.id, "club", false));
    note(store, &[shop.clone(), club.clone(), told(other.id, "shop", false), shop.clone()]).await;
    let mut view = store.read().await.unwrap();
    let mut found = view.session_clients(&one.id).await.unwrap();
    found.sort_by(|a, b| a.client.cmp(&b.client));
    assert_eq!(found, [club, shop]);
    note(store, &[told(other.id, "shop", true)]).await;
    assert_eq!(view.session_clients(&other.id).await.unwrap(), [told(other.id, "shop", true)]);
    assert_eq!(view.session_clients(&SessionId::from_random(bytes())).await.unwrap(), []);
    // A session that nobody knows leads nowhere.
    note(store, &[told(SessionId::from_random(bytes()), "shop", true)]).await;
    assert_eq!(waiting(store).await, 0);
}

/// Each way to end sessions leaves a notice for every client that our server is to tell, once.
pub async fn every_end_of_a_session_leaves_notices(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let phone = DeviceId::from_random(bytes());
    let by_phone = || BrowserSession { device: Some(phone), ..session(ada.id) };
    let alone = kept_session(store, session(ada.id)).await.id;
    let with_phone = [kept_session(store, by_phone()).await.id, kept_session(store, by_phone()).await.id];
    let of_account = kept_session(store, session(ada.id)).await.id;
    let stays = kept_session(store, session(bob.id)).await.id;
    for id in [alone, with_phone[0], with_phone[1], of_account, stays] {
        note(store, &[told(id, "shop", true), told(id, "club", true), told(id, "frame", false)]).await;
    }
    let mut expected = Vec::new();
    for (way, ids) in [vec![alone], with_phone.to_vec(), vec![of_account]].into_iter().enumerate() {
        for again in [false, true] {
            let mut work = unit(store).await;
            match way {
                0 => {
                    let ended = work.end_session(&alone, SessionEnd::SignedOut, at(1)).await.unwrap();
                    assert_eq!(ended, !again);
                }
                1 => {
                    let why = SessionEnd::EndedByDevice;
                    let ended = work.end_sessions_of_device(&phone, why, at(2)).await.unwrap();
                    assert_eq!(ended.len(), if again { 0 } else { 2 });
                }
                _ => {
                    let why = SessionEnd::EndedByAdmin;
                    let ended = work.end_sessions_of_account(&ada.id, why, at(3)).await.unwrap();
                    assert_eq!(ended.len(), usize::from(!again));
                }
            }
            work.commit().await.unwrap();
            let mut found = claim(store, 10, 10, 100).await;
            found.sort_by(|a, b| (a.session, &a.client).cmp(&(b.session, &b.client)));
            if !again {
                let clients =
                    ids.iter().flat_map(|id| ["club", "shop"].map(|client| told(*id, client, true)));
                expected.extend(clients.map(|to| LogoutNotice {
                    session: to.session,
                    client: to.client,
                    subject: to.subject,
                    attempts: 0,
                    created_at: at(i64::try_from(way).unwrap() + 1),
                }));
                expected.sort_by(|a, b| (a.session, &a.client).cmp(&(b.session, &b.client)));
            }
            let told_once: Vec<_> =
                found.iter().map(|notice| LogoutNotice { attempts: 0, ..notice.clone() }).collect();
            assert_eq!(told_once, expected, "{way} {again}");
        }
        // What was told does not come again when somebody ends the session again.
        if way == 0 {
            let mut work = unit(store).await;
            assert!(work.settle_logout(&alone, &"shop".parse().unwrap()).await.unwrap());
            assert!(!work.end_session(&alone, SessionEnd::SignedOut, at(2)).await.unwrap());
            work.commit().await.unwrap();
            expected.retain(|notice| notice.client.as_str() != "shop");
        }
    }
    assert_eq!(waiting(store).await, 7);
}

/// A client that is noted when its session has ended is told as well, and one that is noted meanwhile.
pub async fn nobody_is_forgotten(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let ended = kept_session(store, session(ada.id)).await.id;
    let mut work = unit(store).await;
    assert!(work.end_session(&ended, SessionEnd::SignedOut, NOW).await.unwrap());
    work.commit().await.unwrap();
    note(store, &[told(ended, "shop", true), told(ended, "frame", false), told(ended, "shop", true)]).await;
    assert_eq!(waiting(store).await, 1);
    for _ in 0..8 {
        let id = kept_session(store, session(ada.id)).await.id;
        let before = waiting(store).await;
        let shop = [told(id, "shop", true)];
        let ending = async {
            let mut work = unit(store).await;
            assert!(work.end_session(&id, SessionEnd::SignedOut, NOW).await.unwrap());
            work.commit().await.unwrap();
        };
        join(note(store, &shop), ending).await;
        assert_eq!(waiting(store).await, before + 1);
    }
    // A session that is over by itself tells nobody.
    let mut over = session(ada.id);
    over.expires_at = at(5);
    let over = kept_session(store, over).await.id;
    note(store, &[told(over, "club", true)]).await;
    let before = waiting(store).await;
    assert!(store.sweep(at(6), 10).await.unwrap() > 0);
    assert_eq!(store.read().await.unwrap().session_clients(&over).await.unwrap(), []);
    assert_eq!(waiting(store).await, before);
}

/// Of those that claim, one gets each notice; it comes again when its time comes, and is gone when it is settled.
pub async fn a_notice_is_claimed_by_one(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let id = kept_session(store, session(ada.id)).await.id;
    let clients: Vec<_> = (0..40).map(|number| told(id, &format!("client-{number:02}"), true)).collect();
    note(store, &clients).await;
    let mut work = unit(store).await;
    assert!(work.end_session(&id, SessionEnd::SignedOut, NOW).await.unwrap());
    work.commit().await.unwrap();
    assert_eq!(claim(store, -1, 60, 100).await, [], "not due yet");
    let claims = join_all((0..8).map(|_| claim(store, 0, 60, 10))).await;
    assert!(claims.iter().all(|claim| claim.len() <= 10));
    let mut told: Vec<ClientId> = claims.concat().into_iter().map(|notice| notice.client).collect();
    // With locks in the way some may have got fewer than there were.
    told.extend(claim(store, 0, 60, 100).await.into_iter().map(|notice| notice.client));
    told.sort();
    assert_eq!(told, clients.iter().map(|client| client.client.clone()).collect::<Vec<_>>());
    assert_eq!(claim(store, 59, 90, 100).await, []);

    let (one, other) = (&clients[0].client, &clients[1].client);
    let mut work = unit(store).await;
    assert!(work.settle_logout(&id, one).await.unwrap());
    assert!(!work.settle_logout(&id, one).await.unwrap());
    assert!(!work.postpone_logout(&id, one, at(5)).await.unwrap());
    assert!(work.postpone_logout(&id, other, at(5)).await.unwrap());
    work.commit().await.unwrap();
    let again = claim(store, 5, 70, 100).await;
    assert_eq!(
        again.iter().map(|notice| (&notice.client, notice.attempts)).collect::<Vec<_>>(),
        [(other, 1)]
    );
    assert_eq!(claim(store, 60, 80, 100).await.len(), 38);
    assert_eq!(waiting(store).await, 39);

    // For two days, not for ever.
    assert_eq!(store.sweep(at(48 * 3600 - 1), 100).await.unwrap(), 1, "the session");
    assert_eq!(store.sweep(at(48 * 3600), 100).await.unwrap(), 39);
    assert_eq!(waiting(store).await, 0);
}
