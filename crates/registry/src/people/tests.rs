//! People, groups, roles, claims and policies over a real database.

use app::{Mandate, Refusal};
use domain::{
    AccountId, AccountState, Actor, AuditEvent, ClaimDefinition, ClaimEditor, ClaimKind, ClaimLimits,
    DeviceState, GroupId, NoticeKind, Overrides, PeopleFilter, PeopleOrder, PeoplePage, Permission,
    Permissions, Person, Role, Roles, SecondFactor,
};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::{NewPerson, PersonEdit};
use crate::Registry;
use crate::devices::NewDevice;
use crate::groups::{GroupEdit, NewGroup};
use crate::tests::{events, registry};
use crate::users::NewUser;

const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;

fn of(roles: &[Role]) -> Roles {
    roles.iter().copied().collect()
}

/// Somebody with these permissions, and no more.
fn with(permissions: Permissions) -> Mandate {
    let account = AccountId::from_random([9; 16]);
    Mandate {
        actor: Actor::Account(account),
        account: Some(account),
        permissions,
        address: None,
        is_fresh: true,
    }
}

fn as_role(role: Role) -> Mandate {
    with(Permissions::of(Roles::NONE.with(role)))
}

fn operator() -> Mandate {
    Mandate::operator()
}

fn claims(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("{other}"),
    }
}

fn named(username: &str) -> NewPerson {
    NewPerson {
        user: NewUser { username: username.to_owned(), ..NewUser::default() },
        ..NewPerson::default()
    }
}

async fn made(registry: &Registry, username: &str) -> Person {
    registry.create_person(&operator(), named(username)).await.unwrap()
}

async fn admin(registry: &Registry, username: &str, role: Role) -> Person {
    let new = NewPerson { roles: of(&[role]), ..named(username) };
    registry.create_person(&operator(), new).await.unwrap()
}

fn why<T: std::fmt::Debug>(outcome: Result<T, Refusal>) -> (&'static str, &'static str) {
    match outcome.unwrap_err() {
        Refusal::Invalid { field, why } => (field, why),
        other => panic!("{other:?}"),
    }
}

/// Locking oneself down is told as one's own deed, and ends what could undo it: a recovery that waits.
#[tokio::test]
async fn sec_086_locking_down_ends_a_recovery_and_tells_who_did_it() {
    let registry = registry().await;
    let ada = made(&registry, "ada").await.account.id;
    registry.open_recovery(&operator(), &ada, "Lost the phone").await.unwrap();
    let own =
        Mandate { actor: Actor::Account(ada), account: Some(ada), ..with(Permissions::of(Roles::NONE)) };
    registry.lock_down(&own, &ada, Some("by a link in a mail")).await.unwrap();
    assert_eq!(registry.cancel_own_recovery(&ada, None).await, Ok(false), "none is open");
    let told = registry.notices(&ada, None, 10).await.unwrap().items;
    let by_owner = |notice: &domain::Notice| {
        matches!(&notice.kind, NoticeKind::AccountLocked { by: domain::NoticeBy::Owner, .. })
    };
    assert!(told.iter().any(by_owner), "{told:?}");
    registry.enable_person(&operator(), &ada).await.unwrap();
    registry.lock_down(&operator(), &ada, None).await.unwrap();
    let told = registry.notices(&ada, None, 10).await.unwrap().items;
    let by_admin = |notice: &domain::Notice| {
        matches!(&notice.kind, NoticeKind::AccountLocked { by: domain::NoticeBy::Admin, .. })
    };
    assert!(told.iter().any(by_admin), "{told:?}");
}

/// The last phone is no way to lock oneself out, unless it is lost.
#[tokio::test]
async fn sec_174_the_last_phone_is_removed_only_where_another_way_in_is() {
    let registry = registry().await;
    let ada = made(&registry, "ada").await.account.id;
    let bob = made(&registry, "bob").await.account.id;
    let new = NewDevice {
        username: "ada".to_owned(),
        public_jwk: P256.to_owned(),
        name: "Phone".to_owned(),
        platform: "Test".to_owned(),
        model: None,
    };
    let phone = registry.add_device(new).await.unwrap().device.id;
    let from = domain::ClientAddress([192, 0, 2, 1].into());
    let foreign = registry.remove_device(&bob, from, &phone).await;
    assert_eq!(foreign.unwrap_err(), Refusal::NotFound);
    let last = registry.remove_device(&ada, from, &phone).await;
    assert_eq!(last.unwrap_err(), Refusal::Conflict("last_factor"));
    let secret = SecretString::from("nine grey cranes over the marsh");
    registry.set_password("ada", &secret).await.unwrap();
    assert!(registry.remove_device(&ada, from, &phone).await.is_ok());
}

