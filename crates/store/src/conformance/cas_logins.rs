//! Promises about CAS services that are to be told of a session's end.

use domain::{BrowserSession, CasService, DeviceId, SessionEnd, SessionId};
use futures_util::future::{join, join_all};

use super::given::{NOW, at, bytes, client, kept_account, kept_session, session, unit};
use crate::{CasLogin, CasLogoutNotice, Store};

fn login(session: SessionId, ticket: &str, by_server: bool) -> CasLogin {
    CasLogin {
        ticket: format!("ST-{ticket}-{session}"),
        session,
        client: "forum".parse().unwrap(),
        service: format!("https://forum.example.org/{ticket}"),
        user: "ada".to_owned(),
        by_server,
    }
}

async fn note(store: &dyn Store, logins: &[CasLogin]) -> bool {
    let mut work = unit(store).await;
    let mut alive = true;
    for login in logins {
        alive &= work.note_cas_login(login, NOW).await.unwrap();
    }
    work.commit().await.unwrap();
    alive
}

async fn waiting(store: &dyn Store) -> u64 {
    store.read().await.unwrap().waiting_cas_logouts().await.unwrap()
}

/// All notices, which nobody else gets until `until`.
async fn claim(store: &dyn Store, now: i64, until: i64, limit: u32) -> Vec<CasLogoutNotice> {
    let mut work = unit(store).await;
    let claimed = work.claim_cas_logouts(at(now), at(until), limit).await.unwrap();
    work.commit().await.unwrap();
    claimed
}

