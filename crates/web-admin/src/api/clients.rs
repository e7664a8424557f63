//! `/clients`: relying parties, as RFC 7591 has them.

mod presets;

use actix_web::http::StatusCode;
use domain::{Client, ClientId, GrantType};
use oidc::registration::BadRegistration;
use provider::registration::{read_operators, shown_to_operator};
use registry::clients::services::Overlap;
use registry::clients::{ClientRefused, Registered, client_version};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{OpenApi, ToSchema};
use web::Refused;

use super::ask::{self, Ask};
use super::listing::{Listed, Lists};
use super::openapi::Problem;
use super::problem::Failed;
use super::route::{Answer, Route, route};
use presets::Preset;

/// The routes.
pub(super) const ROUTES: &[Route] = &[
    route!(Get "/clients", ClientsRead, list),
    route!(Post "/clients", ClientsWrite, create).fresh(),
    route!(Get "/clients/{id}", ClientsRead, show),
    route!(Put "/clients/{id}", ClientsWrite, replace).fresh(),
    route!(Patch "/clients/{id}", ClientsWrite, switch),
    route!(Delete "/clients/{id}", ClientsWrite, delete),
    route!(Post "/clients/{id}/secret", ClientsWrite, secret).fresh(),
    route!(Get "/clients/{id}/test", ClientsRead, test),
    route!(Get "/clients/{id}/settings", ClientsRead, settings),
    route!(Get "/client-presets", ClientsRead, list_presets),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, create, show, replace, switch, delete, secret, test, settings, list_presets))]
pub(super) struct Described;

/// A relying party in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClientShown {
    /// `client_id`.
    client_id: String,
    /// What people see.
    client_name: String,
    /// May be used.
    enabled: bool,
    /// Was made or checked by an operator.
    verified: bool,
    /// `web`, `spa`, `native`, `machine`, or `cas` for one that speaks CAS alone.
    kind: &'static str,
    /// Its addresses as a service of CAS.
    services: Vec<String>,
    /// How it proves itself.
    token_endpoint_auth_method: &'static str,
    /// Where people are sent back to.
    redirect_uris: Vec<String>,
    /// What it may ask for, space-separated.
    scope: String,
    /// Made.
    created_at: String,
}

impl From<Client> for ClientShown {
    fn from(client: Client) -> Self {
        Self {
            kind: kind(&client),
            client_id: client.id.to_string(),
            client_name: client.name,
            enabled: client.is_enabled,
            verified: client.is_verified,
            token_endpoint_auth_method: client.auth_method.as_str(),
            redirect_uris: client.redirect_uris,
            scope: client.scopes.join(" "),
            services: client.metadata.cas.map(|cas| cas.services).unwrap_or_default(),
            created_at: client.created_at.rfc3339(),
        }
    }
}

fn kind(client: &Client) -> &'static str {
    if client.metadata.grant_types.is_empty() && client.metadata.cas.is_some() {
        return "cas";
    }
    let for_people = client.metadata.grant_types.iter().any(|grant| *grant != GrantType::ClientCredentials);
    match (for_people, client.is_native, client.is_public()) {
        (false, _, _) => "machine",
        (true, true, _) => "native",
        (true, false, true) => "spa",
        (true, false, false) => "web",
    }
}

/// A registration (RFC 7591 §2, and our members `latchbolt_…`), as it is sent and answered.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes JSON that is read and written by the provider")]
pub(super) struct RegistrationBody {
    /// Chosen by the caller when it is made; else random.
    client_id: Option<String>,
    /// What people see.
    client_name: Option<String>,
    /// Where people are sent back to.
    redirect_uris: Option<Vec<String>>,
    /// How it proves itself.
    token_endpoint_auth_method: Option<String>,
    /// `authorization_code`, `refresh_token`, `client_credentials`…
    grant_types: Option<Vec<String>>,
    /// What it may ask for, space-separated.
    scope: Option<String>,
    /// What it is as a service of CAS: `services`, `order`, `attributes`, `user_claim`, `proxy_callbacks`,
    /// `single_logout`, `logout_url`, `required_acr`, `texts`.
    latchbolt_cas: Option<Value>,
    /// Whether people may sign in for it with apps made for CAS.
    latchbolt_cas_apps: Option<bool>,
    /// Answered once, when it was just made; may be given, of at least 32 characters.
    client_secret: Option<String>,
    /// Answered where something may not be meant so: addresses that are two services at once.
    warnings: Option<Vec<String>>,
}

