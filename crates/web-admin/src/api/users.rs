//! `/users`: people.

use app::Refusal;
use domain::{AccountId, AccountState, GroupId, PeopleFilter, PeopleOrder, PeoplePage, Person, Role, Roles};
use registry::people::{NewPerson, PersonEdit};
use registry::users::NewUser;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::{OpenApi, ToSchema};

use super::ask::{self, Ask};
use super::groups::GroupShown;
use super::listing::{Listed, Lists};
use super::openapi::Problem;
use super::problem::Failed;
use super::route::{Answer, Route, route};

/// The routes.
pub(super) const ROUTES: &[Route] = &[
    route!(Get "/users", UsersRead, list),
    route!(Post "/users", UsersWrite, create),
    route!(Get "/users/{id}", UsersRead, show),
    route!(Patch "/users/{id}", UsersWrite, edit),
    route!(Delete "/users/{id}", UsersWrite, delete),
    route!(Post "/users/{id}/disable", UsersLock, disable),
    route!(Post "/users/{id}/enable", UsersLock, enable),
    route!(Post "/users/{id}/lock-down", UsersLock, lock_down),
    route!(Get "/users/{id}/groups", GroupsRead, groups),
    route!(Put "/users/{id}/roles", RolesWrite, roles).fresh(),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, create, show, edit, delete, disable, enable, lock_down, groups, roles))]
pub(super) struct Described;

const LISTS: Lists = Lists {
    sorts: &["username", "created_at"],
    filters: &["username", "state", "group", "role", "has_device", "has_passkey"],
    searches: true,
};

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserShown {
    /// Its id, which is also its public subject.
    id: String,
    /// As its owner writes it.
    username: String,
    /// The claim `name`.
    name: Option<String>,
    /// The claim `email`.
    email: Option<String>,
    /// Whether the mail address was confirmed.
    email_verified: bool,
    /// `active` or `disabled`.
    state: &'static str,
    /// The language of what is sent to it.
    language: Option<String>,
    /// What it may do as an administrator: its own roles and those of its groups.
    #[schema(value_type = Vec<String>)]
    roles: Roles,
    /// The roles that were given to it directly.
    #[schema(value_type = Vec<String>)]
    own_roles: Roles,
    /// The names of its groups.
    groups: Vec<String>,
    /// All its claims.
    #[schema(value_type = Object)]
    claims: Map<String, Value>,
    /// Phones that are not revoked.
    devices: u32,
    /// Passkeys that belong to no phone.
    passkeys: u32,
    /// Whether it has a password.
    has_password: bool,
    /// When it was made.
    created_at: String,
    /// When it was changed last.
    updated_at: String,
    /// What `If-Match` wants.
    version: u32,
}

impl From<Person> for UserShown {
    fn from(person: Person) -> Self {
        let account = person.account;
        let text = |claim: &str| account.claims.get(claim).and_then(Value::as_str).map(str::to_owned);
        Self {
            id: account.id.to_string(),
            name: text("name"),
            email: text("email"),
            email_verified: account.claims.get("email_verified") == Some(&Value::Bool(true)),
            state: account.state.as_str(),
            roles: account.roles,
            own_roles: person.own_roles,
            devices: person.devices,
            passkeys: person.passkeys,
            has_password: person.has_password,
            created_at: account.created_at.rfc3339(),
            updated_at: account.updated_at.rfc3339(),
            version: person.version,
            username: account.username.into(),
            language: account.language,
            groups: account.groups,
            claims: account.claims,
        }
    }
}

fn versioned(person: Person) -> Answer {
    let version = i64::from(person.version);
    Ok(ask::versioned(&UserShown::from(person), version))
}

/// The version that was seen; one that no user can have is none that it has.
pub(super) fn seen(version: Option<i64>) -> Option<u32> {
    version.map(|version| u32::try_from(version).unwrap_or(u32::MAX))
}

/// Tells `null` from what is not there.
pub(super) fn given<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

fn flag(text: &str) -> Option<bool> {
    text.parse().ok()
}

