//! Long work over a real database, with a clock of its own and nodes that come and go.

use std::sync::Arc;
use std::time::Duration;

use app::{App, Clock, Entropy, HashSettings, Issuer, Limits, Mandate, Parts, Refusal};
use domain::{Device, DeviceState, Job, JobState, Permissions, Role, Roles, RowOutcome, Timestamp};
use jose::seal::MasterKey;
use store::Store;
use testkit::DeviceKey;

use super::*;
use crate::devices::NewDevice;
use crate::import::{ImportKind, NotImported};
use crate::users::NewUser;
use crate::{Paging, Registry, Settings};

struct Place {
    clock: Clock,
    store: Arc<dyn Store>,
    registry: Registry,
    by: Mandate,
}

fn node(store: &Arc<dyn Store>, clock: &Clock) -> Registry {
    let app = App::new(Parts {
        issuer: Issuer::parse("https://id.example").unwrap(),
        store: Arc::clone(store),
        live: Arc::new(live::InProcess::default()),
        outbound: Arc::new(outbound::Closed),
        mailer: None,
        clock: clock.clone(),
        entropy: Entropy::system(),
        hashing: HashSettings::default(),
        master_key: MasterKey::new([7; 32]),
        limits: Limits::unlimited(),
    });
    app.vault().open(MasterKey::new([8; 32]));
    Registry::new(&app, Settings::default())
}

async fn place(people: usize) -> Place {
    let clock = Clock::manual(Timestamp::from_seconds(1_800_000_000));
    let store: Arc<dyn Store> =
        Arc::new(store_sql::SqlStore::open(store_sql::Settings::temporary()).await.unwrap());
    let registry = node(&store, &clock);
    for number in 0..people {
        let username = format!("person{number}");
        registry.create_user(NewUser { username, ..NewUser::default() }).await.unwrap();
    }
    Place { clock, store, registry, by: Mandate::operator() }
}

impl Place {
    async fn phone(&self, username: &str) -> Device {
        let new = NewDevice {
            username: username.to_owned(),
            public_jwk: DeviceKey::generate().jwk().to_string(),
            name: "Phone".to_owned(),
            platform: "Android".to_owned(),
            model: None,
        };
        self.registry.add_device(new).await.unwrap().device
    }

    async fn devices(&self, ids: &[&Device]) -> Vec<DeviceState> {
        let mut view = self.store.read().await.unwrap();
        let mut states = Vec::new();
        for device in ids {
            states.push(view.device(&device.id).await.unwrap().unwrap().state);
        }
        states
    }

    async fn bulk(&self, action: BulkAction, ids: &[&Device]) -> Job {
        let asked = BulkAsked {
            action,
            ids: Some(ids.iter().map(|device| device.id.to_string()).collect()),
            filter: BulkFilter::default(),
            group: None,
            reason: Some("test".to_owned()),
        };
        let job = self.registry.plan_bulk(&self.by, asked).await.unwrap();
        self.registry.start_job(&self.by, &job.id).await.unwrap()
    }

    /// Works until nothing is due.
    async fn work(&self) {
        while self.registry.run_jobs("node").await.unwrap() {}
    }

    async fn state(&self, job: &Job) -> JobState {
        self.registry.job(&job.id).await.unwrap().state
    }
}

fn people(count: usize) -> String {
    (0..count).fold("username\n".to_owned(), |file, number| format!("{file}new{number}\n"))
}

