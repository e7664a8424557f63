//! `/consents`: what people agreed to give relying parties.

use domain::{AccountId, ClientId, ListedConsent};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::ask::{self, Ask};
use super::listing::{Listed, Lists};
use super::openapi::Problem;
use super::route::{Answer, Route, route};

/// The routes.
pub(super) const ROUTES: &[Route] = &[
    route!(Get "/consents", ConsentsRead, list),
    route!(Delete "/consents/{user}/{client}", ConsentsWithdraw, withdraw),
    route!(Get "/users/{id}/consents", ConsentsRead, list_of_user),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, withdraw, list_of_user))]
pub(super) struct Described;

/// A consent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConsentShown {
    /// Whose: the account's id.
    user: String,
    /// Their user name.
    username: String,
    /// For whom.
    client_id: String,
    /// What the relying party is called.
    client_name: String,
    /// Agreed to.
    scopes: Vec<String>,
    /// Asked for, and left out.
    declined: Vec<String>,
    /// When.
    given_at: String,
}

impl From<ListedConsent> for ConsentShown {
    fn from(ListedConsent { consent, username, client_name }: ListedConsent) -> Self {
        Self {
            user: consent.account.to_string(),
            username,
            client_id: consent.client.to_string(),
            client_name,
            given_at: consent.given_at.rfc3339(),
            scopes: consent.scopes,
            declined: consent.declined,
        }
    }
}

const LISTS: Lists = Lists { sorts: &["-given_at"], filters: &["user", "client"], searches: false };

#[utoipa::path(
    get, path = "/consents", tag = "Consents",
    summary = "Remembered consents, newest first",
    params(
        ("user" = Option<String>, Query, description = "Of this account"),
        ("client" = Option<String>, Query, description = "For this relying party"),
        ("cursor" = Option<String>, Query),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200),
    ),
    responses((status = 200, body = Listed<ConsentShown>), (status = 400, body = Problem))
)]
async fn list(ask: Ask) -> Answer {
    let listing = ask.listing(&LISTS)?;
    let user: Option<AccountId> =
        listing.filter_as("user", |text| text.parse().ok(), "must be an account's id")?;
    let client: Option<ClientId> =
        listing.filter_as("client", |text| text.parse().ok(), "must be a client_id")?;
    let found = ask
        .registry()
        .consents(user.as_ref(), client.as_ref(), listing.cursor.as_ref(), listing.fetch())
        .await?;
    Ok(ask::ok(&listing.page(found, None, place, ConsentShown::from)))
}

#[utoipa::path(
    delete, path = "/consents/{user}/{client}", tag = "Consents",
    summary = "Take a consent back",
    description = "All tokens made from it end; the person is told.",
    params(("user" = String, Path), ("client" = String, Path)),
    responses((status = 204, description = "Taken back"), (status = 404, body = Problem))
)]
async fn withdraw(ask: Ask) -> Answer {
    let (user, client): (AccountId, ClientId) = (ask.id("user")?, ask.id("client")?);
    ask.registry().withdraw_consent(ask.mandate(), &user, &client).await?;
    Ok(ask::nothing())
}

const OF_USER: Lists = Lists { sorts: &["-given_at"], filters: &[], searches: false };

#[utoipa::path(
    get, path = "/users/{id}/consents", tag = "Consents",
    summary = "Remembered consents of a person, newest first",
    params(
        ("id" = String, Path),
        ("cursor" = Option<String>, Query),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200),
    ),
    responses((status = 200, body = Listed<ConsentShown>), (status = 400, body = Problem))
)]
async fn list_of_user(ask: Ask) -> Answer {
    let listing = ask.listing(&OF_USER)?;
    let user: AccountId = ask.id("id")?;
    let found = ask.registry().consents(Some(&user), None, listing.cursor.as_ref(), listing.fetch()).await?;
    Ok(ask::ok(&listing.page(found, None, place, ConsentShown::from)))
}

/// Where a consent stands in a list.
fn place(ListedConsent { consent, .. }: &ListedConsent) -> (String, String) {
    (consent.given_at.millis().to_string(), format!("{} {}", consent.account, consent.client))
}