#[utoipa::path(
    get, path = "/users", tag = "Users", summary = "Find users",
    description = "`total` is told where nothing is searched or filtered.",
    params(
        ("q" = Option<String>, Query, description = "Part of the user name, name or mail address"),
        ("username" = Option<String>, Query, description = "The one with this user name, in any spelling; no other filter"),
        ("state" = Option<String>, Query, description = "`active` or `disabled`"),
        ("group" = Option<String>, Query, description = "Members of this group"),
        ("role" = Option<String>, Query, description = "Who have this role"),
        ("has_device" = Option<bool>, Query, description = "Who have, or have not, a phone"),
        ("has_passkey" = Option<bool>, Query, description = "Who have, or have not, a passkey"),
        ("sort" = Option<String>, Query, description = "`username`, `created_at`; `-` before it: backwards"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200),
    ),
    responses((status = 200, body = Listed<UserShown>), (status = 400, body = Problem))
)]
async fn list(ask: Ask) -> Answer {
    let listing = ask.listing(&LISTS)?;
    let state =
        |text: &str| [AccountState::Active, AccountState::Disabled].into_iter().find(|s| s.as_str() == text);
    let filter = PeopleFilter {
        text: listing.q.as_deref().map(domain::account::search_key).unwrap_or_default(),
        state: listing.filter_as("state", state, "is active or disabled")?,
        group: listing.filter_as("group", |text| text.parse::<GroupId>().ok(), "is no id of a group")?,
        role: listing.filter_as("role", Role::from_word, "is no role")?,
        has_device: listing.filter_as("has_device", flag, "is true or false")?,
        has_passkey: listing.filter_as("has_passkey", flag, "is true or false")?,
    };
    if let Some(name) = listing.filter("username") {
        if filter != PeopleFilter::default() {
            return Err(Failed::invalid("username", "goes with no other filter"));
        }
        let found = match ask.registry().user(name).await {
            Ok(account) => vec![ask.registry().person(&account.id).await?],
            Err(Refusal::NotFound) => Vec::new(),
            Err(other) => return Err(other.into()),
        };
        let at = |person: &Person| (String::new(), person.account.id.to_string());
        return Ok(ask::ok(&listing.page(found, None, at, UserShown::from)));
    }
    let order = if listing.sort == "created_at" { PeopleOrder::CreatedAt } else { PeopleOrder::Username };
    if order == PeopleOrder::CreatedAt
        && listing.cursor.as_ref().is_some_and(|cursor| cursor.number().is_err())
    {
        return Err(Failed::invalid("cursor", "is none of this list"));
    }
    let page = PeoplePage {
        order,
        descending: listing.descending,
        after: listing.cursor.as_ref(),
        limit: listing.fetch(),
    };
    let people = ask.registry().find_people(&filter, &page).await?;
    let total =
        if filter == PeopleFilter::default() { Some(ask.registry().count_people().await?) } else { None };
    let at = |person: &Person| {
        let key = match order {
            PeopleOrder::Username => person.account.username.key().to_owned(),
            PeopleOrder::CreatedAt => person.account.created_at.millis().to_string(),
        };
        (key, person.account.id.to_string())
    };
    Ok(ask::ok(&listing.page(people, total, at, UserShown::from)))
}

/// What a new user is to be. There is no password: its owner sets one with the link of a mail, or signs in without
/// (SEC-185).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUserAsked {
    /// 1 to 128 plain characters of one script, without white space.
    #[schema(max_length = 128)]
    username: String,
    /// The claim `name`.
    name: Option<String>,
    /// The claim `email`.
    email: Option<String>,
    /// Whether the mail address was confirmed.
    email_verified: Option<bool>,
    /// A tag of BCP 47: `de`.
    language: Option<String>,
    /// Further claims: of OpenID Connect, or defined under `/claims`.
    #[serde(default)]
    #[schema(value_type = Object)]
    claims: Map<String, Value>,
    /// Roles of its own: only such as the caller holds.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    roles: Roles,
    /// Ids of groups.
    #[serde(default)]
    groups: Vec<String>,
}