#[tokio::test]
async fn sec_081_what_is_for_good_waits_for_the_end_of_undoing() {
    let place = place(1).await;
    let (one, two, three) =
        (place.phone("person0").await, place.phone("person0").await, place.phone("person0").await);
    place.registry.suspend_device(&two.id.to_string()).await.unwrap();
    let all = [&one, &two, &three];
    let job = place.bulk(BulkAction::RevokeDevices, &all).await;
    place.work().await;
    assert_eq!(place.state(&job).await, JobState::Undoable);
    assert_eq!(place.devices(&all).await, [DeviceState::Suspended; 3], "stopped at once");
    // Undone: each is what it was.
    place.registry.undo_job(&place.by, &job.id).await.unwrap();
    place.work().await;
    assert_eq!(place.state(&job).await, JobState::Undone);
    let before = [DeviceState::Active, DeviceState::Suspended, DeviceState::Active];
    assert_eq!(place.devices(&all).await, before);

    let job = place.bulk(BulkAction::RevokeDevices, &all).await;
    place.work().await;
    // Somebody lets one act again meanwhile: that decision stands.
    place.registry.restore_device(&three.id.to_string()).await.unwrap();
    place.clock.advance(UNDO);
    let late = place.registry.undo_job(&place.by, &job.id).await;
    assert_eq!(late.unwrap_err(), Refusal::Conflict("undo_over"));
    place.work().await;
    assert_eq!(place.state(&job).await, JobState::Finished);
    let after = [DeviceState::Revoked, DeviceState::Revoked, DeviceState::Active];
    assert_eq!(place.devices(&all).await, after);
    let rows = place.registry.job_rows(&job.id, RowQuery { rows: 10, ..RowQuery::default() }).await.unwrap();
    let outcomes: Vec<Option<RowOutcome>> = rows.iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Some(RowOutcome::Final)).count(), 2);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Some(RowOutcome::Failed)).count(), 1);
}

#[tokio::test]
async fn a_rejected_phone_waits_until_undoing_is_over() {
    let place = place(1).await;
    let device = place.phone("person0").await;
    let mut work = place.store.begin().await.unwrap();
    let now = place.registry.now();
    work.move_device(&device.id, None, &[DeviceState::Active], DeviceState::Pending, now).await.unwrap();
    work.commit().await.unwrap();
    let job = place.bulk(BulkAction::RejectDevices, &[&device]).await;
    place.work().await;
    assert_eq!(place.devices(&[&device]).await, [DeviceState::Pending]);
    place.clock.advance(UNDO);
    place.work().await;
    assert_eq!(
        (place.devices(&[&device]).await, place.state(&job).await),
        (vec![DeviceState::Revoked], JobState::Finished)
    );
}

#[tokio::test]
async fn another_node_takes_over_and_repeats_nothing() {
    let place = place(0).await;
    let file = people(250);
    let job = place.registry.import(&place.by, ImportKind::Users, file.as_bytes()).await.unwrap();
    place.registry.start_job(&place.by, &job.id).await.unwrap();
    assert!(place.registry.run_jobs("first").await.unwrap());
    assert_eq!(place.registry.job(&job.id).await.unwrap().counts.done, CHUNK);
    // The first node is silent. Nobody else works while its lease runs.
    let other = node(&place.store, &place.clock);
    assert!(!other.run_jobs("second").await.unwrap());
    place.clock.advance(LEASE);
    assert!(other.run_jobs("second").await.unwrap());
    // The first wakes up in the middle: the work is not its own any more.
    assert!(!place.registry.run_jobs("first").await.unwrap());
    while other.run_jobs("second").await.unwrap() {}
    let done = place.registry.job(&job.id).await.unwrap();
    assert_eq!((done.state, done.counts.done, done.counts.failed), (JobState::Finished, 250, 0));
    let made = place.registry.users(&Paging { limit: 500, ..Paging::default() }).await.unwrap();
    assert_eq!(made.len(), 250);
}

#[tokio::test]
async fn work_that_is_stopped_does_no_more_rows() {
    let place = place(0).await;
    let file = people(250);
    let job = place.registry.import(&place.by, ImportKind::Users, file.as_bytes()).await.unwrap();
    let early = place.registry.undo_job(&place.by, &job.id).await;
    assert_eq!(early.unwrap_err(), Refusal::Conflict("job_state"));
    place.registry.start_job(&place.by, &job.id).await.unwrap();
    assert_eq!(
        place.registry.start_job(&place.by, &job.id).await.unwrap_err(),
        Refusal::Conflict("job_state")
    );
    assert!(place.registry.run_jobs("node").await.unwrap());
    let stopped = place.registry.cancel_job(&place.by, &job.id).await.unwrap();
    assert_eq!((stopped.state, stopped.counts.done), (JobState::Cancelled, CHUNK));
    place.work().await;
    assert_eq!(place.registry.users(&Paging { limit: 500, ..Paging::default() }).await.unwrap().len(), 100);
    assert_eq!(
        place.registry.cancel_job(&place.by, &job.id).await.unwrap_err(),
        Refusal::Conflict("job_state")
    );
}