#[tokio::test]
async fn a_name_that_can_be_mistaken_is_refused_with_a_sentence() {
    let registry = registry().await;
    made(&registry, "paypal").await;
    let taken = registry.create_person(&operator(), named("PayPal")).await;
    assert_eq!(taken.unwrap_err(), Refusal::Conflict("username"));
    let (field, sentence) = why(registry.create_person(&operator(), named("paypa1")).await);
    assert!(field == "username" && sentence.contains("looks like"), "{sentence}");
    let (field, sentence) = why(registry.create_person(&operator(), named("p\u{430}ypal")).await);
    assert!(field == "username" && sentence.contains("scripts"), "{sentence}");
    for bad in ["a b", "a\u{202E}b", "a\u{0}b", "a\nb", "", &"x".repeat(129)] {
        assert_eq!(why(registry.create_person(&operator(), named(bad)).await).0, "username", "{bad:?}");
    }
    // Markup is a name like any other; it is escaped where it is shown.
    let odd = made(&registry, "<script>").await;
    let edit = PersonEdit { username: Some("paypaI".to_owned()), ..PersonEdit::default() };
    // Folded, the capital i is a small one, which does not look like an l.
    assert!(registry.edit_person(&operator(), &odd.account.id, edit, Some(1)).await.is_ok());
    let edit = PersonEdit { username: Some("paypa1".to_owned()), ..PersonEdit::default() };
    assert_eq!(why(registry.edit_person(&operator(), &odd.account.id, edit, None).await).0, "username");
    assert_eq!(registry.count_people().await.unwrap(), 2);
}

#[tokio::test]
async fn a_person_is_edited_field_by_field_and_others_are_told_of_newer_versions() {
    let registry = registry().await;
    let mut new = named("ada");
    new.user.email = Some("ada@example.org".to_owned());
    new.user.claims = claims(json!({"name": "Ada", "email_verified": true}));
    new.language = Some("de".to_owned());
    let ada = registry.create_person(&operator(), new).await.unwrap();
    let id = ada.account.id;
    assert_eq!((ada.version, ada.account.language.as_deref()), (1, Some("de")));

    let edit = PersonEdit {
        username: Some("countess".to_owned()),
        email: Some(Some("ada@example.net".to_owned())),
        language: Some(None),
        claims: claims(json!({"name": null, "given_name": "Ada"})),
    };
    let after = registry.edit_person(&operator(), &id, edit.clone(), Some(1)).await.unwrap();
    assert_eq!((after.version, after.account.id), (2, id));
    assert_eq!(after.account.webauthn_handle, ada.account.webauthn_handle);
    assert_eq!(
        Value::Object(after.account.claims),
        json!({"email": "ada@example.net", "email_verified": false, "given_name": "Ada"}),
        "a new address is not confirmed"
    );
    let late = registry.edit_person(&operator(), &id, edit.clone(), Some(1)).await;
    assert_eq!(late.unwrap_err(), Refusal::Outdated { current: 2 });
    // The same again changes nothing.
    assert_eq!(registry.edit_person(&operator(), &id, edit, Some(2)).await.unwrap().version, 2);
    let both = json!({"email": "ada@example.com", "email_verified": true});
    let edit = PersonEdit { claims: claims(both), ..PersonEdit::default() };
    let after = registry.edit_person(&operator(), &id, edit, None).await.unwrap();
    assert_eq!(after.account.claims["email_verified"], true, "an administrator vouches for it");
    let gone = PersonEdit { email: Some(None), ..PersonEdit::default() };
    let after = registry.edit_person(&operator(), &id, gone, None).await.unwrap();
    assert!(
        !after.account.claims.contains_key("email") && !after.account.claims.contains_key("email_verified")
    );
    let trail = registry.audit_trail(&domain::AuditFilter::default(), 0, 500).await.unwrap();
    let details: Vec<_> = trail.iter().filter_map(|kept| kept.entry.detail.as_deref()).collect();
    assert!(
        details[0].contains("username") && !details.iter().any(|detail| detail.contains('@')),
        "{details:?}"
    );
    let mut view = registry.app.store().read().await.unwrap();
    let told = view.notices_of(&id, None, 10).await.unwrap();
    let is_of_mail = |kind: &NoticeKind| matches!(kind, NoticeKind::EmailChanged { .. });
    assert_eq!(told.iter().filter(|notice| is_of_mail(&notice.kind)).count(), 3);
}

