//! Who calls the admin API.
//!
//! Owns: the ways to prove it, the order in which they are looked at, and what each amounts to. Not here: which route
//! needs what (`route`), sessions themselves (`app::sessions`).
//!
//! * The command line is the operator: it has no socket in between ([`Admin::for_operator`]).
//! * `Authorization` decides where it is sent; a cookie beside it does not count.
//! * A route for programs alone knows `Authorization` only.
//! * A browser's session counts when it was proven by passkey (SEC-182), and for the routes that say so when that was a
//!   moment ago (`strength::FRESH`); changes need our own page's origin and the browser's token in the header `lb-csrf`
//!   (SEC-144).

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use app::{Mandate, Refusal, Rule, Visitor, audit, strength, throttle};
use domain::{Account, Actor, AuditEntry, AuditEvent, ClientAddress, Outcome, Permissions};
use provider::{AdminAsked, AdminRefused, AdminToken};
use web::{Refused, Web, origin};

use super::problem::Failed;
use super::route::Route;
use crate::Admin;

/// The header with the browser's token.
const CSRF: &str = "lb-csrf";

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// As use cases want it.
    pub mandate: Mandate,
    /// Whose session, token or key it is.
    pub account: Option<Account>,
    /// What a browser sends in `lb-csrf` with changes.
    pub csrf: Option<String>,
}

impl Caller {
    /// Whether it is the command line.
    pub(crate) fn is_operator(&self) -> bool {
        self.mandate.actor == Actor::Operator
    }

    /// What keeps callers' own things apart, such as their idempotency keys.
    pub(crate) fn key(&self) -> String {
        self.mandate.actor.to_string()
    }
}

/// Finds out who calls.
pub(crate) async fn caller(admin: &Admin, row: &Route, req: &HttpRequest) -> Result<Caller, Failed> {
    if admin.is_operator() {
        return Ok(Caller { mandate: Mandate::operator(), account: None, csrf: None });
    }
    let web = Web::of(req)?;
    let visitor = web::Visitor::of(req, web);
    if req.headers().contains_key(AUTHORIZATION) {
        return of_header(admin, req, &visitor).await;
    }
    if row.for_programs {
        return Err(Refusal::NotSignedIn.into());
    }
    of_browser(admin, req, web, &visitor).await
}

/// An API key or an access token. Both are looked at only while this network has not shown too many bad ones.
async fn of_header(admin: &Admin, req: &HttpRequest, visitor: &Visitor) -> Result<Caller, Failed> {
    let address = visitor.address;
    let network = throttle::network(address);
    admin.app().throttle().peek_or_alone(Rule::AdminAddress, &network).await?;
    let Some(authorization) = header(req, AUTHORIZATION.as_str()) else {
        return Err(unproven(admin, address, "authorization").await);
    };
    let key = authorization
        .get(..7)
        .filter(|scheme| scheme.eq_ignore_ascii_case("bearer "))
        .and_then(|_| authorization.get(7..))
        .filter(|text| text.starts_with(domain::api_key::PREFIX));
    if let Some(key) = key {
        return match admin.registry().called_with_key(key.trim(), address).await? {
            Some((mandate, account)) => Ok(Caller { mandate, account, csrf: None }),
            None => Err(unproven(admin, address, "api key").await),
        };
    }
    let asked = AdminAsked {
        authorization,
        proof: header(req, "dpop"),
        method: req.method().as_str(),
        path: req.path(),
    };
    match admin.provider().administrator(asked).await {
        Ok(token) => Ok(of_token(token, address)),
        Err(AdminRefused::StepUp) => Err(Refused::from(Refusal::StepUpNeeded).into()),
        Err(AdminRefused::Nonce(nonce)) => Err(Failed::nonce(&nonce)),
        Err(AdminRefused::Later(refusal)) => Err(refusal.into()),
        Err(AdminRefused::InvalidToken) => Err(unproven(admin, address, "access token").await),
    }
}