#[tokio::test]
async fn sec_071_the_secrets_of_letters_are_forgotten_after_a_day() {
    let place = place(2).await;
    let job =
        place.registry.import(&place.by, ImportKind::Letters, b"username\nperson0\nperson1\n").await.unwrap();
    place.registry.start_job(&place.by, &job.id).await.unwrap();
    place.work().await;
    let counts = place.registry.app.meters().take(place.registry.now());
    assert!(counts.iter().any(|one| (one.name.as_str(), one.count) == ("enrolment.made", 2)), "{counts:?}");
    let pdf = place.registry.letters_pdf(&place.by, &job.id, "letter").await.unwrap();
    assert!(pdf.starts_with(b"%PDF"));
    assert!(!place.registry.drop_old_secrets().await.unwrap());
    place.clock.advance(SECRETS);
    // Also before they are dropped.
    assert_eq!(place.registry.letters_pdf(&place.by, &job.id, "letter").await.unwrap_err(), Refusal::Gone);
    assert!(place.registry.drop_old_secrets().await.unwrap());
    assert!(!place.registry.drop_old_secrets().await.unwrap());
    let left = place.store.read().await.unwrap().job_secrets(&job.id, 0, 10).await.unwrap();
    assert_eq!(left, []);
}

#[tokio::test]
async fn sec_180_each_piece_of_work_needs_its_own_permission() {
    let place = place(1).await;
    let device = place.phone("person0").await;
    let with = |role| Mandate { permissions: Permissions::of(Roles::NONE.with(role)), ..Mandate::operator() };
    let (registrar, helpdesk) = (with(Role::DeviceRegistrar), with(Role::Helpdesk));
    let refused = place.registry.import(&registrar, ImportKind::Users, b"username\nx\n").await;
    assert!(matches!(refused, Err(NotImported::Refused(Refusal::Forbidden))));
    let job = place.registry.import(&place.by, ImportKind::Users, b"username\nx\n").await.unwrap();
    for by in [&registrar, &helpdesk] {
        assert_eq!(place.registry.start_job(by, &job.id).await.unwrap_err(), Refusal::Forbidden);
        assert_eq!(place.registry.cancel_job(by, &job.id).await.unwrap_err(), Refusal::Forbidden);
    }
    let asked = |action| BulkAsked {
        action,
        ids: Some(vec![device.id.to_string()]),
        filter: BulkFilter::default(),
        group: None,
        reason: None,
    };
    assert!(place.registry.plan_bulk(&helpdesk, asked(BulkAction::SuspendDevices)).await.is_ok());
    let refused = place.registry.plan_bulk(&helpdesk, asked(BulkAction::RevokeDevices)).await;
    assert_eq!(refused.unwrap_err(), Refusal::Forbidden);
    assert_eq!(permission(JobKind::BulkAction, Some(BulkAction::EndSessions)), Permission::SessionsEnd);
    assert_eq!(UNDO, Duration::from_secs(60), "decision 8");
}