#[tokio::test]
async fn of_edits_at_once_one_is_taken() {
    let registry = registry().await;
    let id = made(&registry, "ada").await.account.id;
    let edits = (0..8).map(|number| {
        let edit =
            PersonEdit { claims: claims(json!({"nickname": format!("a{number}")})), ..PersonEdit::default() };
        let registry = registry.clone();
        async move { registry.edit_person(&operator(), &id, edit, Some(1)).await }
    });
    let outcomes = futures_util::future::join_all(edits).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(Refusal::Outdated { current: 2 }))));
}

#[tokio::test]
async fn claims_have_to_be_defined_and_to_fit() {
    let registry = registry().await;
    let definition = ClaimDefinition {
        name: "badge".to_owned(),
        kind: ClaimKind::Number,
        scope: Some("work".to_owned()),
        labels: std::collections::BTreeMap::new(),
        edited_by: ClaimEditor::Admin,
        limits: ClaimLimits { min: Some(1), ..ClaimLimits::default() },
    };
    let id = made(&registry, "ada").await.account.id;
    let set =
        |value: Value| PersonEdit { claims: claims(json!({ "badge": value })), ..PersonEdit::default() };
    assert_eq!(why(registry.edit_person(&operator(), &id, set(json!(7)), None).await).0, "claims");
    assert_eq!(registry.define_claim(&operator(), &definition, Some(0)).await.unwrap(), 1);
    assert!(registry.edit_person(&operator(), &id, set(json!(7)), None).await.is_ok());
    assert_eq!(why(registry.edit_person(&operator(), &id, set(json!(0)), None).await).0, "claims");
    assert_eq!(why(registry.edit_person(&operator(), &id, set(json!("7")), None).await).0, "claims");
    for name in ["sub", "iss", "groups", "unknown"] {
        let mut new = named("eve");
        new.user.claims.insert(name.to_owned(), json!("x"));
        assert_eq!(why(registry.create_person(&operator(), new).await).0, "claims", "{name}");
    }
    // Narrowed: what is there stays, and can be taken away.
    let narrow =
        ClaimDefinition { limits: ClaimLimits { min: Some(100), ..ClaimLimits::default() }, ..definition };
    let late = registry.define_claim(&operator(), &narrow, Some(0)).await;
    assert_eq!(late.unwrap_err(), Refusal::Outdated { current: 1 });
    assert_eq!(registry.define_claim(&operator(), &narrow, Some(1)).await.unwrap(), 2);
    let other = PersonEdit { language: Some(Some("en".to_owned())), ..PersonEdit::default() };
    assert_eq!(registry.edit_person(&operator(), &id, other, None).await.unwrap().account.claims["badge"], 7);
    assert!(registry.edit_person(&operator(), &id, set(Value::Null), None).await.is_ok());
    registry.remove_claim(&operator(), "badge", Some(2)).await.unwrap();
    assert_eq!(registry.remove_claim(&operator(), "badge", None).await.unwrap_err(), Refusal::NotFound);
}