/// A token may what its scopes and its account's roles both allow.
fn of_token(token: AdminToken, address: ClientAddress) -> Caller {
    let scopes = Permissions::of_scopes(&token.scope);
    let (actor, permissions) = match &token.account {
        Some(account) => (Actor::Account(account.id), scopes.common(Permissions::of(account.roles))),
        None => (Actor::Client(token.client.clone()), scopes),
    };
    let account = token.account.as_ref().map(|account| account.id);
    let mandate = Mandate { actor, account, permissions, address: Some(address), is_fresh: true };
    Caller { mandate, account: token.account, csrf: None }
}

/// A header that is there once.
fn header<'r>(req: &'r HttpRequest, name: &str) -> Option<&'r str> {
    let mut all = req.headers().get_all(name);
    let value = all.next()?.to_str().ok()?;
    if all.next().is_some() { None } else { Some(value) }
}

/// A browser's session.
async fn of_browser(
    admin: &Admin,
    req: &HttpRequest,
    web: &Web,
    visitor: &Visitor,
) -> Result<Caller, Failed> {
    let secret = visitor.session.as_ref().ok_or(Refusal::NotSignedIn)?;
    let who = admin.app().sessions().current(secret).await?.ok_or(Refusal::NotSignedIn)?;
    if req.method() != actix_web::http::Method::GET {
        let token = req.headers().get(CSRF).and_then(|value| value.to_str().ok()).unwrap_or_default();
        origin::check_script(req, web, visitor.browser.as_ref(), Some(token))?;
    } else {
        origin::must_not_be_foreign(req, web)?;
    }
    let now = admin.app().now();
    let is_within = |limit| strength::has_passkey(&who.session.proofs, limit, now);
    if !is_within(signin::PROOF_LIFE) {
        // Said to everybody who is signed in: it tells nothing about roles.
        return Err(Failed::step_up(signin::PROOF_LIFE));
    }
    let mandate = Mandate {
        actor: Actor::Account(who.account.id),
        account: Some(who.account.id),
        permissions: Permissions::of(who.account.roles),
        address: Some(visitor.address),
        is_fresh: is_within(strength::FRESH),
    };
    let csrf = visitor.browser.as_ref().map(origin::csrf_token);
    Ok(Caller { mandate, account: Some(who.account.clone()), csrf })
}

/// Refuses a caller that lacks the route's permission, and writes it down; and one whose proof is not fresh where the
/// route wants that.
pub(crate) async fn must(admin: &Admin, caller: &Caller, row: &'static Route) -> Result<(), Failed> {
    if row.needs.met_by(caller.mandate.permissions) {
        let is_enough = caller.mandate.is_fresh || !row.wants_fresh;
        return if is_enough { Ok(()) } else { Err(Refusal::StepUpNeeded.into()) };
    }
    let detail = format!("{} {}", row.verb.as_str(), row.path);
    if let Some(address) = caller.mandate.address {
        note(admin, &caller.mandate, address, &detail).await;
    }
    Err(Refusal::Forbidden.into())
}

/// What was shown proves nobody: counted, written down, and answered alike whatever was wrong with it.
async fn unproven(admin: &Admin, address: ClientAddress, why: &str) -> Failed {
    let network = throttle::network(address);
    if let Err(refusal) = admin.app().throttle().hit_or_alone(Rule::AdminAddress, &network).await {
        return refusal.into();
    }
    let entry = audit::from(address, AuditEvent::AdminRefused, Outcome::Refused, admin.app().now());
    write_down(admin, entry, why).await;
    Refused::new(StatusCode::UNAUTHORIZED, "invalid_token", "The token or key is not good.").into()
}

/// Writes a refusal down, unless this network fills the trail with them.
async fn note(admin: &Admin, mandate: &Mandate, address: ClientAddress, detail: &str) {
    let key = throttle::key(&["noted", &throttle::network(address)]);
    if admin.app().throttle().hit_or_alone(Rule::AdminAddress, &key).await.is_ok() {
        let entry = mandate.entry(AuditEvent::AdminRefused, Outcome::Refused, admin.app().now());
        write_down(admin, AuditEntry { account: mandate.account, ..entry }, detail).await;
    }
}

async fn write_down(admin: &Admin, entry: AuditEntry, detail: &str) {
    let entry = AuditEntry { detail: audit::detail(detail), ..entry };
    if let Err(refusal) = admin.app().write_down(entry).await {
        tracing::warn!(cause = refusal.cause(), "A refusal was not written down");
    }
}
