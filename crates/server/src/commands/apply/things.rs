//! What `apply` and `export` know: claims, policies, groups, clients, people.
//!
//! Owns: how each is read, made and changed over the admin API, in one form: members by their names. Not here:
//! comparing (`apply`).

use serde_json::{Map, Value, json};
use web::Refused;

use super::files::Wanted;
use crate::api::{Api, escaped, failure};
use crate::failure::Failure;

/// A kind of thing, in the order in which they lean on one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Claim,
    Policy,
    Group,
    Client,
    User,
}

impl Kind {
    pub(super) const ALL: &'static [Self] =
        &[Self::Claim, Self::Policy, Self::Group, Self::Client, Self::User];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Policy => "policy",
            Self::Group => "group",
            Self::Client => "client",
            Self::User => "user",
        }
    }

    /// The table of a file.
    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Claim => "claims",
            Self::Policy => "policies",
            Self::Group => "groups",
            Self::Client => "clients",
            Self::User => "users",
        }
    }

    /// Members that may be named; none: those that the server has.
    pub(super) const fn members(self) -> &'static [&'static str] {
        match self {
            Self::Claim => &["kind", "scope", "labels", "edited_by", "limits"],
            Self::Policy => &[],
            Self::Group => &["description", "roles", "overrides"],
            Self::User => {
                &["name", "email", "email_verified", "language", "state", "roles", "groups", "claims"]
            }
            Self::Client => CLIENT,
        }
    }
}

const CLIENT: &[&str] = &[
    "client_name",
    "application_type",
    "redirect_uris",
    "grant_types",
    "response_types",
    "token_endpoint_auth_method",
    "token_endpoint_auth_signing_alg",
    "id_token_signed_response_alg",
    "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc",
    "userinfo_signed_response_alg",
    "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc",
    "introspection_signed_response_alg",
    "request_object_signing_alg",
    "request_object_encryption_alg",
    "request_object_encryption_enc",
    "request_uris",
    "require_signed_request_object",
    "require_pushed_authorization_requests",
    "dpop_bound_access_tokens",
    "scope",
    "subject_type",
    "sector_identifier_uri",
    "jwks",
    "jwks_uri",
    "contacts",
    "default_max_age",
    "require_auth_time",
    "default_acr_values",
    "initiate_login_uri",
    "post_logout_redirect_uris",
    "frontchannel_logout_uri",
    "frontchannel_logout_session_required",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "logo_uri",
    "client_uri",
    "policy_uri",
    "tos_uri",
    "software_id",
    "software_version",
    "latchbolt_verified",
    "latchbolt_enabled",
    "latchbolt_require_pkce",
    "latchbolt_skip_consent",
    "latchbolt_phishing_resistant_only",
    "latchbolt_skip_check_code",
    "latchbolt_same_country_only",
    "latchbolt_access_token_format",
    "latchbolt_resources",
    "latchbolt_serves",
    "latchbolt_optional_scopes",
    "latchbolt_cas",
    "latchbolt_cas_apps",
];

/// All things of a kind by their names.
pub(super) async fn all(api: &Api, kind: Kind) -> Result<Vec<(String, Map<String, Value>)>, Failure> {
    let refused = |refused: Box<Refused>| failure(kind.as_str(), "", &refused);
    let rows = match kind {
        Kind::Claim => api.items("/claims").await,
        Kind::Policy => api.items("/policies").await,
        Kind::Group => api.all("/groups").await,
        Kind::Client => api.all("/clients").await,
        Kind::User => api.all("/users").await,
    };
    let mut things = Vec::new();
    for row in rows.map_err(refused)? {
        let name = match kind {
            Kind::Client => "client_id",
            Kind::User => "username",
            Kind::Claim | Kind::Policy | Kind::Group => "name",
        };
        let name = row[name].as_str().unwrap_or_default().to_owned();
        let row = match kind {
            Kind::Client => api.get(&format!("/clients/{}", escaped(&name))).await.map_err(refused)?,
            _ => row,
        };
        things.push((name, plain(kind, &row)));
    }
    Ok(things)
}