/// Whether a relying party may be used.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    /// While it is not its tokens are good no more.
    enabled: bool,
}

/// A secret, this once.
#[derive(Serialize, ToSchema)]
pub(super) struct NewSecret {
    /// Whose.
    client_id: String,
    /// The secret.
    client_secret: String,
}

/// Where a test sign-in begins.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TestLink {
    /// To be opened in a browser.
    url: String,
    /// `initiate_login`: the relying party begins by itself, and all of it is tried. `authorize`: our side is tried; the
    /// relying party is sent a code that it did not ask for, and says so.
    kind: &'static str,
}

/// Settings of a relying party, to be copied.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Settings {
    /// For which program.
    preset: &'static str,
    /// The text, with a placeholder where the secret belongs.
    text: String,
}

const LISTS: Lists = Lists { sorts: &["client_id"], filters: &["enabled"], searches: true };

#[utoipa::path(
    get, path = "/clients", tag = "Relying parties",
    summary = "Relying parties in the order of their ids",
    params(
        ("q" = Option<String>, Query, description = "Part of the id or the name"),
        ("enabled" = Option<bool>, Query),
        ("cursor" = Option<String>, Query),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200),
    ),
    responses((status = 200, body = Listed<ClientShown>), (status = 400, body = Problem))
)]
async fn list(ask: Ask) -> Answer {
    let listing = ask.listing(&LISTS)?;
    if listing.descending {
        return Err(Failed::invalid("sort", "is nothing that this list can be sorted by"));
    }
    let enabled = listing.filter_as("enabled", |text| text.parse().ok(), "must be true or false")?;
    let text = listing.q.as_deref().unwrap_or_default();
    let found = ask.registry().find_clients(text, enabled, listing.cursor.as_ref(), listing.fetch()).await?;
    let at = |client: &Client| (String::new(), client.id.to_string());
    Ok(ask::ok(&listing.page(found, None, at, ClientShown::from)))
}

#[utoipa::path(
    post, path = "/clients", tag = "Relying parties",
    summary = "Register a relying party",
    description = "Answers the registration as it was taken. The secret is in this answer and in no other.",
    request_body = RegistrationBody,
    responses(
        (status = 201, body = RegistrationBody),
        (status = 400, body = Problem, description = "`invalid_client_metadata`, `invalid_redirect_uri`"),
        (status = 403, body = Problem, description = "`forbidden`: scopes that open more than the caller holds"),
        (status = 409, body = Problem, description = "`conflict`: the id is taken"),
    )
)]
async fn create(ask: Ask) -> Answer {
    let mut members: Map<String, Value> = ask.json()?;
    let id: ClientId = match text(&mut members, "client_id")? {
        Some(id) => id
            .parse()
            .map_err(|_| Failed::invalid("client_id", "has to be 1 to 200 visible ASCII characters"))?,
        None => ask.registry().new_client_id()?,
    };
    let secret = text(&mut members, "client_secret")?.map(SecretString::from);
    let registration =
        read_operators(ask.app(), &Value::Object(members)).await.map_err(|wrong| bad(&wrong))?;
    let client = registration.into_client(id, None, ask.app().now());
    let made = ask.registry().create_client_by(ask.mandate(), client, secret).await.map_err(refused)?;
    let path = format!("/clients/{}", made.client.id);
    let shown = warned(&ask, registered(&made), &made.client).await?;
    Ok(ask::created(&path, &shown, Some(client_version(&made.client))))
}

#[utoipa::path(
    get, path = "/clients/{id}", tag = "Relying parties",
    summary = "A registration, without its secret",
    params(("id" = String, Path)),
    responses((status = 200, body = RegistrationBody), (status = 404, body = Problem))
)]
async fn show(ask: Ask) -> Answer {
    let client = ask.registry().client(ask.path("id")).await?;
    let shown = warned(&ask, shown_to_operator(&client, None), &client).await?;
    Ok(ask::versioned(&shown, client_version(&client)))
}

