//! The virtual phone: an enrolled phone in a browser tab. For the demo only.
//!
//! Owns: one phone of the demo user, its scanned sign-ins, its page. It does what a native app does, with
//! `phone-client`; what stands for the owner's face or finger is the click on "approve".

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Json, JsonConfig, PayloadConfig, ServiceConfig, resource};
use actix_web::{HttpResponse, get, post, web};
use askama::Template;
use phone_client::{
    Claim, Credentials, EnrolmentLink, Introduction, Options, Phone, PhoneError, Service, StateFile,
};
use serde::Deserialize;
use serde_json::json;

use crate::moments::Moments;
use crate::site::{self, Own};
use crate::{DemoError, Settings};

/// Sign-ins held at once.
const MOST_CLAIMS: usize = 20;
/// A screenshot.
const LARGEST_PICTURE: usize = 24 * 1024 * 1024;

/// The virtual phone.
#[derive(Debug, Clone)]
pub(crate) struct VirtualPhone(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    issuer: String,
    moments: Moments,
    phone: RwLock<Option<Arc<Phone>>>,
    claims: Mutex<HashMap<String, Claim>>,
}

impl VirtualPhone {
    pub(crate) fn new(settings: &Settings, moments: Moments) -> Self {
        Self(Arc::new(Inner {
            issuer: settings.issuer.clone(),
            moments,
            phone: RwLock::default(),
            claims: Mutex::default(),
        }))
    }

    /// Finds the phone of the last run, if it still counts, or enrols a new one.
    pub(crate) async fn enrol(&self, settings: &Settings) -> Result<(), DemoError> {
        let options = || Options {
            extra_ca: settings.extra_ca.clone(),
            connect_to: settings.connect_to,
            ..Options::default()
        };
        let file = settings.phone_file.as_ref().map(StateFile::at);
        let mut kept = None;
        if let Some(file) = file.as_ref().filter(|file| file.path().exists())
            && let Ok(phone) = file.load(options())
            && phone.service().issuer() == settings.issuer
        {
            match phone.standing().await {
                Ok(standing) if standing.state == "active" => kept = Some(phone),
                _ => {}
            }
        }
        let phone = match kept {
            Some(phone) => phone,
            None => {
                let credentials = Credentials::Token(EnrolmentLink::parse(&settings.enrolment)?.token);
                let introduction = Introduction {
                    name: "Virtual phone".to_owned(),
                    platform: "Demo in a browser tab".to_owned(),
                    agree: true,
                };
                let service = Service::with(&settings.issuer, options())?;
                let phone = Phone::enrol(service, credentials, introduction).await?;
                if let Some(file) = &file {
                    file.save(&phone)?;
                }
                phone
            }
        };
        *self.0.phone.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(phone));
        Ok(())
    }

    fn phone(&self) -> Option<Arc<Phone>> {
        self.0.phone.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn claims<T>(&self, work: impl FnOnce(&mut HashMap<String, Claim>) -> T) -> T {
        work(&mut self.0.claims.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, claim: Claim) {
        self.claims(|claims| {
            if claims.len() >= MOST_CLAIMS
                && let Some(oldest) = claims.values().min_by_key(|c| c.expires_at).map(|c| c.handle.clone())
            {
                claims.remove(&oldest);
            }
            claims.insert(claim.handle.clone(), claim);
        });
    }
}

#[derive(Template)]
#[template(path = "virtual_phone.html")]
struct PhonePage<'a> {
    issuer: &'a str,
    owner: Option<String>,
}

pub(crate) fn mount(cfg: &mut ServiceConfig) {
    cfg.app_data(JsonConfig::default().limit(8 * 1024)).service(page).service(scan).service(decide).service(
        resource("/virtual-phone/picture")
            .app_data(PayloadConfig::new(LARGEST_PICTURE))
            .route(web::post().to(picture)),
    );
}

#[get("/virtual-phone")]
async fn page(_: Own, phone: Data<VirtualPhone>) -> HttpResponse {
    let owner = phone.phone().map(|phone| phone.owner().username.clone());
    site::page(StatusCode::OK, &PhonePage { issuer: &phone.0.issuer, owner })
}

fn refuse(why: &PhoneError) -> HttpResponse {
    let left = match why {
        PhoneError::WrongCheckCode { left } => Some(*left),
        _ => None,
    };
    let is_over = matches!(why, PhoneError::Gone);
    site::answer(StatusCode::UNPROCESSABLE_ENTITY)
        .json(json!({"error": why.to_string(), "left": left, "over": is_over}))
}

fn not_ready() -> HttpResponse {
    site::answer(StatusCode::SERVICE_UNAVAILABLE)
        .json(json!({"error": "The virtual phone is not enrolled yet; wait a moment.", "over": false}))
}

#[derive(Deserialize)]
struct Scanned {
    link: String,
}

#[post("/virtual-phone/scan")]
async fn scan(_: Own, phone: Data<VirtualPhone>, scanned: Json<Scanned>) -> HttpResponse {
    let Some(own) = phone.phone() else { return not_ready() };
    match own.scan(scanned.link.trim()).await {
        Ok(claim) => {
            let facts = claim.facts.in_words();
            let answer = json!({
                "claim": claim.handle, "facts": facts, "site": claim.facts.client.name,
                "expires_at": claim.expires_at, "code_needed": claim.code_needed,
            });
            phone.keep(claim);
            site::answer(StatusCode::OK).json(answer)
        }
        Err(why) => refuse(&why),
    }
}

async fn picture(_: Own, body: Bytes) -> HttpResponse {
    match phone_client::read_qr(&body) {
        Ok(link) => site::answer(StatusCode::OK).json(json!({"link": link})),
        Err(why) => refuse(&why),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verb {
    Approve,
    Deny,
    Report,
}

#[derive(Deserialize)]
struct Decided {
    claim: String,
    decision: Verb,
    #[serde(default)]
    check_code: String,
}

#[post("/virtual-phone/decide")]
async fn decide(_: Own, phone: Data<VirtualPhone>, decided: Json<Decided>) -> HttpResponse {
    let pressed = Instant::now();
    let Some(own) = phone.phone() else { return not_ready() };
    let Some(claim) = phone.claims(|claims| claims.get(&decided.claim).cloned()) else {
        return refuse(&PhoneError::Gone);
    };
    let (done, word) = match decided.decision {
        Verb::Approve => {
            // Noted before it is sent: the browser may arrive before the answer does.
            phone.0.moments.approved(pressed);
            (own.approve(&claim, &decided.check_code).await, "approved")
        }
        Verb::Deny => (own.deny(&claim).await, "denied"),
        Verb::Report => (own.report(&claim).await, "reported"),
    };
    match done {
        Ok(()) => {
            phone.claims(|claims| claims.remove(&decided.claim));
            site::answer(StatusCode::OK).json(json!({"done": word}))
        }
        Err(why) => refuse(&why),
    }
}