#[utoipa::path(
    post, path = "/users", tag = "Users", summary = "Make a user",
    request_body = NewUserAsked,
    responses(
        (status = 201, body = UserShown),
        (status = 400, body = Problem),
        (status = 403, body = Problem, description = "Roles, or groups with roles, that the caller does not hold"),
        (status = 409, body = Problem, description = "`conflict`: the user name is taken"),
    )
)]
async fn create(ask: Ask) -> Answer {
    let asked: NewUserAsked = ask.json()?;
    let mut claims = asked.claims;
    if let Some(name) = asked.name {
        claims.insert("name".to_owned(), name.into());
    }
    if let Some(confirmed) = asked.email_verified {
        claims.insert("email_verified".to_owned(), confirmed.into());
    }
    let groups: Result<Vec<GroupId>, _> = asked.groups.iter().map(|id| id.parse()).collect();
    let new = NewPerson {
        user: NewUser { username: asked.username, email: asked.email, claims, ..NewUser::default() },
        language: asked.language,
        roles: asked.roles,
        groups: groups.map_err(|_| Failed::invalid("groups", "names a group that is not there"))?,
    };
    let made = ask.registry().create_person(ask.mandate(), new).await?;
    let (path, version) = (format!("/users/{}", made.account.id), i64::from(made.version));
    Ok(ask::created(&path, &UserShown::from(made), Some(version)))
}

#[utoipa::path(
    get, path = "/users/{id}", tag = "Users", summary = "A user",
    params(("id" = String, Path)),
    responses((status = 200, body = UserShown), (status = 404, body = Problem))
)]
async fn show(ask: Ask) -> Answer {
    ask.query(&[])?;
    versioned(ask.registry().person(&ask.id::<AccountId>("id")?).await?)
}

/// What is to change; what is left out stays. Ids, roles, groups and the state have routes of their own and are
/// refused here.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserEdit {
    /// Another user name.
    #[schema(max_length = 128)]
    username: Option<String>,
    /// Another name; null: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
    /// Another mail address, not confirmed unless `email_verified` says so; null: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    /// Whether the mail address was confirmed.
    email_verified: Option<bool>,
    /// Another language; null: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    language: Option<Option<String>>,
    /// Claims to set, and, with null, to remove.
    #[serde(default)]
    #[schema(value_type = Object)]
    claims: Map<String, Value>,
}

#[utoipa::path(
    patch, path = "/users/{id}", tag = "Users", summary = "Edit a user",
    params(("id" = String, Path), ("If-Match" = String, Header, description = "The version that was seen")),
    request_body = UserEdit,
    responses(
        (status = 200, body = UserShown),
        (status = 400, body = Problem),
        (status = 403, body = Problem, description = "The user has roles that the caller does not hold"),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "`conflict`: the user name is taken"),
        (status = 412, body = Problem, description = "It was changed since: `current_version`"),
        (status = 428, body = Problem),
    )
)]
async fn edit(ask: Ask) -> Answer {
    let id: AccountId = ask.id("id")?;
    let version = seen(ask.must_match()?);
    let asked: UserEdit = ask.json()?;
    let mut claims = asked.claims;
    if let Some(name) = asked.name {
        claims.insert("name".to_owned(), name.map_or(Value::Null, Value::String));
    }
    if let Some(confirmed) = asked.email_verified {
        claims.insert("email_verified".to_owned(), confirmed.into());
    }
    let edit = PersonEdit { username: asked.username, email: asked.email, language: asked.language, claims };
    versioned(ask.registry().edit_person(ask.mandate(), &id, edit, version).await?)
}

#[utoipa::path(
    delete, path = "/users/{id}", tag = "Users", summary = "Delete a user",
    description = "Everything that belongs to it ends and goes, at once and for good. Its audit entries stay.",
    params(("id" = String, Path)),
    responses(
        (status = 204, description = "Deleted"),
        (status = 403, body = Problem, description = "The user has roles that the caller does not hold"),
        (status = 404, body = Problem),
        (status = 412, body = Problem),
    )
)]
async fn delete(ask: Ask) -> Answer {
    let id: AccountId = ask.id("id")?;
    ask.registry().delete_person(ask.mandate(), &id, seen(ask.if_match()?)).await?;
    Ok(ask::nothing())
}

/// Why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    /// A plain line for the audit trail and for the user.
    #[schema(max_length = 200)]
    reason: Option<String>,
}