#[utoipa::path(
    put, path = "/clients/{id}", tag = "Relying parties",
    summary = "Put a registration in place of the one before",
    description = "What is left out becomes what it is without. The secret stays where one is still needed.",
    params(("id" = String, Path), ("If-Match" = String, Header)),
    request_body = RegistrationBody,
    responses(
        (status = 200, body = RegistrationBody),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 412, body = Problem),
        (status = 428, body = Problem),
    )
)]
async fn replace(ask: Ask) -> Answer {
    let seen = ask.must_match()?;
    let mut members: Map<String, Value> = ask.json()?;
    let before = ask.registry().client(ask.path("id")).await?;
    match text(&mut members, "client_id")? {
        Some(id) if id != before.id.as_str() => {
            return Err(Failed::invalid("client_id", "is another one's: an id never changes"));
        }
        _ => {}
    }
    let secret = text(&mut members, "client_secret")?.map(SecretString::from);
    let registration =
        read_operators(ask.app(), &Value::Object(members)).await.map_err(|wrong| bad(&wrong))?;
    // Without a version of the caller's: of what was just read, so that a change in between is not lost.
    let seen = seen.or_else(|| Some(client_version(&before)));
    let client = registration.in_place_of(&before);
    let put = ask.registry().update_client_by(ask.mandate(), client, secret, seen).await.map_err(refused)?;
    let shown = warned(&ask, registered(&put), &put.client).await?;
    Ok(ask::versioned(&shown, client_version(&put.client)))
}

#[utoipa::path(
    patch, path = "/clients/{id}", tag = "Relying parties",
    summary = "Let a relying party be used, or stop it",
    params(("id" = String, Path), ("If-Match" = String, Header)),
    request_body = Switch,
    responses(
        (status = 200, body = RegistrationBody),
        (status = 404, body = Problem),
        (status = 412, body = Problem),
        (status = 428, body = Problem),
    )
)]
async fn switch(ask: Ask) -> Answer {
    let seen = ask.must_match()?;
    let Switch { enabled } = ask.json()?;
    let client = ask.registry().enable_client(ask.mandate(), ask.path("id"), enabled, seen).await?;
    Ok(ask::versioned(&shown_to_operator(&client, None), client_version(&client)))
}

#[utoipa::path(
    delete, path = "/clients/{id}", tag = "Relying parties",
    summary = "Remove a relying party with its consents and tokens",
    params(("id" = String, Path), ("If-Match" = String, Header)),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, body = Problem),
        (status = 412, body = Problem),
        (status = 428, body = Problem),
    )
)]
async fn delete(ask: Ask) -> Answer {
    let seen = ask.must_match()?;
    ask.registry().delete_client_by(ask.mandate(), ask.path("id"), seen).await?;
    Ok(ask::nothing())
}

#[utoipa::path(
    post, path = "/clients/{id}/secret", tag = "Relying parties",
    summary = "Give a relying party a new secret",
    description = "The one before is good no more. The new one is in this answer and in no other.",
    params(("id" = String, Path)),
    responses(
        (status = 200, body = NewSecret),
        (status = 400, body = Problem, description = "It has no secret"),
        (status = 404, body = Problem),
    )
)]
async fn secret(ask: Ask) -> Answer {
    let made = ask.registry().replace_secret(ask.mandate(), ask.path("id")).await.map_err(refused)?;
    let Some(secret) = &made.secret else {
        return Err(Failed::invalid("client_secret", "is none that this relying party has"));
    };
    let shown =
        NewSecret { client_id: made.client.id.to_string(), client_secret: secret.expose_secret().to_owned() };
    Ok(ask::ok(&shown))
}

#[utoipa::path(
    get, path = "/clients/{id}/test", tag = "Relying parties",
    summary = "A link that tries a sign-in",
    params(("id" = String, Path)),
    responses(
        (status = 200, body = TestLink),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "`conflict`: nobody signs in to it"),
    )
)]
async fn test(ask: Ask) -> Answer {
    ask.query(&[])?;
    let client = ask.registry().client(ask.path("id")).await?;
    let issuer = ask.app().issuer();
    let begins = client.metadata.initiate_login_uri.as_deref().and_then(|uri| url::Url::parse(uri).ok());
    if let Some(mut url) = begins {
        // OpenID Connect Core §4.
        url.query_pairs_mut().append_pair("iss", issuer.as_str());
        return Ok(ask::ok(&TestLink { url: url.into(), kind: "initiate_login" }));
    }
    if let ("cas", Some(service)) = (kind(&client), ask.registry().example_address(&client)) {
        let mut url = url::Url::parse(&issuer.url("/cas/login"))
            .map_err(|_| Refused::of_status(StatusCode::INTERNAL_SERVER_ERROR))?;
        url.query_pairs_mut().append_pair("service", &service);
        return Ok(ask::ok(&TestLink { url: url.into(), kind: "cas" }));
    }
    let signs_in = client.metadata.grant_types.contains(&GrantType::AuthorizationCode);
    let (Some(back), true) = (client.redirect_uris.first(), signs_in) else {
        let why = "Nobody signs in to this relying party.";
        return Err(Refused::new(StatusCode::CONFLICT, "conflict", why).with("field", "grant_types").into());
    };
    let endpoint = url::Url::parse(&issuer.url("/authorize"));
    let mut url = endpoint.map_err(|_| Refused::of_status(StatusCode::INTERNAL_SERVER_ERROR))?;
    url.query_pairs_mut()
        .append_pair("client_id", client.id.as_str())
        .append_pair("redirect_uri", back)
        .append_pair("response_type", "code")
        .append_pair("scope", "openid")
        .append_pair("state", "latchbolt-test")
        // Nobody holds the verifier: the code opens nothing.
        .append_pair("code_challenge", &ask.app().entropy().secret().text())
        .append_pair("code_challenge_method", "S256");
    Ok(ask::ok(&TestLink { url: url.into(), kind: "authorize" }))
}

