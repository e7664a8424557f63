//! Promises about words to people, and the mails that carry them.

use domain::{
    AccountId, Cursor, MailState, Notice, NoticeBy, NoticeId, NoticeKind, NoticeMail, SessionId, Timestamp,
};
use futures_util::future::join_all;

use super::given::{NOW, at, bytes, kept_account, unit};
use crate::Store;

fn notice(account: AccountId, kind: NoticeKind, made: i64, is_mailed: bool) -> Notice {
    Notice {
        id: NoticeId::from_random(bytes()),
        account,
        is_listed: kind.is_listed(),
        kind,
        created_at: at(made),
        seen_at: None,
        acted_at: None,
        mail: is_mailed.then(|| {
            NoticeMail::new("ada@example.org".to_owned(), "Ada".to_owned(), Some("de".to_owned()), at(made))
        }),
    }
}

async fn keep(store: &dyn Store, notices: &[Notice]) {
    let mut work = unit(store).await;
    for notice in notices {
        work.add_notice(notice).await.unwrap();
    }
    work.commit().await.unwrap();
}

async fn claim(store: &dyn Store, now: i64, until: i64, limit: u32) -> Vec<Notice> {
    let mut work = unit(store).await;
    let claimed = work.claim_mails(at(now), at(until), limit).await.unwrap();
    work.commit().await.unwrap();
    claimed
}

async fn kept(store: &dyn Store, id: &NoticeId) -> Notice {
    store.read().await.unwrap().notice(id).await.unwrap().unwrap()
}

/// What was kept comes back, newest first and page by page; mail alone stands in no list.
pub async fn a_list_comes_newest_first(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let by = NoticeBy::Owner;
    let mut all: Vec<Notice> = (0..5)
        .map(|second| {
            let session = SessionId::from_random(bytes());
            let kind = NoticeKind::NewSignIn {
                session,
                method: domain::Method::Phone,
                browser: "Firefox on Linux".to_owned(),
                address: "192.0.2.1".to_owned(),
                place: None,
            };
            notice(ada.id, kind, second / 2, second % 2 == 0)
        })
        .collect();
    let only_mail = notice(ada.id, NoticeKind::PasswordResetAsked, 9, true);
    keep(store, &all).await;
    keep(store, &[only_mail.clone(), notice(bob.id, NoticeKind::PasswordChanged { by }, 3, false)]).await;
    all.sort_by(|one, other| {
        (other.created_at, other.id.to_string()).cmp(&(one.created_at, one.id.to_string()))
    });
    let mut view = store.read().await.unwrap();
    assert_eq!(view.notices_of(&ada.id, None, 10).await.unwrap(), all);
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = view.notices_of(&ada.id, after.as_ref(), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(Cursor { key: last.created_at.millis().to_string(), id: last.id.to_string() });
        found.extend(page);
    }
    assert_eq!(found, all);
    let broken = Cursor { key: "x".to_owned(), id: String::new() };
    assert_eq!(view.notices_of(&ada.id, Some(&broken), 2).await.unwrap(), []);
    assert_eq!(kept(store, &only_mail.id).await, only_mail);
    assert_eq!(view.notice(&NoticeId::from_random(bytes())).await.unwrap(), None);
}

/// Its owner sees each notice once; somebody else's is none.
pub async fn a_notice_is_seen_by_its_owner(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let all: Vec<Notice> = (0..3).map(|_| notice(ada.id, NoticeKind::SecondFactorOn, 0, false)).collect();
    keep(store, &all).await;
    keep(store, &[notice(ada.id, NoticeKind::PasswordResetAsked, 0, true)]).await;
    let mut work = unit(store).await;
    assert_eq!(work.unseen_notices(&ada.id).await.unwrap(), 3);
    assert!(!work.see_notice(&bob.id, &all[0].id, at(1)).await.unwrap());
    assert!(work.see_notice(&ada.id, &all[0].id, at(1)).await.unwrap());
    assert!(!work.see_notice(&ada.id, &all[0].id, at(2)).await.unwrap());
    assert_eq!(work.unseen_notices(&ada.id).await.unwrap(), 2);
    assert_eq!(work.see_notices(&ada.id, at(3)).await.unwrap(), 2);
    assert_eq!(work.see_notices(&ada.id, at(4)).await.unwrap(), 0);
    work.commit().await.unwrap();
    assert_eq!(kept(store, &all[0].id).await.seen_at, Some(at(1)));
    assert_eq!(kept(store, &all[1].id).await.seen_at, Some(at(3)));
}

/// Of many who follow one link at once, one acts; late, or after a newer link, nobody does.
pub async fn sec_167_one_action_is_taken_once(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let reset = notice(ada.id, NoticeKind::PasswordResetAsked, 0, true);
    let late = notice(ada.id, NoticeKind::PasswordResetAsked, 0, true);
    keep(store, &[reset.clone(), late.clone()]).await;
    let act = |id: NoticeId, since: Timestamp| async move {
        let mut work = unit(store).await;
        let acted = work.act_on_notice(&id, since, at(1)).await.unwrap();
        work.commit().await.unwrap();
        acted
    };
    assert_eq!(act(late.id, at(0)).await, None, "its time is over");
    let took = join_all((0..8).map(|_| act(reset.id, at(-1)))).await;
    let took: Vec<_> = took.into_iter().flatten().collect();
    assert_eq!(took, [Notice { acted_at: Some(at(1)), ..reset.clone() }]);
    let newer = notice(ada.id, NoticeKind::PasswordResetAsked, 5, true);
    let other = notice(ada.id, NoticeKind::ConfirmEmail { address: "a@example.org".to_owned() }, 5, true);
    keep(store, &[newer.clone(), other.clone()]).await;
    let mut work = unit(store).await;
    assert_eq!(work.void_notices(&ada.id, "password_reset_asked", at(6)).await.unwrap(), 2);
    work.commit().await.unwrap();
    assert_eq!(act(newer.id, at(-1)).await, None);
    let waiting = async |kind: &'static str, since: i64| {
        store.read().await.unwrap().waiting_link(&ada.id, kind, at(since)).await.unwrap()
    };
    assert_eq!(waiting("confirm_email", 4).await, Some(other.clone()));
    assert_eq!(waiting("confirm_email", 5).await, None, "its time is over");
    assert_eq!(waiting("password_reset_asked", 4).await, None, "all were used");
    assert!(act(other.id, at(-1)).await.is_some());
}

