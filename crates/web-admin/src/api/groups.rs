//! `/groups` and their members.

use domain::{Account, AccountId, Group, GroupId, Overrides, Roles};
use registry::groups::{GroupEdit, NewGroup};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::ask::{self, Ask};
use super::listing::{Listed, Lists};
use super::openapi::Problem;
use super::problem::Failed;
use super::route::{Answer, Route, route};
use super::users::seen;

/// The routes.
pub(super) const ROUTES: &[Route] = &[
    route!(Get "/groups", GroupsRead, list),
    route!(Post "/groups", GroupsWrite, create),
    route!(Get "/groups/{id}", GroupsRead, show),
    route!(Patch "/groups/{id}", GroupsWrite, edit),
    route!(Delete "/groups/{id}", GroupsWrite, delete),
    route!(Get "/groups/{id}/members", GroupsRead, members),
    route!(Post "/groups/{id}/members", GroupsWrite, change_members),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, create, show, edit, delete, members, change_members))]
pub(super) struct Described;

/// A group.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GroupShown {
    /// Its id.
    id: String,
    /// Its name; members have it in the claim `groups`.
    name: String,
    /// What it is for.
    description: String,
    /// What its members may do as administrators.
    #[schema(value_type = Vec<String>)]
    roles: Roles,
    /// What it wants for its members in place of policies: `per_user`, `approval`, `second_factor`.
    #[schema(value_type = Object)]
    overrides: Overrides,
    /// How many members it has, where that was counted.
    members: Option<u32>,
    /// When it was made.
    created_at: String,
    /// When it was changed last.
    changed_at: String,
    /// What `If-Match` wants.
    version: u32,
}

impl GroupShown {
    pub(super) fn of(group: Group, members: Option<u32>) -> Self {
        Self {
            id: group.id.to_string(),
            name: group.name.as_str().to_owned(),
            description: group.description,
            roles: group.roles,
            overrides: group.overrides,
            members,
            created_at: group.created_at.rfc3339(),
            changed_at: group.changed_at.rfc3339(),
            version: group.version,
        }
    }
}

#[utoipa::path(
    get, path = "/groups", tag = "Groups", summary = "Find groups",
    params(
        ("q" = Option<String>, Query, description = "Part of the name"),
        ("sort" = Option<String>, Query, description = "`name`"),
        ("cursor" = Option<String>, Query),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200),
    ),
    responses((status = 200, body = Listed<GroupShown>), (status = 400, body = Problem))
)]
async fn list(ask: Ask) -> Answer {
    let listing = ask.listing(&Lists { sorts: &["name"], filters: &[], searches: true })?;
    if listing.descending {
        return Err(Failed::invalid("sort", "is nothing that this list can be sorted by"));
    }
    let text = listing.q.as_deref().unwrap_or_default();
    let groups = ask.registry().groups(text, listing.cursor.as_ref(), listing.fetch()).await?;
    let at = |(group, _): &(Group, u32)| (group.name.key().to_owned(), group.id.to_string());
    Ok(ask::ok(&listing.page(groups, None, at, |(group, members)| GroupShown::of(group, Some(members)))))
}

/// What a new group is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewGroupAsked {
    /// One plain line.
    #[schema(max_length = 100)]
    name: String,
    /// One plain line, or nothing.
    #[serde(default)]
    #[schema(max_length = 300)]
    description: String,
    /// Roles of its members: only such as the caller holds.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    roles: Roles,
    /// What it wants in place of policies.
    #[serde(default)]
    #[schema(value_type = Object)]
    overrides: Overrides,
}

#[utoipa::path(
    post, path = "/groups", tag = "Groups", summary = "Make a group",
    request_body = NewGroupAsked,
    responses(
        (status = 201, body = GroupShown),
        (status = 400, body = Problem),
        (status = 403, body = Problem, description = "Roles that the caller does not hold"),
        (status = 409, body = Problem, description = "`conflict`: the name is taken"),
    )
)]
async fn create(ask: Ask) -> Answer {
    let NewGroupAsked { name, description, roles, overrides } = ask.json()?;
    let made =
        ask.registry().create_group(ask.mandate(), NewGroup { name, description, roles, overrides }).await?;
    let (path, version) = (format!("/groups/{}", made.id), i64::from(made.version));
    Ok(ask::created(&path, &GroupShown::of(made, Some(0)), Some(version)))
}

#[utoipa::path(
    get, path = "/groups/{id}", tag = "Groups", summary = "A group",
    params(("id" = String, Path)),
    responses((status = 200, body = GroupShown), (status = 404, body = Problem))
)]
async fn show(ask: Ask) -> Answer {
    ask.query(&[])?;
    let (group, members) = ask.registry().group(&ask.id::<GroupId>("id")?).await?;
    let version = i64::from(group.version);
    Ok(ask::versioned(&GroupShown::of(group, Some(members)), version))
}