#[utoipa::path(
    get, path = "/clients/{id}/settings", tag = "Relying parties",
    summary = "Settings of the relying party's program, to be copied",
    params(("id" = String, Path), ("preset" = String, Query, description = "One of `/client-presets`")),
    responses((status = 200, body = Settings), (status = 400, body = Problem), (status = 404, body = Problem))
)]
async fn settings(ask: Ask) -> Answer {
    let query = ask.query(&["preset"])?;
    let preset = query.get("preset").and_then(presets::find);
    let preset = preset.ok_or_else(|| Failed::invalid("preset", "is none of /client-presets"))?;
    let client = ask.registry().client(ask.path("id")).await?;
    let service = ask.registry().example_address(&client).unwrap_or_default();
    let text = preset.settings_of(&client, ask.app().issuer().as_str(), &service);
    Ok(ask::ok(&Settings { preset: preset.id, text }))
}

#[utoipa::path(
    get, path = "/client-presets", tag = "Relying parties",
    summary = "Kinds of relying parties, with registrations to begin from",
    responses((status = 200, body = Listed<Preset>))
)]
async fn list_presets(ask: Ask) -> Answer {
    ask.query(&[])?;
    Ok(ask::ok(&Listed::whole(presets::all())))
}

/// Takes a text out of what was sent.
fn text(members: &mut Map<String, Value>, name: &'static str) -> Result<Option<String>, Failed> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Failed::invalid(name, "must be a string")),
    }
}

fn registered(made: &Registered) -> Value {
    let secret = made.secret.as_ref().map(secrecy::ExposeSecret::expose_secret);
    shown_to_operator(&made.client, secret)
}

/// With what may not be meant so.
async fn warned(ask: &Ask, mut shown: Value, client: &Client) -> Result<Value, Failed> {
    let overlaps = ask.registry().service_overlaps(client).await?;
    if !overlaps.is_empty() {
        let warnings = overlaps.iter().map(|overlap| {
            let Overlap { service, with, its_service, is_it_first } = overlap;
            let first = if *is_it_first { "the other one is" } else { "this one is" };
            format!("latchbolt_cas.services: addresses of {service} may be of {its_service} of {with}, too; where both fit {first} taken")
        });
        shown["warnings"] = warnings.collect::<Vec<_>>().into();
    }
    Ok(shown)
}

fn bad(bad: &BadRegistration) -> Failed {
    let field = match bad {
        BadRegistration::RedirectUri { .. } => "redirect_uris",
        BadRegistration::Metadata { member, .. } => member,
        BadRegistration::SoftwareStatement => "software_statement",
    };
    not_taken(bad.code(), field, &bad.to_string())
}

fn not_taken(code: &'static str, field: &str, why: &str) -> Failed {
    let refused = Refused::new(StatusCode::BAD_REQUEST, code, "");
    Refused { detail: domain::text::shown(why, 300).into(), ..refused }.with("field", field).into()
}

fn refused(refused: ClientRefused) -> Failed {
    match refused {
        ClientRefused::Secret(why) => Failed::invalid("client_secret", why),
        ClientRefused::Service { member, .. } => {
            not_taken("invalid_client_metadata", member, &refused.to_string())
        }
        ClientRefused::Refused(refusal) => refusal.into(),
    }
}
