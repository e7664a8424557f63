//! Promises about groups, roles, claims, policies, and people as an administrator finds them.

use domain::{
    AccountId, AccountState, ClaimDefinition, ClaimEditor, ClaimKind, ClaimLimits, Cursor, Group, GroupId,
    GroupName, Overrides, PasswordHash, PeopleFilter, PeopleOrder, PeoplePage, Role, Roles,
};
use futures_util::future::join_all;

use super::given::{
    NOW, account, at, bytes, client, hash, kept_account, kept_device, passkey, session, unit,
};
use crate::{Store, StoreError};

fn group(name: &str) -> Group {
    Group {
        id: GroupId::from_random(bytes()),
        name: GroupName::parse(name).unwrap(),
        description: "Those outside".into(),
        roles: Roles::NONE,
        overrides: Overrides::default(),
        version: 1,
        created_at: NOW,
        changed_at: NOW,
    }
}

async fn kept_group(store: &dyn Store, name: &str, roles: Roles) -> Group {
    let group = Group { roles, ..group(name) };
    let mut work = unit(store).await;
    work.add_group(&group).await.unwrap();
    work.commit().await.unwrap();
    group
}

async fn seen(store: &dyn Store, id: &AccountId) -> (Roles, Vec<String>) {
    let account = store.read().await.unwrap().account(id).await.unwrap().unwrap();
    (account.roles, account.groups)
}

fn of(roles: &[Role]) -> Roles {
    roles.iter().copied().collect()
}