#[tokio::test]
async fn sec_181_nobody_gives_what_they_do_not_hold() {
    let registry = registry().await;
    let root = admin(&registry, "root", Role::Superadmin).await.account.id;
    let ada = made(&registry, "ada").await.account.id;
    let masters =
        NewGroup { name: "Masters".to_owned(), roles: of(&[Role::Superadmin]), ..NewGroup::default() };
    let masters = registry.create_group(&operator(), masters).await.unwrap();
    let plain = NewGroup { name: "Plain".to_owned(), ..NewGroup::default() };
    let plain = registry.create_group(&operator(), plain).await.unwrap();

    // Everything about people and groups, and no role that allows more.
    let manager = with(
        [
            Permission::UsersRead,
            Permission::UsersWrite,
            Permission::UsersLock,
            Permission::GroupsRead,
            Permission::GroupsWrite,
            Permission::RolesWrite,
        ]
        .into_iter()
        .collect(),
    );
    let forbidden = |outcome: Result<(), Refusal>| assert_eq!(outcome.unwrap_err(), Refusal::Forbidden);
    for role in Role::ALL {
        let roles = of(&[*role]);
        forbidden(registry.set_roles(&manager, &ada, roles, None).await.map(drop));
        let new = NewPerson { roles, ..named("eve") };
        forbidden(registry.create_person(&manager, new).await.map(drop));
        let new = NewGroup { name: "New".to_owned(), roles, ..NewGroup::default() };
        forbidden(registry.create_group(&manager, new).await.map(drop));
        let edit = GroupEdit { roles: Some(roles), ..GroupEdit::default() };
        forbidden(registry.edit_group(&manager, &plain.id, edit, None).await.map(drop));
    }
    let new = NewPerson { groups: vec![masters.id], ..named("eve") };
    forbidden(registry.create_person(&manager, new).await.map(drop));
    forbidden(registry.change_members(&manager, &masters.id, &[ada], &[]).await.map(drop));
    forbidden(registry.change_members(&manager, &masters.id, &[], &[root]).await.map(drop));
    forbidden(registry.delete_group(&manager, &masters.id, None).await);
    let edit = GroupEdit { name: Some("Servants".to_owned()), ..GroupEdit::default() };
    forbidden(registry.edit_group(&manager, &masters.id, edit, None).await.map(drop));
    let wishes = Overrides { per_user: Some(99), ..Overrides::default() };
    let edit = GroupEdit { overrides: Some(wishes), ..GroupEdit::default() };
    forbidden(registry.edit_group(&manager, &plain.id, edit, None).await.map(drop));
    // Nor is anything done to those who hold more.
    forbidden(registry.set_roles(&manager, &root, Roles::NONE, None).await.map(drop));
    let mail = PersonEdit { email: Some(Some("mine@example.org".to_owned())), ..PersonEdit::default() };
    forbidden(registry.edit_person(&manager, &root, mail.clone(), None).await.map(drop));
    forbidden(registry.disable_person(&as_role(Role::Helpdesk), &root, None).await.map(drop));
    forbidden(registry.lock_down(&as_role(Role::Helpdesk), &root, None).await.map(drop));
    forbidden(registry.enable_person(&manager, &root).await.map(drop));
    forbidden(registry.delete_person(&manager, &root, None).await);

    let seen = registry.person(&ada).await.unwrap();
    assert_eq!((seen.account.roles, seen.account.groups.len(), seen.version), (Roles::NONE, 0, 1));
    // What they hold they may give: here nothing but groups without roles.
    assert_eq!(registry.change_members(&manager, &plain.id, &[ada], &[]).await.unwrap(), (1, 0));
    assert!(registry.edit_person(&manager, &ada, mail, None).await.is_ok());
    let half = with(Permissions::of(of(&[Role::Helpdesk])).with(Permission::RolesWrite));
    assert!(registry.set_roles(&half, &ada, of(&[Role::Helpdesk]), None).await.is_ok());
    forbidden(registry.set_roles(&half, &ada, of(&[Role::Helpdesk, Role::Auditor]), None).await.map(drop));
}

#[tokio::test]
async fn the_last_superadmin_stays_by_every_path() {
    let registry = registry().await;
    let root = admin(&registry, "root", Role::Superadmin).await.account.id;
    let ada = made(&registry, "ada").await.account.id;
    let masters =
        NewGroup { name: "Masters".to_owned(), roles: of(&[Role::Superadmin]), ..NewGroup::default() };
    let masters = registry.create_group(&operator(), masters).await.unwrap().id;
    let by = operator();
    let refused = |outcome: Result<(), Refusal>| {
        assert_eq!(why(outcome).0, "roles");
    };
    refused(registry.set_roles(&by, &root, Roles::NONE, None).await.map(drop));
    refused(registry.disable_person(&by, &root, None).await.map(drop));
    refused(registry.lock_down(&by, &root, None).await.map(drop));
    refused(registry.delete_person(&by, &root, None).await);
    // By a group it is the same.
    registry.change_members(&by, &masters, &[ada], &[]).await.unwrap();
    registry.set_roles(&by, &root, Roles::NONE, None).await.unwrap();
    refused(registry.change_members(&by, &masters, &[], &[ada]).await.map(drop));
    refused(registry.delete_group(&by, &masters, None).await);
    let edit = GroupEdit { roles: Some(Roles::NONE), ..GroupEdit::default() };
    refused(registry.edit_group(&by, &masters, edit, None).await.map(drop));
    refused(registry.disable_person(&by, &ada, None).await.map(drop));
    assert!(registry.person(&ada).await.unwrap().account.is_active());

    // Two who take the role from one another at once: one remains.
    let registry = &registry;
    registry.set_roles(&by, &ada, of(&[Role::Superadmin]), None).await.unwrap();
    registry.delete_group(&by, &masters, None).await.unwrap();
    registry.set_roles(&by, &root, of(&[Role::Superadmin]), None).await.unwrap();
    let (one, other) = tokio::join!(
        registry.set_roles(&by, &ada, Roles::NONE, None),
        registry.set_roles(&by, &root, Roles::NONE, None)
    );
    assert!(one.is_ok() != other.is_ok());
}