impl Reason {
    fn read(ask: &Ask) -> Result<Option<String>, Failed> {
        let Self { reason } = ask.json_or_nothing()?;
        let line = |text: &String| domain::text::plain_line(text, 200);
        let reason = reason.filter(|text| !text.trim().is_empty());
        reason
            .as_ref()
            .map(line)
            .transpose()
            .map_err(|_| Failed::invalid("reason", "is no plain line of at most 200 characters"))
    }
}

#[utoipa::path(
    post, path = "/users/{id}/disable", tag = "Users", summary = "Stop a user",
    description = "It cannot sign in, and its sessions and their tokens end.",
    params(("id" = String, Path)), request_body = Option<Reason>,
    responses((status = 200, body = UserShown), (status = 403, body = Problem), (status = 404, body = Problem))
)]
async fn disable(ask: Ask) -> Answer {
    let (id, reason) = (ask.id::<AccountId>("id")?, Reason::read(&ask)?);
    versioned(ask.registry().disable_person(ask.mandate(), &id, reason.as_deref()).await?)
}

/// Nothing.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

#[utoipa::path(
    post, path = "/users/{id}/enable", tag = "Users", summary = "Let a user sign in again",
    params(("id" = String, Path)), request_body = Option<Nothing>,
    responses((status = 200, body = UserShown), (status = 403, body = Problem), (status = 404, body = Problem))
)]
async fn enable(ask: Ask) -> Answer {
    let id: AccountId = ask.id("id")?;
    let Nothing {} = ask.json_or_nothing()?;
    versioned(ask.registry().enable_person(ask.mandate(), &id).await?)
}

/// What a lock-down ended.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LockDownShown {
    /// The user, stopped.
    user: UserShown,
    /// Browser sessions that ended.
    sessions: usize,
    /// Phones that were suspended.
    devices: usize,
    /// Enrolments that were cancelled.
    enrolments: u64,
    /// API keys that were revoked.
    api_keys: u64,
}

#[utoipa::path(
    post, path = "/users/{id}/lock-down", tag = "Users", summary = "Lock a user down",
    description = "It cannot sign in; all its sessions and tokens end, its phones are suspended, its enrolments \
                   cancelled and its API keys revoked, at once.",
    params(("id" = String, Path)), request_body = Option<Reason>,
    responses((status = 200, body = LockDownShown), (status = 403, body = Problem), (status = 404, body = Problem))
)]
async fn lock_down(ask: Ask) -> Answer {
    let (id, reason) = (ask.id::<AccountId>("id")?, Reason::read(&ask)?);
    let done = ask.registry().lock_down(ask.mandate(), &id, reason.as_deref()).await?;
    Ok(ask::ok(&LockDownShown {
        user: done.person.into(),
        sessions: done.sessions,
        devices: done.devices,
        enrolments: done.enrolments,
        api_keys: done.api_keys,
    }))
}

#[utoipa::path(
    get, path = "/users/{id}/groups", tag = "Users", summary = "The groups of a user",
    params(("id" = String, Path)),
    responses((status = 200, body = Listed<GroupShown>), (status = 404, body = Problem))
)]
async fn groups(ask: Ask) -> Answer {
    ask.query(&[])?;
    let groups = ask.registry().groups_of(&ask.id("id")?).await?;
    Ok(ask::ok(&Listed::whole(groups.into_iter().map(|group| GroupShown::of(group, None)).collect())))
}

/// The roles a user is to have directly.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RolesAsked {
    /// All of them.
    #[schema(value_type = Vec<String>)]
    roles: Roles,
}

#[utoipa::path(
    put, path = "/users/{id}/roles", tag = "Users", summary = "Set the roles that a user has directly",
    params(("id" = String, Path), ("If-Match" = String, Header, description = "The version that was seen")),
    request_body = RolesAsked,
    responses(
        (status = 200, body = UserShown),
        (status = 400, body = Problem, description = "Among others: no active superadmin would be left"),
        (status = 403, body = Problem, description = "A role that the caller does not hold is given or taken"),
        (status = 404, body = Problem),
        (status = 412, body = Problem),
        (status = 428, body = Problem),
    )
)]
async fn roles(ask: Ask) -> Answer {
    let id: AccountId = ask.id("id")?;
    let version = seen(ask.must_match()?);
    let RolesAsked { roles } = ask.json()?;
    versioned(ask.registry().set_roles(ask.mandate(), &id, roles, version).await?)
}
