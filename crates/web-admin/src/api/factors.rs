//! What an account is protected by, as the helpdesk sees and mends it. Never a secret, a code or a hash (SEC-183).

use domain::{AccountId, CredentialId, Passkey};
use registry::factors::FactorsShown;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::ask::{self, Ask};
use super::openapi::Problem;
use super::route::{Answer, Route, route};

/// The routes.
pub(super) const ROUTES: &[Route] = &[
    route!(Get "/users/{id}/second-factor", UsersRead, show),
    route!(Delete "/users/{id}/second-factor", RecoveriesWrite, remove_totp).fresh(),
    route!(Get "/users/{id}/recovery-codes", UsersRead, codes),
    route!(Delete "/users/{id}/recovery-codes", RecoveriesWrite, remove_codes).fresh(),
    route!(Get "/users/{id}/passkeys", UsersRead, passkeys),
    route!(Delete "/users/{id}/passkeys/{passkey}", RecoveriesWrite, remove_passkey).fresh(),
    route!(Post "/users/{id}/unlock", UsersLock, unlock),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(show, remove_totp, codes, remove_codes, passkeys, remove_passkey, unlock))]
pub(super) struct Described;

/// What an account is protected by.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FactorsAnswer {
    /// The password.
    password: PasswordShown,
    /// The authenticator app; none where there is none.
    totp: Option<TotpShown>,
    /// Recovery codes.
    recovery_codes: CodesShown,
    /// Passkeys that sign in.
    passkeys: u32,
    /// Active phones.
    phones: u32,
    /// A password alone is not enough for this account.
    demanded: bool,
}

/// A password, without it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PasswordShown {
    /// Whether there is one.
    set: bool,
    /// When it was set.
    changed_at: Option<String>,
    /// Wrong ones in a row since the last right sign-in.
    failures: u32,
    /// There were so many that it does not count in browsers that the account has not used.
    off: bool,
}

/// An authenticator app, without its key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TotpShown {
    /// When it was set up.
    since: String,
}

/// Recovery codes, without them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CodesShown {
    /// How many were not used.
    left: u32,
}

/// A passkey.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PasskeyShown {
    /// Its id.
    #[schema(example = "crd_aaaqeayeaudaocajbifqydiob4")]
    id: String,
    /// The owner's name for it.
    name: String,
    /// The phone that approves with it.
    device: Option<String>,
    /// Made.
    created_at: String,
    /// Last used to sign in or approve.
    last_used_at: Option<String>,
}

/// All passkeys of an account: there are few.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PasskeysShown {
    /// Oldest first.
    items: Vec<PasskeyShown>,
    /// Always none: all are here.
    next: Option<String>,
    /// How many.
    total: usize,
}

impl From<FactorsShown> for FactorsAnswer {
    fn from(shown: FactorsShown) -> Self {
        let held = shown.held;
        Self {
            password: PasswordShown {
                set: held.has_password(),
                changed_at: held.password_since.map(domain::Timestamp::rfc3339),
                failures: held.wrong_in_a_row,
                off: shown.is_password_off,
            },
            totp: held.totp_since.map(|since| TotpShown { since: since.rfc3339() }),
            recovery_codes: CodesShown { left: held.recovery_codes },
            passkeys: held.passkeys,
            phones: held.phones,
            demanded: shown.is_second_factor_demanded,
        }
    }
}

impl From<Passkey> for PasskeyShown {
    fn from(passkey: Passkey) -> Self {
        Self {
            id: passkey.id.to_string(),
            name: passkey.name,
            device: passkey.device.map(|device| device.to_string()),
            created_at: passkey.created_at.rfc3339(),
            last_used_at: passkey.last_used_at.map(domain::Timestamp::rfc3339),
        }
    }
}

#[utoipa::path(
    get, path = "/users/{id}/second-factor", tag = "People",
    summary = "What a user is protected by",
    params(("id" = String, Path)),
    responses((status = 200, body = FactorsAnswer), (status = 404, body = Problem))
)]
async fn show(ask: Ask) -> Answer {
    let id: AccountId = ask.id("id")?;
    Ok(ask::ok(&FactorsAnswer::from(ask.registry().factors_of(&id).await?)))
}

#[utoipa::path(
    delete, path = "/users/{id}/second-factor", tag = "People",
    summary = "Take a user's authenticator app away",
    description = "For somebody who lost it and whom you know. They are told on every channel. Where a second factor is \
                   demanded they set up a new one at their next sign-in.",
    params(("id" = String, Path)),
    responses((status = 204, description = "Taken away"), (status = 404, body = Problem))
)]
async fn remove_totp(ask: Ask) -> Answer {
    let id: AccountId = ask.id("id")?;
    ask.registry().remove_totp_of(ask.mandate(), &id).await?;
    Ok(ask::nothing())
}

#[utoipa::path(
    get, path = "/users/{id}/recovery-codes", tag = "People",
    summary = "How many recovery codes a user has left",
    params(("id" = String, Path)),
    responses((status = 200, body = CodesShown), (status = 404, body = Problem))
)]
async fn codes(ask: Ask) -> Answer {
    let id: AccountId = ask.id("id")?;
    let shown = ask.registry().factors_of(&id).await?;
    Ok(ask::ok(&CodesShown { left: shown.held.recovery_codes }))
}

#[utoipa::path(
    delete, path = "/users/{id}/recovery-codes", tag = "People",
    summary = "Take a user's recovery codes away",
    description = "For codes that somebody else may know. Their owner is told and can make new ones.",
    params(("id" = String, Path)),
    responses((status = 204, description = "Taken away"), (status = 404, body = Problem))
)]
async fn remove_codes(ask: Ask) -> Answer {
    let id: AccountId = ask.id("id")?;
    ask.registry().remove_recovery_codes_of(ask.mandate(), &id).await?;
    Ok(ask::nothing())
}

#[utoipa::path(
    get, path = "/users/{id}/passkeys", tag = "People",
    summary = "A user's passkeys",
    params(("id" = String, Path)),
    responses((status = 200, body = PasskeysShown), (status = 404, body = Problem))
)]
async fn passkeys(ask: Ask) -> Answer {
    let id: AccountId = ask.id("id")?;
    let found = ask.registry().passkeys_of(&id).await?;
    let items: Vec<PasskeyShown> = found.into_iter().map(PasskeyShown::from).collect();
    let total = items.len();
    Ok(ask::ok(&PasskeysShown { items, next: None, total }))
}

#[utoipa::path(
    delete, path = "/users/{id}/passkeys/{passkey}", tag = "People",
    summary = "Remove a user's passkey",
    description = "Not the last way in, and not one that a phone approves with: revoke the phone then.",
    params(("id" = String, Path), ("passkey" = String, Path)),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "`last_factor`, `passkey_of_phone`"),
    )
)]
async fn remove_passkey(ask: Ask) -> Answer {
    let id: AccountId = ask.id("id")?;
    let passkey: CredentialId = ask.id("passkey")?;
    ask.registry().remove_passkey_of(ask.mandate(), &id, &passkey).await?;
    Ok(ask::nothing())
}

#[utoipa::path(
    post, path = "/users/{id}/unlock", tag = "People",
    summary = "Let a user's password count again",
    description = "Forgets the wrong passwords and codes that were tried.",
    params(("id" = String, Path)),
    responses((status = 204, description = "Forgotten"), (status = 404, body = Problem))
)]
async fn unlock(ask: Ask) -> Answer {
    let id: AccountId = ask.id("id")?;
    ask.registry().unlock_password_of(ask.mandate(), &id).await?;
    Ok(ask::nothing())
}
