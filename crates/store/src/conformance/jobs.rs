//! Promises about long work.

use domain::{
    AccountId, AccountState, Actor, BulkAction, Cursor, DeviceState, Job, JobCounts, JobId, JobKind, JobRow,
    JobState, OutcomeFilter, RowDone, RowFate, RowOutcome,
};
use futures_util::future::join_all;

use super::given::{NOW, at, bytes, kept_account, kept_device, kept_session, unit};
use crate::{AccountFit, DeviceFit, JobFilter, JobMove, RowFilter, Store};

fn job() -> Job {
    Job {
        id: JobId::from_random(bytes()),
        kind: JobKind::BulkAction,
        action: Some(BulkAction::SuspendDevices),
        state: JobState::Draft,
        made_by: Actor::Operator,
        options: r#"{"a":1}"#.to_owned(),
        counts: JobCounts::default(),
        created_at: NOW,
        started_at: None,
        finished_at: None,
        undo_until: None,
        secrets_until: None,
    }
}

fn row(number: u32, fate: RowFate) -> JobRow {
    let is_conflict = fate == RowFate::Conflict;
    JobRow {
        number,
        label: format!("row \u{fc} {number}"),
        input: r#"{"quoted":"\"'\n"}"#.to_owned(),
        fate,
        field: is_conflict.then(|| "email".to_owned()),
        reason: is_conflict.then(|| "is \"bad\"".to_owned()),
        outcome: None,
        subject: None,
        about: (number == 2).then(|| "ada".to_owned()),
    }
}

/// A job that is checked, with two rows to do, one that is so already and one that cannot be done.
async fn ready(store: &dyn Store) -> Job {
    let mut job = job();
    let fates = [RowFate::Create, RowFate::Unchanged, RowFate::Conflict, RowFate::Change];
    let rows: Vec<JobRow> = fates.into_iter().zip(1..).map(|(fate, number)| row(number, fate)).collect();
    let mut work = unit(store).await;
    work.add_job(&job).await.unwrap();
    work.add_job_rows(&job.id, &rows).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(store.read().await.unwrap().job(&job.id).await.unwrap(), None, "a draft is nobody's");
    job.counts = JobCounts { to_do: 2, unchanged: 1, conflict: 1, ..JobCounts::default() };
    job.state = JobState::Ready;
    let mut work = unit(store).await;
    assert!(work.ready_job(&job.id, job.counts).await.unwrap());
    assert!(!work.ready_job(&job.id, job.counts).await.unwrap());
    work.commit().await.unwrap();
    job
}

/// A job with a row about each of these, and one more that made this account.
pub(super) async fn about(store: &dyn Store, whose: &[String], made: &AccountId) -> JobId {
    let job = job();
    let mut rows: Vec<JobRow> = (1..)
        .zip(whose)
        .map(|(number, whose)| JobRow { about: Some(whose.clone()), ..row(number, RowFate::Change) })
        .collect();
    let last = u32::try_from(rows.len()).unwrap() + 1;
    rows.push(JobRow { about: None, ..row(last, RowFate::Create) });
    let done = RowDone {
        number: last,
        outcome: RowOutcome::Done,
        field: None,
        reason: None,
        subject: Some(made.to_string()),
        secret: Some("c2VjcmV0".to_owned()),
    };
    let mut work = unit(store).await;
    work.add_job(&job).await.unwrap();
    work.add_job_rows(&job.id, &rows).await.unwrap();
    let counts = JobCounts { done: 1, ..JobCounts::default() };
    work.close_rows(&job.id, &[done], counts).await.unwrap();
    work.commit().await.unwrap();
    job.id
}

async fn moved(store: &dyn Store, job: &Job, from: JobState, step: JobMove) -> bool {
    let mut work = unit(store).await;
    let is_moved = work.move_job(&job.id, &[from], step).await.unwrap();
    work.commit().await.unwrap();
    is_moved
}