/// Clients that are services come back in their order, and the others do not.
pub async fn services_come_in_their_order(store: &dyn Store) {
    let mut work = unit(store).await;
    for (id, order) in [("shop", None), ("forum", Some(20)), ("wiki", Some(10)), ("blog", Some(20))] {
        let mut one = client(id);
        one.metadata.cas = order.map(|order| CasService {
            services: vec![format!("https://{id}.example.org/**")],
            order,
            ..CasService::default()
        });
        work.add_client(&one).await.unwrap();
    }
    work.commit().await.unwrap();
    let ids = async |limit| {
        let found = store.read().await.unwrap().cas_services(limit).await.unwrap();
        found.into_iter().map(|client| client.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids(100).await, ["wiki", "blog", "forum"]);
    assert_eq!(ids(1).await, ["wiki"]);
    // One that is none any more goes, and one that becomes one comes.
    let mut work = unit(store).await;
    let mut wiki = work.client(&"wiki".parse().unwrap()).await.unwrap().unwrap();
    wiki.metadata.cas = None;
    assert!(work.update_client(&wiki).await.unwrap());
    let mut shop = work.client(&"shop".parse().unwrap()).await.unwrap().unwrap();
    shop.metadata.cas = Some(CasService { order: 1, ..CasService::default() });
    assert!(work.update_client(&shop).await.unwrap());
    work.commit().await.unwrap();
    assert_eq!(ids(100).await, ["shop", "blog", "forum"]);
}

/// What services validated in a session comes back; each way to end sessions leaves a notice for every one that our
/// server is to tell, once.
pub async fn every_end_of_a_session_leaves_cas_notices(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let phone = DeviceId::from_random(bytes());
    let by_phone = || BrowserSession { device: Some(phone), ..session(ada.id) };
    let alone = kept_session(store, session(ada.id)).await.id;
    let with_phone = kept_session(store, by_phone()).await.id;
    let of_account = kept_session(store, session(ada.id)).await.id;
    let (other, stays) =
        (kept_session(store, session(bob.id)).await.id, kept_session(store, session(bob.id)).await.id);
    for id in [alone, with_phone, of_account, other, stays] {
        assert!(note(store, &[login(id, "a", true), login(id, "b", true), login(id, "c", false)]).await);
    }
    let mut found = store.read().await.unwrap().cas_logins(&alone).await.unwrap();
    found.sort_by(|one, other| one.ticket.cmp(&other.ticket));
    assert_eq!(found, [login(alone, "a", true), login(alone, "b", true), login(alone, "c", false)]);
    for (way, id) in (1..).zip([alone, with_phone, of_account, other]) {
        // Each at a time of its own: what ends in the same millisecond is told together.
        let now = at(way);
        for again in [false, true] {
            let mut work = unit(store).await;
            let ended = match way {
                1 => usize::from(work.end_session(&id, SessionEnd::SignedOut, now).await.unwrap()),
                2 => work.end_sessions_of_device(&phone, SessionEnd::EndedByDevice, now).await.unwrap().len(),
                4 => work
                    .end_other_sessions(&bob.id, &stays, SessionEnd::EndedByAdmin, now)
                    .await
                    .unwrap()
                    .len(),
                _ => {
                    work.end_sessions_of_account(&ada.id, SessionEnd::EndedByAdmin, now).await.unwrap().len()
                }
            };
            assert_eq!(ended, usize::from(!again));
            work.commit().await.unwrap();
        }
        let mut found = claim(store, 10, 20, 100).await;
        found.sort_by(|one, other| one.ticket.cmp(&other.ticket));
        let told: Vec<_> = found.iter().map(|notice| notice.ticket.clone()).collect();
        assert_eq!(told, [login(id, "a", true).ticket, login(id, "b", true).ticket], "{way}");
        assert_eq!((found[0].attempts, found[0].user.as_str(), found[0].created_at), (0, "ada", now));
        for notice in found {
            let mut work = unit(store).await;
            assert!(work.settle_cas_logout(&notice.ticket).await.unwrap());
            assert!(!work.settle_cas_logout(&notice.ticket).await.unwrap());
            work.commit().await.unwrap();
        }
    }
    assert_eq!(waiting(store).await, 0);
}

/// Of the tickets for one address the last is kept, whatever its query.
pub async fn a_service_is_told_of_its_last_ticket(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let (here, there) =
        (kept_session(store, session(ada.id)).await.id, kept_session(store, session(ada.id)).await.id);
    let at_address = |session, ticket: &str, path: &str| CasLogin {
        service: format!("https://forum.example.org/{path}"),
        ..login(session, ticket, true)
    };
    let kept = [
        at_address(there, "a", "in"),
        at_address(here, "b", "in_x"),
        at_address(here, "c", "in/more"),
        CasLogin { client: "wiki".parse().unwrap(), ..at_address(here, "d", "in") },
    ];
    assert!(note(store, &kept).await);
    for (ticket, path) in [("e", "in"), ("f", "in?next=%2Fa"), ("g", "in?next=%2Fb&x=1"), ("h", "in?")] {
        assert!(note(store, &[at_address(here, ticket, path)]).await);
        let found = store.read().await.unwrap().cas_logins(&here).await.unwrap();
        let mut found: Vec<_> = found.into_iter().map(|login| login.ticket).collect();
        found.sort();
        let expected = ["b", "c", "d", ticket].map(|ticket| login(here, ticket, true).ticket);
        assert_eq!(found, expected);
    }
    assert_eq!(store.read().await.unwrap().cas_logins(&there).await.unwrap().len(), 1);
}

/// A service that validates when its session has ended is told as well, and one that does so meanwhile.
pub async fn no_cas_service_is_forgotten(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let ended = kept_session(store, session(ada.id)).await.id;
    let mut work = unit(store).await;
    assert!(work.end_session(&ended, SessionEnd::SignedOut, NOW).await.unwrap());
    work.commit().await.unwrap();
    assert!(
        !note(store, &[login(ended, "a", true), login(ended, "b", false), login(ended, "a", true)]).await
    );
    assert_eq!(waiting(store).await, 1);
    for _ in 0..8 {
        let id = kept_session(store, session(ada.id)).await.id;
        let before = waiting(store).await;
        let one = [login(id, "a", true)];
        let ending = async {
            let mut work = unit(store).await;
            assert!(work.end_session(&id, SessionEnd::SignedOut, NOW).await.unwrap());
            work.commit().await.unwrap();
        };
        join(note(store, &one), ending).await;
        assert_eq!(waiting(store).await, before + 1);
    }
    // A session that nobody knows leads nowhere.
    assert!(!note(store, &[login(SessionId::from_random(bytes()), "a", true)]).await);
    assert_eq!(waiting(store).await, 9);
}

/// Of those that claim, one gets each notice; it comes again when its time comes.
pub async fn a_cas_notice_is_claimed_by_one(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let id = kept_session(store, session(ada.id)).await.id;
    let logins: Vec<_> = (0..6).map(|at| login(id, &at.to_string(), true)).collect();
    assert!(note(store, &logins).await);
    let mut work = unit(store).await;
    assert!(work.end_session(&id, SessionEnd::SignedOut, at(1)).await.unwrap());
    work.commit().await.unwrap();
    let claims = join_all((0..4).map(|_| claim(store, 2, 50, 3))).await;
    let mut tickets: Vec<_> = claims.into_iter().flatten().map(|notice| notice.ticket).collect();
    tickets.sort();
    let mut all: Vec<_> = logins.iter().map(|login| login.ticket.clone()).collect();
    all.sort();
    assert_eq!(tickets, all);
    assert_eq!(claim(store, 49, 60, 10).await, []);
    let mut work = unit(store).await;
    assert!(work.postpone_cas_logout(&all[0], at(500)).await.unwrap());
    work.commit().await.unwrap();
    let due = claim(store, 50, 60, 10).await;
    assert_eq!(due.len(), 5);
    assert!(due.iter().all(|notice| notice.attempts == 1 && notice.ticket != all[0]));
}
