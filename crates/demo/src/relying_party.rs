//! The demo relying party: sign in, see what the provider said, sign out.
//!
//! Owns: its sessions (in memory, forgotten at the end of the program) and its pages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, get, post};
use askama::Template;
use base64::Engine as _;
use ring::rand::SecureRandom as _;
use serde::Deserialize;
use serde_json::Value;

use crate::moments::Moments;
use crate::oidc::{Identity, Oidc, Pending, Wish};
use crate::pages::Sorry;
use crate::site::{self, Own};
use crate::{DemoError, PHONE, Settings};

const COOKIE: &str = "demo_relying_party";
/// Requests and sessions kept at once; the oldest goes.
const MOST: usize = 500;

/// The relying party.
#[derive(Debug, Clone)]
pub(crate) struct RelyingParty(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    oidc: Oidc,
    issuer: String,
    username: String,
    has_phone: bool,
    moments: Moments,
    visits: Mutex<HashMap<String, Visit>>,
}

/// What is known about one browser.
#[derive(Debug)]
struct Visit {
    since: Instant,
    /// Requests under way, newest last: each tab has its own.
    pending: Vec<Pending>,
    signed_in: Option<SignedIn>,
}

#[derive(Debug, Clone)]
struct SignedIn {
    who: Identity,
    took: Option<Duration>,
    at: i64,
}

impl RelyingParty {
    pub(crate) fn new(settings: &Settings, moments: Moments, has_phone: bool) -> Result<Self, DemoError> {
        Ok(Self(Arc::new(Inner {
            oidc: Oidc::new(settings)?,
            issuer: settings.issuer.clone(),
            username: settings.username.clone(),
            has_phone,
            moments,
            visits: Mutex::default(),
        })))
    }

    fn visits<T>(&self, work: impl FnOnce(&mut HashMap<String, Visit>) -> T) -> T {
        work(&mut self.0.visits.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, visit: &str, pending: Pending) {
        self.visits(|visits| {
            if visits.len() >= MOST
                && let Some(oldest) = visits.iter().min_by_key(|(_, v)| v.since).map(|(id, _)| id.clone())
            {
                visits.remove(&oldest);
            }
            let visit = visits.entry(visit.to_owned()).or_insert_with(|| Visit {
                since: Instant::now(),
                pending: Vec::new(),
                signed_in: None,
            });
            visit.pending.push(pending);
            if visit.pending.len() > 8 {
                visit.pending.remove(0);
            }
        });
    }

    fn take(&self, visit: &str, state: &str) -> Option<Pending> {
        self.visits(|visits| {
            let visit = visits.get_mut(visit)?;
            let at = visit.pending.iter().position(|pending| pending.state == state)?;
            Some(visit.pending.remove(at))
        })
    }

    fn signed_in(&self, visit: &str) -> Option<SignedIn> {
        self.visits(|visits| visits.get(visit).and_then(|visit| visit.signed_in.clone()))
    }
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    issuer: &'a str,
    username: &'a str,
    phone: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "signed_in.html")]
struct Inside {
    name: String,
    subject: String,
    how: &'static str,
    acr: String,
    amr: String,
    auth_time: String,
    took: String,
    header: String,
    claims: String,
    userinfo: Option<String>,
    passkey: String,
    logout: String,
}

impl Inside {
    fn of(signed_in: &SignedIn, issuer: &str) -> Self {
        let who = &signed_in.who;
        let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
        let methods: Vec<&str> =
            who.claims["amr"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let auth_time = who.claims["auth_time"].as_i64();
        Self {
            name: who.name.clone().unwrap_or_else(|| who.subject.clone()),
            subject: who.subject.clone(),
            how: how(&methods),
            acr: who.claims["acr"].as_str().unwrap_or("not told").to_owned(),
            amr: if methods.is_empty() { "not told".to_owned() } else { methods.join(", ") },
            auth_time: auth_time.map_or_else(|| "not told".to_owned(), in_words),
            took: match (signed_in.took, auth_time) {
                (Some(took), _) => format!("{} ms from approve to redirect", took.as_millis()),
                (None, Some(time)) => {
                    format!("{} s after the proof of identity", signed_in.at.saturating_sub(time).max(0))
                }
                (None, None) => "not known".to_owned(),
            },
            header: pretty(&who.header),
            claims: pretty(&who.claims),
            userinfo: who.userinfo.as_ref().map(pretty),
            passkey: format!("{issuer}/login/passkey/new"),
            logout: format!("{issuer}/logout"),
        }
    }
}

fn how(methods: &[&str]) -> &'static str {
    if methods.contains(&"mca") {
        "a phone said yes"
    } else if methods.contains(&"user") {
        "a passkey"
    } else if methods.contains(&"pwd") {
        "a password"
    } else {
        "a way the provider did not name"
    }
}