#[tokio::test]
async fn a_lock_down_ends_all_that_could_act_and_is_undone_by_hand() {
    let registry = registry().await;
    let mut new = named("ada");
    new.user.password = Some(SecretString::from("correct horse battery staple".to_owned()));
    let ada = registry.create_person(&operator(), new).await.unwrap().account.id;
    let phone = registry
        .add_device(NewDevice {
            username: "ada".to_owned(),
            public_jwk: P256.to_owned(),
            name: "Phone".to_owned(),
            platform: "app".to_owned(),
            model: None,
        })
        .await
        .unwrap();
    let by = as_role(Role::Helpdesk);
    let done = registry.lock_down(&by, &ada, Some("called, phone stolen")).await.unwrap();
    assert_eq!((done.devices, done.person.account.state), (1, AccountState::Disabled));
    let device = registry.devices_of("ada").await.unwrap().remove(0);
    assert_eq!((device.device.id, device.device.state), (phone.device.id, DeviceState::Suspended));
    let all = events(&registry).await;
    assert!(all.contains(&AuditEvent::AccountLockedDown) && all.contains(&AuditEvent::DeviceSuspended));
    let again = registry.lock_down(&by, &ada, None).await.unwrap();
    assert_eq!((again.devices, again.sessions), (0, 0));
    let enabled = registry.enable_person(&by, &ada).await.unwrap();
    assert!(enabled.account.is_active());
    let device = registry.devices_of("ada").await.unwrap().remove(0);
    assert_eq!(device.device.state, DeviceState::Suspended, "each phone is restored by itself");
    let mut view = registry.app.store().read().await.unwrap();
    let told = view.notices_of(&ada, None, 10).await.unwrap();
    let locked = |kind: &NoticeKind| matches!(kind, NoticeKind::AccountLocked { reason: Some(why), .. } if why.contains("stolen"));
    assert!(told.iter().any(|notice| locked(&notice.kind)));
    let nobody = AccountId::from_random([7; 16]);
    assert_eq!(registry.lock_down(&by, &nobody, None).await.unwrap_err(), Refusal::NotFound);
}

#[tokio::test]
async fn sec_199_who_comes_again_by_the_same_name_is_somebody_else() {
    let registry = registry().await;
    let mut new = named("ada");
    new.user.email = Some("ada@example.org".to_owned());
    let before = registry.create_person(&operator(), new).await.unwrap();
    let id = before.account.id;
    let late = registry.delete_person(&operator(), &id, Some(9)).await;
    assert_eq!(late.unwrap_err(), Refusal::Outdated { current: 1 });
    registry.delete_person(&operator(), &id, Some(1)).await.unwrap();
    assert_eq!(registry.person(&id).await.unwrap_err(), Refusal::NotFound);
    assert_eq!(registry.delete_person(&operator(), &id, None).await.unwrap_err(), Refusal::NotFound);
    let after = made(&registry, "ada").await;
    assert_ne!((after.account.id, after.account.webauthn_handle), (id, before.account.webauthn_handle));
    let trail = registry.audit_trail(&domain::AuditFilter::default(), 0, 500).await.unwrap();
    let text = serde_json::to_string(&trail.iter().map(|kept| &kept.entry).collect::<Vec<_>>()).unwrap();
    assert!(text.contains("account.deleted") && text.contains(&id.to_string()));
    assert!(!text.contains("example.org") && !text.contains("\"ada\""), "{text}");
}