/// One thing, if it is there.
pub(super) async fn get(api: &Api, kind: Kind, name: &str) -> Result<Option<Map<String, Value>>, Failure> {
    Ok(row(api, kind, name).await?.map(|row| plain(kind, &row)))
}

/// As the API answers it.
async fn row(api: &Api, kind: Kind, name: &str) -> Result<Option<Value>, Failure> {
    let path = match kind {
        Kind::Claim => format!("/claims/{}", escaped(name)),
        Kind::Policy => format!("/policies/{}", escaped(name)),
        Kind::Client => format!("/clients/{}", escaped(name)),
        Kind::Group => return group(api, name).await,
        Kind::User => {
            let found = api.items(&format!("/users?username={}", escaped(name))).await;
            let found = found.map_err(|refused| failure(kind.as_str(), name, &refused))?;
            return Ok(found.into_iter().next().filter(|_| !name.is_empty()));
        }
    };
    match api.get(&path).await {
        Ok(row) => Ok(Some(row)),
        Err(refused) if refused.status.as_u16() == 404 => Ok(None),
        Err(refused) => Err(failure(kind.as_str(), name, &refused)),
    }
}

async fn group(api: &Api, name: &str) -> Result<Option<Value>, Failure> {
    let found = api.all(&format!("/groups?q={}", escaped(name))).await;
    let found = found.map_err(|refused| failure(Kind::Group.as_str(), name, &refused))?;
    let is_it =
        |row: &Value| row["name"].as_str().is_some_and(|one| one.to_lowercase() == name.to_lowercase());
    Ok(found.into_iter().find(is_it))
}

/// The members that files name.
fn plain(kind: Kind, row: &Value) -> Map<String, Value> {
    if kind == Kind::Policy {
        return row["value"].as_object().cloned().unwrap_or_default();
    }
    let mut members = Map::new();
    for member in kind.members() {
        let value = match (kind, *member) {
            (Kind::User, "roles") => &row["own_roles"],
            (_, member) => &row[member],
        };
        if !value.is_null() {
            members.insert((*member).to_owned(), value.clone());
        }
    }
    if kind == Kind::User
        && let Some(claims) = members.get_mut("claims").and_then(Value::as_object_mut)
    {
        // Named beside them.
        claims.retain(|claim, _| !["name", "email", "email_verified"].contains(&claim.as_str()));
    }
    members
}

/// Makes a thing, or changes what differs; answers the secret of a client that was made.
pub(super) async fn put(
    api: &Api,
    wanted: &Wanted,
    have: Option<&Map<String, Value>>,
    changes: &[(String, Value, Value)],
) -> Result<Option<String>, Failure> {
    let Wanted { kind, name, members } = wanted;
    let id = escaped(name);
    let whole = || {
        let mut whole = have.cloned().unwrap_or_default();
        whole.extend(members.clone());
        Value::Object(whole)
    };
    let call = Call { api, kind: *kind, name };
    match (kind, have) {
        (Kind::Claim, _) => {
            call.send("PUT", &format!("/claims/{id}"), &whole()).await?;
        }
        (Kind::Policy, _) => {
            call.send("PATCH", &format!("/policies/{id}"), &changed(changes)).await?;
        }
        (Kind::Group, None) => {
            let mut body = Value::Object(members.clone());
            body["name"] = json!(name);
            call.send("POST", "/groups", &body).await?;
        }
        (Kind::Group, Some(_)) => {
            let group = call.id().await?;
            call.send("PATCH", &format!("/groups/{group}"), &changed(changes)).await?;
        }
        (Kind::Client, None) => {
            let mut body = Value::Object(members.clone());
            body["client_id"] = json!(name);
            let made = call.send("POST", "/clients", &body).await?;
            return Ok(made["client_secret"].as_str().map(str::to_owned));
        }
        (Kind::Client, Some(_)) => {
            call.send("PUT", &format!("/clients/{id}"), &whole()).await?;
        }
        (Kind::User, have) => user(&call, have, members, changes).await?,
    }
    Ok(None)
}