/// A policy is saved in place of the version that was seen, once.
pub async fn a_policy_has_versions(store: &dyn Store) {
    assert_eq!(store.read().await.unwrap().decided().await.unwrap(), crate::Decided::default());
    let mut work = unit(store).await;
    assert!(!work.save_policy("devices", "{}", 3, NOW).await.unwrap(), "there is none yet");
    assert!(work.save_policy("devices", r#"{"per_user":2}"#, 0, NOW).await.unwrap());
    assert!(!work.save_policy("devices", "{}", 0, NOW).await.unwrap(), "there is one by now");
    assert!(work.save_policy("devices", r#"{"per_user":3}"#, 1, at(1)).await.unwrap());
    assert!(!work.save_policy("devices", "{}", 1, at(2)).await.unwrap());
    work.commit().await.unwrap();
    let saved = store.read().await.unwrap().decided().await.unwrap().policies.remove(0);
    assert_eq!((saved.name.as_str(), saved.version, saved.changed_at), ("devices", 2, at(1)));
    assert_eq!(saved.value, r#"{"per_user":3}"#);
}

/// A claim's definition comes back as it was kept, and goes in the version that was seen.
pub async fn a_claim_is_defined_and_removed(store: &dyn Store) {
    let mut definition = ClaimDefinition {
        name: "department".into(),
        kind: ClaimKind::TextList,
        scope: Some("work".into()),
        labels: [("en".to_owned(), "Department".to_owned())].into(),
        edited_by: ClaimEditor::Owner,
        limits: ClaimLimits { most: Some(3), ..ClaimLimits::default() },
    };
    let mut work = unit(store).await;
    assert!(work.define_claim(&definition, 0, NOW).await.unwrap());
    assert!(!work.define_claim(&definition, 0, NOW).await.unwrap());
    definition.scope = None;
    assert!(work.define_claim(&definition, 1, NOW).await.unwrap());
    assert!(!work.define_claim(&definition, 1, NOW).await.unwrap());
    work.commit().await.unwrap();
    assert_eq!(store.read().await.unwrap().decided().await.unwrap().claims, [(definition, 2)]);
    let mut work = unit(store).await;
    assert!(!work.remove_claim("department", 1).await.unwrap());
    assert!(work.remove_claim("department", 2).await.unwrap());
    work.commit().await.unwrap();
    assert_eq!(store.read().await.unwrap().decided().await.unwrap().claims, []);
}

/// A group survives its row; its folded name is taken once.
pub async fn a_group_survives_its_row(store: &dyn Store) {
    let wishes = Overrides { per_user: Some(2), approval: Some(true), second_factor: None };
    let staff = Group { overrides: wishes, roles: of(&[Role::Auditor]), ..group("Field Staff") };
    let mut work = unit(store).await;
    work.add_group(&staff).await.unwrap();
    let refused = work.add_group(&group("field  STAFF")).await;
    assert!(matches!(refused, Err(StoreError::Conflict("group"))), "{refused:?}");
    work.add_group(&group("Others")).await.unwrap();
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.group(&staff.id).await.unwrap(), Some((staff.clone(), 0)));
    assert_eq!(view.group_by_name("field staff").await.unwrap(), Some(staff.clone()));
    assert_eq!(view.group(&GroupId::from_random(bytes())).await.unwrap(), None);
    assert_eq!(view.decided().await.unwrap().overrides, [("Field Staff".to_owned(), wishes)]);
    let page = view.groups("", None, 1).await.unwrap();
    assert_eq!(page, [(staff, 0)]);
    let cursor = Cursor { key: page[0].0.name.key().to_owned(), id: String::new() };
    assert_eq!(view.groups("", Some(&cursor), 9).await.unwrap().len(), 1);
    assert_eq!(view.groups("th", None, 9).await.unwrap().len(), 1);
    assert!(view.groups("%", None, 9).await.unwrap().is_empty(), "a sign of the pattern is itself");
}

/// What an account has from its groups is there when the unit ends that changes any of it.
pub async fn what_comes_from_groups_follows_them(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let staff = kept_group(store, "Staff", of(&[Role::Helpdesk])).await;
    let zoo = kept_group(store, "Zoo", of(&[Role::Auditor])).await;
    let nobody = AccountId::from_random(bytes());

    let mut work = unit(store).await;
    assert!(work.set_own_roles(&ada.id, of(&[Role::ClientManager]), Some(1), at(1)).await.unwrap());
    assert!(!work.set_own_roles(&ada.id, Roles::NONE, Some(1), at(1)).await.unwrap(), "it was changed");
    let mut added = work.add_members(&zoo.id, &[ada.id, bob.id, nobody], at(1)).await.unwrap();
    added.sort_unstable();
    let mut both = vec![ada.id, bob.id];
    both.sort_unstable();
    assert_eq!(added, both);
    assert_eq!(work.add_members(&zoo.id, &[ada.id], at(2)).await.unwrap(), [], "it is in already");
    assert_eq!(work.add_members(&staff.id, &[ada.id], at(2)).await.unwrap(), [ada.id]);
    work.commit().await.unwrap();
    let all = of(&[Role::ClientManager, Role::Helpdesk, Role::Auditor]);
    assert_eq!(seen(store, &ada.id).await, (all, vec!["Staff".to_owned(), "Zoo".to_owned()]));
    assert_eq!(seen(store, &bob.id).await, (of(&[Role::Auditor]), vec!["Zoo".to_owned()]));
    let mut view = store.read().await.unwrap();
    let person = view.person(&ada.id).await.unwrap().unwrap();
    assert_eq!((person.own_roles, person.version), (of(&[Role::ClientManager]), 2));
    assert_eq!(person.account.updated_at, at(2));
    let names: Vec<_> = view.groups_of(&ada.id).await.unwrap().into_iter().map(|group| group.id).collect();
    assert_eq!(names, [staff.id, zoo.id]);
    let members = view.group_members(&zoo.id, None, 1).await.unwrap();
    assert_eq!(members.len(), 1);
    let cursor = Cursor { key: members[0].username.key().to_owned(), id: String::new() };
    assert_eq!(view.group_members(&zoo.id, Some(&cursor), 9).await.unwrap()[0].id, bob.id);
    assert_eq!(view.group(&zoo.id).await.unwrap().unwrap().1, 2);

    // Renamed, with another role.
    let renamed = Group {
        name: GroupName::parse("Aviary").unwrap(),
        roles: of(&[Role::DeviceRegistrar]),
        changed_at: at(3),
        ..zoo.clone()
    };
    let mut work = unit(store).await;
    assert_eq!(work.edit_group(&renamed, 7).await.unwrap(), None);
    assert_eq!(work.edit_group(&renamed, 1).await.unwrap().unwrap().len(), 2);
    work.commit().await.unwrap();
    let all = of(&[Role::ClientManager, Role::Helpdesk, Role::DeviceRegistrar]);
    assert_eq!(seen(store, &ada.id).await, (all, vec!["Aviary".to_owned(), "Staff".to_owned()]));

    // One leaves, then the group goes.
    let mut work = unit(store).await;
    assert_eq!(work.remove_members(&zoo.id, &[bob.id, nobody], at(4)).await.unwrap(), [bob.id]);
    assert_eq!(work.delete_group(&zoo.id, 1, at(5)).await.unwrap(), None);
    assert_eq!(work.delete_group(&zoo.id, 2, at(5)).await.unwrap(), Some(vec![ada.id]));
    work.commit().await.unwrap();
    assert_eq!(seen(store, &bob.id).await, (Roles::NONE, vec![]));
    assert_eq!(
        seen(store, &ada.id).await,
        (of(&[Role::ClientManager, Role::Helpdesk]), vec!["Staff".to_owned()])
    );
    assert_eq!(store.read().await.unwrap().group(&zoo.id).await.unwrap(), None);
}

/// Units that change what an account has from its groups do not miss one another.
pub async fn groups_that_change_at_once_are_all_seen(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let mut groups = Vec::new();
    for number in 0..8 {
        groups.push(kept_group(store, &format!("Group {number}"), Roles::NONE).await);
    }
    join_all(groups.iter().map(|group| async {
        let mut work = unit(store).await;
        work.hold_people().await.unwrap();
        work.add_members(&group.id, &[ada.id], NOW).await.unwrap();
        work.commit().await.unwrap();
    }))
    .await;
    assert_eq!(seen(store, &ada.id).await.1.len(), 8);
}

/// A name that looks like another one's is as good as taken.
pub async fn a_username_that_looks_like_another_is_refused(store: &dyn Store) {
    kept_account(store, "paypal").await;
    let mut work = unit(store).await;
    let refused = work.add_account(&account("p\u{430}yp\u{430}l")).await;
    assert!(matches!(refused, Err(StoreError::Conflict("username"))), "{refused:?}");
}

/// An account is edited in the version that was seen; what it is found by follows.
pub async fn an_account_is_edited_once_per_version(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    kept_account(store, "bob").await;
    let mut edited = ada.clone();
    edited.username = "countess".parse().unwrap();
    edited.claims.insert("name".into(), "Ada King".into());
    edited.language = Some("de".into());
    let mut work = unit(store).await;
    assert!(!work.edit_account(&edited, 7, at(1)).await.unwrap());
    assert!(work.edit_account(&edited, 1, at(1)).await.unwrap());
    assert!(!work.edit_account(&ada, 1, at(1)).await.unwrap());
    work.commit().await.unwrap();
    let taken = domain::Account { username: "BOB".parse().unwrap(), ..edited.clone() };
    let refused = unit(store).await.edit_account(&taken, 2, at(1)).await;
    assert!(matches!(refused, Err(StoreError::Conflict("username"))), "{refused:?}");
    let mut view = store.read().await.unwrap();
    let person = view.person(&ada.id).await.unwrap().unwrap();
    assert_eq!(person.account, domain::Account { updated_at: at(1), ..edited });
    assert_eq!(person.version, 2);
    assert_eq!(view.account_by_username("ada").await.unwrap(), None);
    let named = |text: &str| PeopleFilter { text: text.into(), ..PeopleFilter::default() };
    let page = PeoplePage { order: PeopleOrder::Username, descending: false, after: None, limit: 9 };
    assert_eq!(view.people(&named("king"), &page).await.unwrap().len(), 1);
    assert!(
        view.people(&named("lovelace"), &page).await.unwrap().iter().all(|found| found.account.id != ada.id)
    );
}

/// People are found by each of their qualities, in every order, page by page.
pub async fn people_are_found_and_paged(store: &dyn Store) {
    let mut ids = Vec::new();
    for (number, name) in ["dora", "bob", "ada", "carl", "eva"].into_iter().enumerate() {
        let mut person = account(name);
        person.claims.insert("name".into(), format!("Person {name}").into());
        person.claims.insert("email".into(), format!("{name}@100%.example").into());
        // Two of one moment.
        person.created_at = at([5, 4, 3, 3, 1][number]);
        let mut work = unit(store).await;
        work.add_account(&person).await.unwrap();
        work.commit().await.unwrap();
        ids.push(person.id);
    }
    let staff = kept_group(store, "Staff", of(&[Role::Helpdesk])).await;
    kept_device(store, ids[0]).await;
    let mut work = unit(store).await;
    work.add_passkey(&passkey(ids[1])).await.unwrap();
    work.set_password(&PasswordHash { account: ids[1], phc: "$x".into(), changed_at: NOW }).await.unwrap();
    work.add_members(&staff.id, &[ids[2], ids[3]], NOW).await.unwrap();
    work.set_account_state(&ids[4], AccountState::Disabled, NOW).await.unwrap();
    work.commit().await.unwrap();

    let mut view = store.read().await.unwrap();
    assert_eq!(view.count_people().await.unwrap(), 5);
    let all = PeopleFilter::default();
    let orders = [
        (PeopleOrder::Username, false, vec!["ada", "bob", "carl", "dora", "eva"]),
        (PeopleOrder::Username, true, vec!["eva", "dora", "carl", "bob", "ada"]),
        (PeopleOrder::CreatedAt, false, vec!["eva", "?", "?", "bob", "dora"]),
        (PeopleOrder::CreatedAt, true, vec!["dora", "bob", "?", "?", "eva"]),
    ];
    for (order, descending, expected) in orders {
        for limit in [1, 2, 500] {
            let mut names: Vec<String> = Vec::new();
            let mut after: Option<Cursor> = None;
            loop {
                let page = PeoplePage { order, descending, after: after.as_ref(), limit };
                let found = view.people(&all, &page).await.unwrap();
                let Some(last) = found.last() else { break };
                after = Some(Cursor {
                    key: match order {
                        PeopleOrder::Username => last.account.username.key().to_owned(),
                        PeopleOrder::CreatedAt => last.account.created_at.millis().to_string(),
                    },
                    id: last.account.id.to_string(),
                });
                names.extend(found.iter().map(|person| person.account.username.key().to_owned()));
            }
            assert_eq!(names.len(), 5, "{order:?} {descending} {limit}: {names:?}");
            for (name, expected) in names.iter().zip(&expected) {
                assert!(*expected == "?" || name == expected, "{order:?} {descending} {limit}: {names:?}");
            }
        }
    }

    let page = PeoplePage { order: PeopleOrder::Username, descending: false, after: None, limit: 9 };
    let filters = [
        (PeopleFilter { text: "person b".into(), ..all.clone() }, vec!["bob"]),
        (PeopleFilter { text: "a@100%.".into(), ..all.clone() }, vec!["ada", "dora", "eva"]),
        (PeopleFilter { text: "0_.".into(), ..all.clone() }, vec![]),
        (PeopleFilter { state: Some(AccountState::Disabled), ..all.clone() }, vec!["eva"]),
        (PeopleFilter { group: Some(staff.id), ..all.clone() }, vec!["ada", "carl"]),
        (PeopleFilter { group: Some(GroupId::from_random(bytes())), ..all.clone() }, vec![]),
        (PeopleFilter { role: Some(Role::Helpdesk), ..all.clone() }, vec!["ada", "carl"]),
        (PeopleFilter { role: Some(Role::Auditor), ..all.clone() }, vec![]),
        (PeopleFilter { has_device: Some(true), ..all.clone() }, vec!["dora"]),
        (PeopleFilter { has_device: Some(false), ..all.clone() }, vec!["ada", "bob", "carl", "eva"]),
        (PeopleFilter { has_passkey: Some(true), ..all.clone() }, vec!["bob"]),
        (PeopleFilter { has_passkey: Some(false), has_device: Some(true), ..all.clone() }, vec!["dora"]),
    ];
    for (filter, expected) in filters {
        let found = view.people(&filter, &page).await.unwrap();
        let names: Vec<_> = found.iter().map(|person| person.account.username.key()).collect();
        assert_eq!(names, expected, "{filter:?}");
    }
    let bob = view.person(&ids[1]).await.unwrap().unwrap();
    assert_eq!((bob.devices, bob.passkeys, bob.has_password), (0, 1, true));
    assert_eq!(view.person(&ids[0]).await.unwrap().unwrap().devices, 1);
    assert_eq!(view.person(&AccountId::from_random(bytes())).await.unwrap(), None);
}

/// Superadmins are counted as long as they may sign in, also those who are by a group.
pub async fn superadmins_are_counted(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let masters = kept_group(store, "Masters", of(&[Role::Superadmin])).await;
    let mut work = unit(store).await;
    work.hold_people().await.unwrap();
    assert_eq!(work.count_superadmins().await.unwrap(), 0);
    work.make_admin(&ada.id, NOW).await.unwrap();
    work.add_members(&masters.id, &[bob.id], NOW).await.unwrap();
    assert_eq!(work.count_superadmins().await.unwrap(), 2);
    work.set_account_state(&ada.id, AccountState::Disabled, NOW).await.unwrap();
    assert_eq!(work.count_superadmins().await.unwrap(), 1);
    work.delete_group(&masters.id, 1, NOW).await.unwrap();
    assert_eq!(work.count_superadmins().await.unwrap(), 0);
    assert_eq!(work.person(&ada.id).await.unwrap().unwrap().own_roles, of(&[Role::Superadmin]));
}

/// An account goes with everything that belongs to it; only its neighbours and its audit entries stay.
pub async fn sec_199_a_deleted_account_leaves_its_audit_alone(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let staff = kept_group(store, "Staff", Roles::NONE).await;
    let (ada_phone, bob_phone) = (kept_device(store, ada.id).await, kept_device(store, bob.id).await);
    let mut work = unit(store).await;
    work.add_client(&client("shop")).await.unwrap();
    for person in [&ada, &bob] {
        work.add_session(&session(person.id), Some(&hash())).await.unwrap();
        work.add_passkey(&passkey(person.id)).await.unwrap();
        work.set_password(&PasswordHash { account: person.id, phc: "$x".into(), changed_at: NOW })
            .await
            .unwrap();
        work.keep_consent(&domain::Consent {
            account: person.id,
            client: "shop".parse().unwrap(),
            scopes: vec!["openid".into()],
            declined: Vec::new(),
            given_at: NOW,
        })
        .await
        .unwrap();
    }
    work.add_members(&staff.id, &[ada.id, bob.id], NOW).await.unwrap();
    let mut entry = domain::AuditEntry::new(domain::AuditEvent::AccountDeleted, domain::Outcome::Done, NOW);
    entry.account = Some(ada.id);
    work.audit(entry).await.unwrap();
    work.commit().await.unwrap();
    let told = [ada.id.to_string(), "ada".to_owned(), bob.id.to_string()];
    let job = super::jobs::about(store, &told, &ada.id).await;

    let mut work = unit(store).await;
    assert!(work.delete_account(&ada.id).await.unwrap());
    assert!(!work.delete_account(&ada.id).await.unwrap());
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.account(&ada.id).await.unwrap(), None);
    assert_eq!(view.person(&ada.id).await.unwrap(), None);
    assert_eq!(view.device(&ada_phone.id).await.unwrap(), None);
    assert_eq!(view.passkeys(&ada.id).await.unwrap(), []);
    assert_eq!(view.account_for_password("ada").await.unwrap(), None);
    assert_eq!(view.consent(&ada.id, &"shop".parse().unwrap()).await.unwrap(), None);
    assert_eq!(view.group(&staff.id).await.unwrap().unwrap().1, 1);
    assert!(view.account(&bob.id).await.unwrap().is_some());
    assert!(view.device(&bob_phone.id).await.unwrap().is_some());
    assert!(view.consent(&bob.id, &"shop".parse().unwrap()).await.unwrap().is_some());
    let told = view.audit_trail(&domain::AuditFilter::default(), 0, 9).await.unwrap();
    assert_eq!(told.last().unwrap().entry.account, Some(ada.id));
    // Rows of long work: by id, by name, and what was made in one that named nobody.
    let rows = view.job_rows(&job, crate::RowFilter::default(), 0, 9).await.unwrap();
    let whose: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
    let id = ada.id.to_string();
    assert_eq!(whose, [&id, &id, "row \u{fc} 3", &id]);
    assert!(rows.iter().filter(|row| row.label == id).all(|row| row.input == "{}" && row.about.is_none()));
    assert_eq!(rows[3].outcome, Some(domain::RowOutcome::Done), "what became of it stays");

    // The name is free; whoever has it next is somebody else.
    let next = kept_account(store, "ada").await;
    assert_ne!(next.id, ada.id);
}