#[tokio::test]
async fn sec_181_no_letter_lets_a_registrar_in_as_somebody_who_may_do_more() {
    let place = place(2).await;
    let boss = place.registry.user("person0").await.unwrap();
    let mut work = place.store.begin().await.unwrap();
    work.set_own_roles(&boss.id, Roles::NONE.with(Role::Superadmin), None, place.registry.now())
        .await
        .unwrap();
    work.commit().await.unwrap();
    let registrar = Mandate {
        permissions: Permissions::of(Roles::NONE.with(Role::DeviceRegistrar)),
        ..Mandate::operator()
    };
    let key = DeviceKey::generate().jwk().to_string().replace('"', "\"\"");
    for (kind, file) in [
        (ImportKind::Letters, "username\nperson0\nperson1\n".to_owned()),
        (ImportKind::Devices, format!("username,public_key\nperson0,\"{key}\"\n")),
    ] {
        let rows = async |job: &Job| {
            place.registry.job_rows(&job.id, RowQuery { rows: 10, ..RowQuery::default() }).await.unwrap()
        };
        // Looked at by the registrar the row is in conflict, and nothing of it is done.
        let job = place.registry.import(&registrar, kind, file.as_bytes()).await.unwrap();
        let planned = rows(&job).await;
        assert_eq!((planned[0].fate, planned[0].field.as_deref()), (RowFate::Conflict, Some("roles")));
        assert!(planned.iter().skip(1).all(|row| row.fate == RowFate::Create));
        // Looked at by somebody who may, and started by the registrar, it fails.
        let job = place.registry.import(&place.by, kind, file.as_bytes()).await.unwrap();
        place.registry.start_job(&registrar, &job.id).await.unwrap();
        place.work().await;
        let done = rows(&job).await;
        assert_eq!((done[0].outcome, done[0].field.as_deref()), (Some(RowOutcome::Failed), Some("roles")));
        assert!(done.iter().skip(1).all(|row| row.outcome == Some(RowOutcome::Done)));
    }
}

/// Letters that somebody with more rights had made are printed by nobody with less.
#[tokio::test]
async fn sec_181_a_registrar_prints_no_letter_of_somebody_who_may_do_more() {
    let place = place(2).await;
    let job =
        place.registry.import(&place.by, ImportKind::Letters, b"username\nperson0\nperson1\n").await.unwrap();
    place.registry.start_job(&place.by, &job.id).await.unwrap();
    place.work().await;
    let registrar = Mandate {
        permissions: Permissions::of(Roles::NONE.with(Role::DeviceRegistrar)),
        ..Mandate::operator()
    };
    assert!(place.registry.letters_pdf(&registrar, &job.id, "letter").await.is_ok());
    let boss = place.registry.user("person1").await.unwrap();
    let mut work = place.store.begin().await.unwrap();
    work.set_own_roles(&boss.id, Roles::NONE.with(Role::Superadmin), None, place.registry.now())
        .await
        .unwrap();
    work.commit().await.unwrap();
    let printed = place.registry.letters_pdf(&registrar, &job.id, "letter").await;
    assert_eq!(printed.unwrap_err(), Refusal::Forbidden);
    assert!(place.registry.letters_pdf(&place.by, &job.id, "letter").await.is_ok());
}

/// Who loses the role while work runs does no more of it; somebody else takes back what was done.
#[tokio::test]
async fn sec_181_work_outlives_no_role() {
    let place = place(2).await;
    let registrar = place.registry.user("person0").await.unwrap();
    let give = async |roles: Roles| {
        let mut work = place.store.begin().await.unwrap();
        work.set_own_roles(&registrar.id, roles, None, place.registry.now()).await.unwrap();
        work.commit().await.unwrap();
    };
    let by = Mandate {
        actor: domain::Actor::Account(registrar.id),
        account: Some(registrar.id),
        permissions: Permissions::of(Roles::NONE.with(Role::DeviceRegistrar)),
        address: None,
        is_fresh: true,
    };
    let phone = place.phone("person1").await;
    let suspend = async || {
        let asked = BulkAsked {
            action: BulkAction::SuspendDevices,
            ids: Some(vec![phone.id.to_string()]),
            filter: BulkFilter::default(),
            group: None,
            reason: None,
        };
        let job = place.registry.plan_bulk(&by, asked).await.unwrap();
        place.registry.start_job(&by, &job.id).await.unwrap()
    };
    give(Roles::NONE.with(Role::DeviceRegistrar)).await;
    let job = suspend().await;
    give(Roles::NONE).await;
    place.work().await;
    assert_eq!(place.devices(&[&phone]).await, [DeviceState::Active]);
    assert_eq!(place.registry.job(&job.id).await.unwrap().counts.failed, 1);

    give(Roles::NONE.with(Role::DeviceRegistrar)).await;
    let job = suspend().await;
    place.work().await;
    assert_eq!(place.devices(&[&phone]).await, [DeviceState::Suspended]);
    give(Roles::NONE).await;
    place.registry.undo_job(&place.by, &job.id).await.unwrap();
    place.work().await;
    assert_eq!(place.devices(&[&phone]).await, [DeviceState::Active], "undone by the operator");
}