fn in_words(seconds: i64) -> String {
    match time::OffsetDateTime::from_unix_timestamp(seconds) {
        Ok(at) => {
            let (hour, minute, second) = at.time().as_hms();
            format!("{} {hour:02}:{minute:02}:{second:02} UTC", at.date())
        }
        Err(_) => seconds.to_string(),
    }
}

pub(crate) fn mount(cfg: &mut ServiceConfig) {
    cfg.service(home).service(start).service(callback).service(sign_out);
}

fn visit_of(req: &HttpRequest) -> Option<String> {
    req.cookie(COOKIE).map(|cookie| cookie.value().to_owned())
}

fn new_visit() -> Result<String, String> {
    let mut bytes = [0; 24];
    ring::rand::SystemRandom::new().fill(&mut bytes).map_err(|_| "There is no randomness.".to_owned())?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}

fn cookie(visit: &str) -> Cookie<'_> {
    Cookie::build(COOKIE, visit).path("/").http_only(true).same_site(SameSite::Lax).finish()
}

fn sorry(what: &str) -> HttpResponse {
    site::page(StatusCode::BAD_GATEWAY, &Sorry { title: "That did not work", what })
}

#[get("/")]
async fn home(_: Own, req: HttpRequest, party: Data<RelyingParty>) -> HttpResponse {
    if let Some(signed_in) = visit_of(&req).and_then(|visit| party.signed_in(&visit)) {
        return site::page(StatusCode::OK, &Inside::of(&signed_in, &party.0.issuer));
    }
    let phone = party.0.has_phone.then_some(PHONE);
    site::page(StatusCode::OK, &Home { issuer: &party.0.issuer, username: &party.0.username, phone })
}

#[derive(Deserialize)]
struct StartQuery {
    /// `login`: ask again.
    prompt: Option<String>,
    /// `passkey`: nothing less will do.
    with: Option<String>,
}

#[get("/sign-in")]
async fn start(
    _: Own,
    req: HttpRequest,
    party: Data<RelyingParty>,
    query: Query<StartQuery>,
) -> HttpResponse {
    let wish = Wish {
        again: query.prompt.as_deref() == Some("login"),
        passkey: query.with.as_deref() == Some("passkey"),
    };
    let visit = match visit_of(&req).map_or_else(new_visit, Ok) {
        Ok(visit) => visit,
        Err(why) => return sorry(&why),
    };
    match party.0.oidc.start(wish).await {
        Ok((url, pending)) => {
            party.keep(&visit, pending);
            site::answer(StatusCode::SEE_OTHER).insert_header((LOCATION, url)).cookie(cookie(&visit)).finish()
        }
        Err(why) => sorry(&why),
    }
}

#[derive(Deserialize)]
struct Landed {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

#[get("/callback")]
async fn callback(
    _: Own,
    req: HttpRequest,
    party: Data<RelyingParty>,
    landed: Query<Landed>,
) -> HttpResponse {
    let now = Instant::now();
    let landed = landed.into_inner();
    let visit = visit_of(&req);
    let pending = match (&visit, &landed.state) {
        (Some(visit), Some(state)) => party.take(visit, state),
        _ => None,
    };
    let (Some(visit), Some(pending)) = (visit, pending) else {
        return sorry("This answer belongs to no sign-in that began in this browser. Begin again.");
    };
    if landed.iss.as_deref() != Some(party.0.issuer.as_str()) {
        return sorry("This answer names another provider than the one that was asked (RFC 9207).");
    }
    let Some(code) = landed.code else {
        let word = landed.error.unwrap_or_else(|| "no code".to_owned());
        let text = landed.error_description.unwrap_or_default();
        return sorry(&format!("The provider answered: {word}. {text}"));
    };
    let who = match party.0.oidc.finish(pending, code).await {
        Ok(who) => who,
        Err(why) => return sorry(&why),
    };
    let by_phone = who.claims["amr"].as_array().is_some_and(|all| all.iter().any(|one| one == "mca"));
    let took = by_phone.then(|| party.0.moments.take(now)).flatten();
    let at = time::OffsetDateTime::now_utc().unix_timestamp();
    // A new session id with the new rights: the one from before the sign-in may be known to somebody.
    let fresh = match new_visit() {
        Ok(fresh) => fresh,
        Err(why) => return sorry(&why),
    };
    party.visits(|visits| {
        if let Some(mut known) = visits.remove(&visit) {
            known.signed_in = Some(SignedIn { who, took, at });
            visits.insert(fresh.clone(), known);
        }
    });
    site::answer(StatusCode::SEE_OTHER).insert_header((LOCATION, "/")).cookie(cookie(&fresh)).finish()
}

#[post("/sign-out")]
async fn sign_out(_: Own, req: HttpRequest, party: Data<RelyingParty>) -> HttpResponse {
    if let Some(visit) = visit_of(&req) {
        party.visits(|visits| visits.remove(&visit));
    }
    let mut gone = cookie("");
    gone.make_removal();
    site::answer(StatusCode::SEE_OTHER).insert_header((LOCATION, "/")).cookie(gone).finish()
}