/// Work and its rows come back as they were kept, in pages.
pub async fn a_job_survives_its_row(store: &dyn Store) {
    let (first, second) = (ready(store).await, ready(store).await);
    let mut view = store.read().await.unwrap();
    assert_eq!(view.job(&first.id).await.unwrap().as_ref(), Some(&first));
    let all = view.jobs(JobFilter::default(), None, 10).await.unwrap();
    assert_eq!(all.len(), 2);
    let cursor = Cursor { key: NOW.millis().to_string(), id: all[0].id.to_string() };
    assert_eq!(view.jobs(JobFilter::default(), Some(&cursor), 10).await.unwrap(), all[1..]);
    let kind = |kind| JobFilter { kind: Some(kind), ..JobFilter::default() };
    assert_eq!(view.jobs(kind(JobKind::ImportUsers), None, 10).await.unwrap(), []);
    assert_eq!(view.jobs(kind(JobKind::BulkAction), None, 10).await.unwrap().len(), 2);
    let rows = view.job_rows(&second.id, RowFilter::default(), 0, 10).await.unwrap();
    assert_eq!(rows[0], row(1, RowFate::Create));
    assert_eq!(rows[2], row(3, RowFate::Conflict));
    assert_eq!(view.job_rows(&second.id, RowFilter::default(), 1, 2).await.unwrap(), rows[1..3]);
    let conflicts = RowFilter { fate: Some(RowFate::Conflict), outcome: None };
    assert_eq!(view.job_rows(&second.id, conflicts, 0, 10).await.unwrap(), rows[2..3]);
    let waiting = RowFilter { fate: None, outcome: Some(OutcomeFilter::Waiting) };
    let numbers: Vec<u32> =
        view.job_rows(&second.id, waiting, 0, 10).await.unwrap().iter().map(|row| row.number).collect();
    assert_eq!(numbers, [1, 4]);
}

/// What became of a row is written with its deed or not at all, and counted; secrets go when they are dropped.
pub async fn what_became_of_a_row_is_kept(store: &dyn Store) {
    let job = ready(store).await;
    let done = RowDone {
        number: 1,
        outcome: RowOutcome::Done,
        field: None,
        reason: None,
        subject: Some("dev_x".to_owned()),
        secret: Some("c2VjcmV0".to_owned()),
    };
    let failed = RowDone {
        number: 4,
        outcome: RowOutcome::Failed,
        field: Some("name".to_owned()),
        reason: Some("is \"gone\"".to_owned()),
        subject: None,
        secret: None,
    };
    let counted = JobCounts { done: 1, failed: 1, ..JobCounts::default() };
    let rows = [done, failed];
    let mut dropped = unit(store).await;
    dropped.close_rows(&job.id, &rows, counted).await.unwrap();
    drop(dropped);
    let mut view = store.read().await.unwrap();
    let waiting = RowFilter { fate: None, outcome: Some(OutcomeFilter::Waiting) };
    assert_eq!(view.job_rows(&job.id, waiting, 0, 10).await.unwrap().len(), 2);

    let mut work = unit(store).await;
    work.close_rows(&job.id, &rows, counted).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(view.job_rows(&job.id, waiting, 0, 10).await.unwrap(), []);
    let is = |outcome| RowFilter { fate: None, outcome: Some(OutcomeFilter::Is(outcome)) };
    let kept = view.job_rows(&job.id, is(RowOutcome::Failed), 0, 10).await.unwrap().remove(0);
    assert_eq!((kept.field.as_deref(), kept.reason.as_deref()), (Some("name"), Some("is \"gone\"")));
    let kept = view.job_rows(&job.id, is(RowOutcome::Done), 0, 10).await.unwrap().remove(0);
    assert_eq!((kept.number, kept.subject.as_deref(), kept.reason), (1, Some("dev_x"), None));
    let counts = view.job(&job.id).await.unwrap().unwrap().counts;
    assert_eq!((counts.done, counts.failed, counts.to_do), (1, 1, 2));

    let step = JobMove { secrets_until: Some(at(60)), ..JobMove::to(JobState::Finished) };
    assert!(moved(store, &job, JobState::Ready, step).await);
    assert_eq!(view.job_secrets(&job.id, 0, 10).await.unwrap()[0].secret, "c2VjcmV0");
    assert_eq!(view.job_secrets(&job.id, 1, 10).await.unwrap(), []);
    let mut work = unit(store).await;
    assert!(!work.drop_old_secrets(at(59)).await.unwrap());
    assert!(work.drop_old_secrets(at(60)).await.unwrap());
    assert!(!work.drop_old_secrets(at(60)).await.unwrap());
    assert!(!work.drop_secrets(&job.id).await.unwrap());
    work.commit().await.unwrap();
    assert_eq!(view.job_secrets(&job.id, 0, 10).await.unwrap(), []);
    assert_eq!(view.job(&job.id).await.unwrap().unwrap().secrets_until, None);
}

