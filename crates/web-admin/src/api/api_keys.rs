//! `/api-keys`: keys for programs that call this API.

use std::time::Duration;

use domain::{ApiKey, ApiKeyId, ListedApiKey, Network, Permission, Permissions, Timestamp};
use registry::api_keys::KeyAsked;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::ask::{self, Ask};
use super::listing::{Listed, Lists};
use super::openapi::Problem;
use super::problem::Failed;
use super::route::{Answer, Route, route};

/// The routes.
pub(super) const ROUTES: &[Route] = &[
    route!(Get "/api-keys", ApiKeysRead, list),
    route!(Post "/api-keys", ApiKeysWrite, create).fresh(),
    route!(Get "/api-keys/{id}", ApiKeysRead, show),
    route!(Delete "/api-keys/{id}", ApiKeysWrite, revoke),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, create, show, revoke))]
pub(super) struct Described;

/// An API key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApiKeyShown {
    /// Its id.
    #[schema(example = "key_aaaqeayeaudaocajbifqydiob4")]
    id: String,
    /// What it is for.
    name: String,
    /// `active`, `expired` or `revoked`.
    state: &'static str,
    /// Who made it: the account's id; null for the operator of the server.
    user: Option<String>,
    /// Their user name, in lists.
    username: Option<String>,
    /// What it may, as far as its maker may.
    #[schema(example = json!(["users.read"]))]
    permissions: Vec<&'static str>,
    /// From where it may be used; empty: from anywhere.
    networks: Vec<String>,
    /// Made.
    created_at: String,
    /// Ends by itself.
    expires_at: String,
    /// Last used, to the minute.
    last_used_at: Option<String>,
    /// From where it was last used.
    last_address: Option<String>,
    /// Revoked.
    revoked_at: Option<String>,
    /// The key's text, this once: in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

fn shown(key: &ApiKey, username: Option<String>, now: Timestamp) -> ApiKeyShown {
    let state = match key.revoked_at {
        Some(_) => "revoked",
        None if key.expires_at <= now => "expired",
        None => "active",
    };
    ApiKeyShown {
        id: key.id.to_string(),
        name: key.name.clone(),
        state,
        user: key.account.map(|account| account.to_string()),
        username,
        permissions: key.permissions.iter().map(Permission::as_str).collect(),
        networks: key.networks.iter().map(ToString::to_string).collect(),
        created_at: key.created_at.rfc3339(),
        expires_at: key.expires_at.rfc3339(),
        last_used_at: key.last_used_at.map(Timestamp::rfc3339),
        last_address: key.last_address.clone(),
        revoked_at: key.revoked_at.map(Timestamp::rfc3339),
        key: None,
    }
}

/// What a key is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewApiKey {
    /// What it is for.
    #[schema(max_length = 80)]
    name: String,
    /// What it may: no more than its maker.
    #[schema(example = json!(["users.read", "devices.read"]))]
    permissions: Vec<String>,
    /// How many days it is good.
    #[schema(minimum = 1, maximum = 366)]
    days: u32,
    /// From where it may be used: addresses, or address/prefix; none: from anywhere.
    #[serde(default)]
    #[schema(example = json!(["192.0.2.0/24"]))]
    networks: Vec<String>,
}

const LISTS: Lists = Lists { sorts: &["-created_at"], filters: &[], searches: false };

#[utoipa::path(
    get, path = "/api-keys", tag = "API keys",
    summary = "All keys, newest first, revoked and ended ones too",
    params(("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query, minimum = 1, maximum = 200)),
    responses((status = 200, body = Listed<ApiKeyShown>))
)]
async fn list(ask: Ask) -> Answer {
    let listing = ask.listing(&LISTS)?;
    let found = ask.registry().api_keys(listing.cursor.as_ref(), listing.fetch()).await?;
    let now = ask.app().now();
    let at = |one: &ListedApiKey| (one.key.created_at.millis().to_string(), one.key.id.to_string());
    Ok(ask::ok(&listing.page(found, None, at, |ListedApiKey { key, username }| shown(&key, username, now))))
}

#[utoipa::path(
    post, path = "/api-keys", tag = "API keys",
    summary = "Make a key",
    description = "Its text is in this answer and in no other.",
    request_body = NewApiKey,
    responses(
        (status = 201, body = ApiKeyShown),
        (status = 400, body = Problem),
        (status = 403, body = Problem, description = "`forbidden`: a permission that its maker has not"),
    )
)]
async fn create(ask: Ask) -> Answer {
    let NewApiKey { name, permissions, days, networks } = ask.json()?;
    let known = |word: &String| {
        Permission::from_word(word)
            .ok_or_else(|| Failed::invalid("permissions", "holds what is no permission"))
    };
    let network = |text: &String| {
        text.parse::<Network>()
            .map_err(|_| Failed::invalid("networks", "holds what is no address and no network"))
    };
    let asked = KeyAsked {
        name,
        permissions: permissions.iter().map(known).collect::<Result<Permissions, _>>()?,
        life: Duration::from_secs(u64::from(days) * 24 * 3600),
        networks: networks.iter().map(network).collect::<Result<_, _>>()?,
    };
    let made = ask.registry().create_api_key(ask.mandate(), asked).await?;
    let username = ask.caller().account.as_ref().map(|account| account.username.as_str().to_owned());
    let mut answer = shown(&made.key, username, ask.app().now());
    answer.key = Some(made.text);
    Ok(ask::created(&format!("/api-keys/{}", made.key.id), &answer, None))
}

#[utoipa::path(
    get, path = "/api-keys/{id}", tag = "API keys",
    summary = "One key, without its text",
    params(("id" = String, Path)),
    responses((status = 200, body = ApiKeyShown), (status = 404, body = Problem))
)]
async fn show(ask: Ask) -> Answer {
    let id: ApiKeyId = ask.id("id")?;
    let key = ask.registry().api_key(&id).await?;
    Ok(ask::ok(&shown(&key, None, ask.app().now())))
}

#[utoipa::path(
    delete, path = "/api-keys/{id}", tag = "API keys",
    summary = "Revoke a key",
    description = "The next call with it is refused. It stays in the list.",
    params(("id" = String, Path)),
    responses((status = 204, description = "Revoked"), (status = 404, body = Problem))
)]
async fn revoke(ask: Ask) -> Answer {
    let id: ApiKeyId = ask.id("id")?;
    ask.registry().revoke_api_key(ask.mandate(), &id).await?;
    Ok(ask::nothing())
}