#[tokio::test]
async fn a_policy_holds_until_another_is_saved_and_groups_have_wishes() {
    let registry = registry().await;
    let policy = registry.policy("devices").await.unwrap();
    assert_eq!((policy.version, &policy.value["per_user"]), (0, &json!(5)));
    assert_eq!(registry.policy("moon").await.unwrap_err(), Refusal::NotFound);
    let by = operator();
    let saved =
        registry.change_policy(&by, "devices", claims(json!({"per_user": 3})), Some(0)).await.unwrap();
    assert_eq!((saved.version, &saved.value["reverify_days"]), (1, &json!(180)));
    let late = registry.change_policy(&by, "devices", claims(json!({"per_user": 4})), Some(0)).await;
    assert_eq!(late.unwrap_err(), Refusal::Outdated { current: 1 });
    for (bad, field) in [
        (json!({"per_user": 0}), "per_user"),
        (json!({"per_user": "many"}), "policy"),
        (json!({"colour": "red"}), "policy"),
    ] {
        assert_eq!(why(registry.save_policy(&by, "devices", &bad, None).await).0, field, "{bad}");
    }
    let wishes =
        Overrides { per_user: Some(9), approval: Some(true), second_factor: Some(SecondFactor::Required) };
    let group = NewGroup { name: "Field".to_owned(), overrides: wishes, ..NewGroup::default() };
    let group = registry.create_group(&by, group).await.unwrap();
    let new = NewPerson { groups: vec![group.id], ..named("ada") };
    let ada = registry.create_person(&by, new).await.unwrap().account;
    let bob = made(&registry, "bob").await.account;
    let now = registry.app.policies().now().await.unwrap();
    assert_eq!((now.devices_of(&ada).per_user, now.devices_of(&ada).approval), (9, true));
    assert_eq!((now.devices_of(&bob).per_user, now.devices_of(&bob).approval), (3, false));
    assert_eq!(now.passwords_of(&ada).second_factor, SecondFactor::Required);
    // A change is seen at once here.
    registry.delete_group(&by, &group.id, Some(1)).await.unwrap();
    let ada = registry.person(&ada.id).await.unwrap().account;
    assert_eq!(registry.app.policies().now().await.unwrap().devices_of(&ada).per_user, 3);
}

#[tokio::test]
async fn groups_are_made_edited_and_filled_within_limits() {
    let registry = registry().await;
    let by = operator();
    let new = |name: &str| NewGroup { name: name.to_owned(), ..NewGroup::default() };
    let staff = registry.create_group(&by, new("Staff")).await.unwrap();
    assert_eq!(registry.create_group(&by, new("  sTaff ")).await.unwrap_err(), Refusal::Conflict("name"));
    for bad in ["", "a\u{202E}b", "a\nb", &"x".repeat(101)] {
        assert_eq!(why(registry.create_group(&by, new(bad)).await).0, "name", "{bad:?}");
    }
    let ada = made(&registry, "ada").await.account.id;
    let stranger = AccountId::from_random([5; 16]);
    assert_eq!(registry.change_members(&by, &staff.id, &[ada, stranger], &[stranger]).await.unwrap(), (1, 0));
    let edit = GroupEdit { name: Some("Crew".to_owned()), ..GroupEdit::default() };
    let (crew, members) = registry.edit_group(&by, &staff.id, edit.clone(), Some(1)).await.unwrap();
    assert_eq!((crew.version, members), (2, 1));
    let late = registry.edit_group(&by, &staff.id, edit, Some(1)).await;
    assert_eq!(late.unwrap_err(), Refusal::Outdated { current: 2 });
    assert_eq!(registry.person(&ada).await.unwrap().account.groups, ["Crew"]);
    assert_eq!(registry.groups_of(&ada).await.unwrap().len(), 1);
    assert_eq!(registry.groups_of(&stranger).await.unwrap_err(), Refusal::NotFound);
    assert_eq!(registry.group_by_name("CREW").await.unwrap().id, staff.id);
    let nothing = GroupId::from_random([5; 16]);
    assert_eq!(registry.group(&nothing).await.unwrap_err(), Refusal::NotFound);
    assert_eq!(registry.members(&nothing, None, 5).await.unwrap_err(), Refusal::NotFound);
    let many = vec![ada; 501];
    assert_eq!(why(registry.change_members(&by, &staff.id, &many, &[]).await).0, "members");
    let all = events(&registry).await;
    for event in [AuditEvent::GroupCreated, AuditEvent::GroupJoined, AuditEvent::GroupChanged] {
        assert!(all.contains(&event), "{event:?}");
    }
    let page = PeoplePage { order: PeopleOrder::Username, descending: false, after: None, limit: 5 };
    let filter = PeopleFilter { group: Some(staff.id), ..PeopleFilter::default() };
    assert_eq!(registry.find_people(&filter, &page).await.unwrap().len(), 1);
}