/// Of many nodes one works; another takes over when the first no longer holds the work.
pub async fn a_job_is_worked_on_by_one_node(store: &dyn Store) {
    let job = ready(store).await;
    let mut work = unit(store).await;
    assert_eq!(work.claim_job("a", NOW, at(30)).await.unwrap(), None, "nobody started it");
    work.commit().await.unwrap();
    let step = JobMove { started_at: Some(NOW), ..JobMove::to(JobState::Running) };
    assert!(moved(store, &job, JobState::Ready, step).await);
    assert!(!moved(store, &job, JobState::Ready, step).await, "started once");
    let claimed = join_all((0..8).map(|node| async move {
        let mut work = unit(store).await;
        let claimed = work.claim_job(&format!("node {node}"), NOW, at(30)).await.unwrap();
        work.commit().await.unwrap();
        claimed.map(|_| format!("node {node}"))
    }))
    .await;
    let first: Vec<String> = claimed.into_iter().flatten().collect();
    assert_eq!(first.len(), 1);
    let mut work = unit(store).await;
    assert!(work.hold_job(&job.id, &first[0], JobState::Running, at(60)).await.unwrap());
    assert!(!work.hold_job(&job.id, "another", JobState::Running, at(60)).await.unwrap());
    assert!(!work.hold_job(&job.id, &first[0], JobState::Undoing, at(60)).await.unwrap());
    assert!(work.claim_job(&first[0], at(1), at(60)).await.unwrap().is_some(), "its own again");
    assert!(work.claim_job("another", at(59), at(90)).await.unwrap().is_none());
    assert!(work.claim_job("another", at(60), at(90)).await.unwrap().is_some(), "the first is lost");
    assert!(!work.hold_job(&job.id, &first[0], JobState::Running, at(99)).await.unwrap());
    work.release_job(&job.id, "another").await.unwrap();
    assert!(work.claim_job("a third", at(61), at(90)).await.unwrap().is_some(), "let go");
    let undoable = JobMove { undo_until: Some(at(120)), ..JobMove::to(JobState::Undoable) };
    assert!(work.move_job(&job.id, &[JobState::Running], undoable).await.unwrap());
    assert!(work.claim_job("a third", at(119), at(150)).await.unwrap().is_none(), "may be undone still");
    assert!(work.claim_job("a third", at(120), at(150)).await.unwrap().is_some());
    work.commit().await.unwrap();
}

/// Many things are found by one statement, each with what a check needs to know.
pub async fn many_are_found_at_once(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let phone = kept_device(store, ada.id).await;
    let session = kept_session(store, super::given::session(ada.id)).await;
    let mut view = store.read().await.unwrap();
    let names = ["ada".to_owned(), "bob".to_owned(), "no\"body".to_owned()];
    let mut found = view.accounts_named(&names).await.unwrap();
    found.sort_by_key(|found| found.account.username.key().to_owned());
    assert_eq!(found.len(), 2);
    assert_eq!((&found[0].account, found[0].devices), (&ada, 1));
    assert_eq!((&found[1].account, found[1].devices), (&bob, 0));
    assert_eq!(view.accounts_with_ids(&[bob.id.to_string()]).await.unwrap()[0].account.id, bob.id);
    let without = AccountFit { without_device: true, ..AccountFit::default() };
    assert_eq!(view.accounts_that_fit(without, "", 10).await.unwrap()[0].account.id, bob.id);
    let named = AccountFit { search: Some("ad"), state: Some(AccountState::Active), ..AccountFit::default() };
    assert_eq!(view.accounts_that_fit(named, "", 10).await.unwrap()[0].account.id, ada.id);
    assert_eq!(view.accounts_that_fit(named, &ada.id.to_string(), 10).await.unwrap(), []);
    let grouped = AccountFit { group: Some("nobody's"), ..AccountFit::default() };
    assert_eq!(view.accounts_that_fit(grouped, "", 10).await.unwrap(), []);

    let by_key = view.devices_with_keys(std::slice::from_ref(&phone.key.thumbprint)).await.unwrap();
    assert_eq!((by_key[0].id, by_key[0].account, by_key[0].username.as_str()), (phone.id, ada.id, "ada"));
    assert_eq!(view.devices_with_ids(&[phone.id.to_string()]).await.unwrap(), by_key);
    let active = DeviceFit { state: Some(DeviceState::Active), search: Some("ada"), ..DeviceFit::default() };
    assert_eq!(view.devices_that_fit(active, "", 10).await.unwrap(), by_key);
    let unused = DeviceFit { unused_since: Some(at(-100_000_000)), ..DeviceFit::default() };
    assert_eq!(view.devices_that_fit(unused, "", 10).await.unwrap(), []);
    let of_group = DeviceFit { group: Some("x"), ..DeviceFit::default() };
    assert_eq!(view.devices_that_fit(of_group, "", 10).await.unwrap(), []);

    let ids = [session.id.to_string()];
    assert_eq!(view.sessions_with_ids(&ids, NOW).await.unwrap()[0].account, ada.id);
    assert_eq!(view.sessions_with_ids(&ids, session.expires_at).await.unwrap(), []);
}