struct Call<'a> {
    api: &'a Api,
    kind: Kind,
    name: &'a str,
}

impl Call<'_> {
    async fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value, Failure> {
        let answered = self.api.call(method, path, Some(body), None).await;
        Ok(answered.map_err(|refused| failure(self.kind.as_str(), self.name, &refused))?.body)
    }

    async fn id(&self) -> Result<String, Failure> {
        let row = row(self.api, self.kind, self.name).await?;
        let row =
            row.ok_or_else(|| Failure::about(self.kind.as_str(), self.name, &app::Refusal::NotFound))?;
        Ok(row["id"].as_str().unwrap_or_default().to_owned())
    }
}

/// What differs, as the body of a change; claims of people by their names.
fn changed(changes: &[(String, Value, Value)]) -> Value {
    let mut body = json!({});
    for (member, _, to) in changes {
        match member.strip_prefix("claims.") {
            Some(claim) => body["claims"][claim] = to.clone(),
            None => body[member] = to.clone(),
        }
    }
    body
}

/// A person: what is edited, roles, groups and state are ways of their own.
async fn user(
    call: &Call<'_>,
    have: Option<&Map<String, Value>>,
    members: &Map<String, Value>,
    changes: &[(String, Value, Value)],
) -> Result<(), Failure> {
    const APART: [&str; 3] = ["roles", "groups", "state"];
    let differs = |member: &str| changes.iter().find(|(changed, ..)| changed == member).map(|(_, _, to)| to);
    let id = match have {
        None => {
            let mut body = Value::Object(members.clone());
            if let Some(body) = body.as_object_mut() {
                body.retain(|member, _| !APART.contains(&member.as_str()));
            }
            body["username"] = json!(call.name);
            call.send("POST", "/users", &body).await?["id"].as_str().unwrap_or_default().to_owned()
        }
        Some(_) => {
            let id = call.id().await?;
            let edits: Vec<_> =
                changes.iter().filter(|(member, ..)| !APART.contains(&member.as_str())).cloned().collect();
            if !edits.is_empty() {
                call.send("PATCH", &format!("/users/{id}"), &changed(&edits)).await?;
            }
            id
        }
    };
    if let Some(roles) = differs("roles").filter(|roles| have.is_some() || **roles != json!([])) {
        call.send("PUT", &format!("/users/{id}/roles"), &json!({ "roles": roles })).await?;
    }
    if let Some(groups) = differs("groups") {
        join(call, &id, have, groups).await?;
    }
    match differs("state").and_then(Value::as_str) {
        None => {}
        Some("active") if have.is_none() => {}
        Some("active") => {
            call.send("POST", &format!("/users/{id}/enable"), &json!({})).await?;
        }
        Some("disabled") => {
            call.send("POST", &format!("/users/{id}/disable"), &json!({})).await?;
        }
        Some(_) => {
            return Err(Failure::new(format!("{}: state is active or disabled. Correct it.", call.name)));
        }
    }
    Ok(())
}

async fn join(
    call: &Call<'_>,
    user: &str,
    have: Option<&Map<String, Value>>,
    wanted: &Value,
) -> Result<(), Failure> {
    let names = |value: Option<&Value>| -> Vec<String> {
        let all = value.and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_str).map(str::to_lowercase).collect()
    };
    let (before, after) = (names(have.and_then(|have| have.get("groups"))), names(Some(wanted)));
    let moves = after
        .iter()
        .filter(|name| !before.contains(name))
        .map(|name| (name, "add"))
        .chain(before.iter().filter(|name| !after.contains(name)).map(|name| (name, "remove")));
    for (name, member) in moves {
        let group = Call { api: call.api, kind: Kind::Group, name };
        let id = group.id().await?;
        group.send("POST", &format!("/groups/{id}/members"), &json!({ member: [user] })).await?;
    }
    Ok(())
}