/// Undoing lets nothing back that was stopped for another reason meanwhile.
#[tokio::test]
async fn sec_079_undoing_takes_back_no_loss_and_no_lock_down() {
    let place = place(3).await;
    let (lost, locked, other) =
        (place.phone("person0").await, place.phone("person1").await, place.phone("person2").await);
    let all = [&lost, &locked, &other];
    let phones = place.bulk(BulkAction::SuspendDevices, &all).await;
    let ids = [locked.account, other.account];
    let asked = BulkAsked {
        action: BulkAction::DisableUsers,
        ids: Some(ids.iter().map(ToString::to_string).collect()),
        filter: BulkFilter::default(),
        group: None,
        reason: None,
    };
    let people = place.registry.plan_bulk(&place.by, asked).await.unwrap();
    place.registry.start_job(&place.by, &people.id).await.unwrap();
    place.work().await;
    place.clock.advance(Duration::from_secs(5));
    let owner = crate::devices::change::DeviceActor::operator();
    place.registry.lost_device(&owner, &lost.id, crate::lost::LostReason::Lost, None).await.unwrap();
    place.registry.lock_down(&place.by, &locked.account, Some("taken over")).await.unwrap();
    for job in [&phones, &people] {
        place.registry.undo_job(&place.by, &job.id).await.unwrap();
    }
    place.work().await;
    use DeviceState as S;
    assert_eq!(place.devices(&all).await, [S::Suspended, S::Suspended, S::Active]);
    let mut view = place.store.read().await.unwrap();
    assert!(!view.account(&locked.account).await.unwrap().unwrap().is_active());
    assert!(view.account(&other.account).await.unwrap().unwrap().is_active());
}

/// Long work keeps no name of somebody who was deleted, whether it came to them or not.
#[tokio::test]
async fn sec_199_rows_of_long_work_forget_whoever_is_deleted() {
    let place = place(2).await;
    let phone = place.phone("person0").await;
    place.bulk(BulkAction::SuspendDevices, &[&phone]).await;
    let file = b"username,name\nnew0,Grace Hopper\nperson0,Ada Lovelace\nperson1,Emmy Noether\n";
    let job = place.registry.import(&place.by, ImportKind::Users, file).await.unwrap();
    place.registry.start_job(&place.by, &job.id).await.unwrap();
    place.work().await;
    place
        .registry
        .import(&place.by, ImportKind::Letters, b"username\nperson0\nnew0\nperson1\n")
        .await
        .unwrap();
    for name in ["person0", "new0"] {
        let id = place.registry.user(name).await.unwrap().id;
        place.registry.delete_person(&place.by, &id, None).await.unwrap();
    }
    let mut view = place.store.read().await.unwrap();
    let mut rows = Vec::new();
    for job in view.jobs(store::JobFilter::default(), None, 10).await.unwrap() {
        rows.extend(view.job_rows(&job.id, store::RowFilter::default(), 0, 50).await.unwrap());
    }
    assert_eq!(rows.len(), 7, "that there was a row stays");
    let kept = format!("{rows:?}");
    for gone in ["person0", "new0", "Ada", "Grace", &phone.id.to_string()] {
        let is_subject = rows.iter().any(|row| row.subject.as_deref() == Some(gone));
        assert!(is_subject || !kept.contains(gone), "{gone}: {kept}");
    }
    assert_eq!(rows.iter().filter(|row| row.label == "person1").count(), 2, "others keep theirs");
}