/// Of those that claim, one gets each mail; it comes again when its turn comes, and never after it was settled.
pub async fn a_mail_is_claimed_by_one(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let mut all: Vec<Notice> = (0..20).map(|_| notice(ada.id, NoticeKind::SecondFactorOn, 0, true)).collect();
    keep(store, &all).await;
    keep(store, &[notice(ada.id, NoticeKind::SecondFactorOn, 0, false)]).await;
    let has_due = |now: i64| async move { store.read().await.unwrap().has_due_mail(at(now)).await.unwrap() };
    assert!(!has_due(-1).await && has_due(0).await);
    let claims = join_all((0..8).map(|_| claim(store, 0, 60, 5))).await;
    let mut claimed: Vec<Notice> = claims.concat();
    claimed.extend(claim(store, 0, 60, 100).await);
    claimed.sort_by_key(|notice| notice.id);
    all.sort_by_key(|notice| notice.id);
    assert_eq!(
        claimed.iter().map(|notice| notice.id).collect::<Vec<_>>(),
        all.iter().map(|notice| notice.id).collect::<Vec<_>>()
    );
    assert!(claimed.iter().all(|notice| notice.mail.as_ref().unwrap().attempts == 1));
    assert!(!has_due(59).await && has_due(60).await);

    let [sent, put_off, given_up] = [all[0].id, all[1].id, all[2].id];
    let mut work = unit(store).await;
    assert!(work.settle_mail(&sent, at(2)).await.unwrap());
    assert!(!work.settle_mail(&sent, at(3)).await.unwrap());
    assert!(!work.postpone_mail(&sent, at(5), "no").await.unwrap());
    assert!(!work.fail_mail(&sent, at(5), "no").await.unwrap());
    assert!(!work.retry_mail(&sent, at(5)).await.unwrap());
    assert!(work.postpone_mail(&put_off, at(5), "no answer").await.unwrap());
    assert!(work.fail_mail(&given_up, at(5), "no such box").await.unwrap());
    assert!(!work.fail_mail(&given_up, at(6), "again").await.unwrap());
    work.commit().await.unwrap();
    let again = claim(store, 5, 70, 100).await;
    assert_eq!(
        again
            .iter()
            .map(|notice| (notice.id, notice.mail.as_ref().map(|mail| mail.attempts)))
            .collect::<Vec<_>>(),
        [(put_off, Some(2))]
    );
    let mut view = store.read().await.unwrap();
    let counts = view.mail_counts(NOW).await.unwrap();
    assert_eq!((counts.waiting, counts.put_off, counts.sent, counts.failed), (18, 1, 1, 1));
    assert_eq!(counts.oldest_waiting, Some(at(0)));
    assert_eq!(view.mail_counts(at(1)).await.unwrap().sent, 0);
    for (state, count) in [(MailState::Waiting, 18), (MailState::Sent, 1), (MailState::Failed, 1)] {
        let first = view.mails(state, None, 7).await.unwrap();
        assert_eq!(first.len(), count.min(7), "{state:?}");
        let last = first.last().unwrap();
        let after = Cursor { key: last.created_at.millis().to_string(), id: last.id.to_string() };
        assert_eq!(view.mails(state, Some(&after), 100).await.unwrap().len(), count - count.min(7));
    }
    let failed = kept(store, &given_up).await.mail.unwrap();
    assert_eq!((failed.failed_at, failed.failure.as_deref()), (Some(at(5)), Some("no such box")));

    let mut work = unit(store).await;
    assert!(work.retry_mail(&given_up, at(8)).await.unwrap());
    work.commit().await.unwrap();
    let retried = claim(store, 8, 70, 100).await;
    assert_eq!(retried.iter().map(|notice| notice.id).collect::<Vec<_>>(), [given_up]);
    let mut work = unit(store).await;
    assert!(work.settle_mail(&given_up, at(9)).await.unwrap());
    work.commit().await.unwrap();
    assert_eq!(kept(store, &given_up).await.mail.unwrap().failed_at, None);
}

/// They go half a year later.
pub async fn notices_are_kept_for_half_a_year(store: &dyn Store) {
    const DAY: i64 = 24 * 3600;
    let ada = kept_account(store, "ada").await;
    let (old, new) = (
        notice(ada.id, NoticeKind::SecondFactorOn, 0, true),
        notice(ada.id, NoticeKind::SecondFactorOn, DAY, false),
    );
    keep(store, &[old, new.clone()]).await;
    assert_eq!(store.sweep(at(180 * DAY - 1), 100).await.unwrap(), 0);
    assert_eq!(store.sweep(at(180 * DAY), 100).await.unwrap(), 1);
    assert_eq!(store.read().await.unwrap().notices_of(&ada.id, None, 9).await.unwrap(), [new]);
}