/// What is to change; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupEditAsked {
    /// Another name.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// Another description.
    #[schema(max_length = 300)]
    description: Option<String>,
    /// Other roles, all of them.
    #[schema(value_type = Option<Vec<String>>)]
    roles: Option<Roles>,
    /// Other wishes, all of them.
    #[schema(value_type = Option<Object>)]
    overrides: Option<Overrides>,
}

#[utoipa::path(
    patch, path = "/groups/{id}", tag = "Groups", summary = "Change a group",
    params(("id" = String, Path), ("If-Match" = String, Header, description = "The version that was seen")),
    request_body = GroupEditAsked,
    responses(
        (status = 200, body = GroupShown),
        (status = 400, body = Problem, description = "Among others: no active superadmin would be left"),
        (status = 403, body = Problem, description = "Roles that the caller does not hold"),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "`conflict`: the name is taken"),
        (status = 412, body = Problem, description = "It was changed since: `current_version`"),
        (status = 428, body = Problem),
    )
)]
async fn edit(ask: Ask) -> Answer {
    let id: GroupId = ask.id("id")?;
    let version = seen(ask.must_match()?);
    let GroupEditAsked { name, description, roles, overrides } = ask.json()?;
    let edit = GroupEdit { name, description, roles, overrides };
    let (group, members) = ask.registry().edit_group(ask.mandate(), &id, edit, version).await?;
    let version = i64::from(group.version);
    Ok(ask::versioned(&GroupShown::of(group, Some(members)), version))
}

#[utoipa::path(
    delete, path = "/groups/{id}", tag = "Groups", summary = "Delete a group",
    description = "Its members stay, without what they had from it.",
    params(("id" = String, Path), ("If-Match" = String, Header, description = "The version that was seen")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 403, body = Problem, description = "It has roles that the caller does not hold"),
        (status = 404, body = Problem),
        (status = 412, body = Problem),
        (status = 428, body = Problem),
    )
)]
async fn delete(ask: Ask) -> Answer {
    let id: GroupId = ask.id("id")?;
    ask.registry().delete_group(ask.mandate(), &id, seen(ask.must_match()?)).await?;
    Ok(ask::nothing())
}

/// A member.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MemberShown {
    /// Its id.
    id: String,
    /// Its user name.
    username: String,
    /// What to call it.
    name: String,
    /// `active` or `disabled`.
    state: &'static str,
}

impl From<Account> for MemberShown {
    fn from(account: Account) -> Self {
        Self {
            id: account.id.to_string(),
            username: account.username.as_str().to_owned(),
            name: account.display_name().to_owned(),
            state: account.state.as_str(),
        }
    }
}

#[utoipa::path(
    get, path = "/groups/{id}/members", tag = "Groups", summary = "The members of a group, by user name",
    params(
        ("id" = String, Path),
        ("cursor" = Option<String>, Query),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200),
    ),
    responses((status = 200, body = Listed<MemberShown>), (status = 404, body = Problem))
)]
async fn members(ask: Ask) -> Answer {
    let listing = ask.listing(&Lists { sorts: &["username"], filters: &[], searches: false })?;
    if listing.descending {
        return Err(Failed::invalid("sort", "is nothing that this list can be sorted by"));
    }
    let group: GroupId = ask.id("id")?;
    let people = ask.registry().members(&group, listing.cursor.as_ref(), listing.fetch()).await?;
    let at = |account: &Account| (account.username.key().to_owned(), account.id.to_string());
    Ok(ask::ok(&listing.page(people, None, at, MemberShown::from)))
}

/// Who joins and who leaves, by id.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MembersAsked {
    /// Into the group; at most 500.
    #[serde(default)]
    add: Vec<String>,
    /// Out of it; at most 500.
    #[serde(default)]
    remove: Vec<String>,
}

/// How many did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MembersChanged {
    /// Were not in it before.
    added: usize,
    /// Were in it before.
    removed: usize,
}

#[utoipa::path(
    post, path = "/groups/{id}/members", tag = "Groups", summary = "Put users into a group and take others out",
    description = "Ids of users that are not there are left alone.",
    params(("id" = String, Path)), request_body = MembersAsked,
    responses(
        (status = 200, body = MembersChanged),
        (status = 400, body = Problem, description = "Among others: no active superadmin would be left"),
        (status = 403, body = Problem, description = "The group has roles that the caller does not hold"),
        (status = 404, body = Problem),
    )
)]
async fn change_members(ask: Ask) -> Answer {
    let id: GroupId = ask.id("id")?;
    let MembersAsked { add, remove } = ask.json()?;
    // What is no id is an id of nobody.
    let ids =
        |texts: &[String]| texts.iter().filter_map(|text| text.parse::<AccountId>().ok()).collect::<Vec<_>>();
    let (added, removed) =
        ask.registry().change_members(ask.mandate(), &id, &ids(&add), &ids(&remove)).await?;
    Ok(ask::ok(&MembersChanged { added, removed }))
}
