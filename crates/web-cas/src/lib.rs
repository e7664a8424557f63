//! The endpoints of CAS: for browsers, services and programs with a password.
//!
//! Owns: the routes below `/cas`, reading their requests and writing their answers. Not here: what is on the wire
//! (`cas`), what is answered (`tickets`, `signin`), the sign-in page (`web-login`, which the server hands over as
//! [`SignInPage`]).
//!
//! Where CAS is off nothing is mounted, and the addresses are as good as any that is not there (SEC-065).

mod answer;
mod code;
mod confirm;
mod login;
mod logout;
pub mod pages;
mod rest;
pub mod socket;
mod validate;

use ::cas::Endpoint;
use ::web::Refused;
use actix_web::guard::{Any, Get, Head};
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};
use app::{FrontChannels, Refusal};
use domain::JourneyId;
use futures_util::future::LocalBoxFuture;
use signin::{Progress, SignIn};
use tickets::Tickets;

const READ: &str = "GET, HEAD";
const READ_OR_POST: &str = "GET, HEAD, POST";

/// What a browser gets after a step of a journey: the next address, or the sign-in page once more with what went
/// wrong and the user name that was typed. No user name: an app approved.
pub type SignInPage = fn(
    HttpRequest,
    JourneyId,
    Option<String>,
    Result<Progress, Refusal>,
) -> LocalBoxFuture<'static, Result<HttpResponse, Refused>>;

/// What is served besides tickets for browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offers {
    /// The REST protocol.
    pub rest: bool,
    /// Phone apps that were made for CAS.
    pub phones: bool,
}

/// What the routes work on. Cloning copies pointers.
#[derive(Clone)]
pub struct Cas {
    /// Tickets.
    pub tickets: Tickets,
    /// Signing in.
    pub signin: SignIn,
    /// Whom the page of a sign-out tells.
    pub told: FrontChannels,
    /// What a step of a journey is answered with.
    pub page: SignInPage,
    /// What is served.
    pub offers: Offers,
    /// Connections of phone apps and of pages that wait for them.
    pub sockets: socket::Sockets,
}

/// Mounts the routes. Needs what `web::mount` provides.
pub fn mount(cfg: &mut ServiceConfig, cas: &Cas) {
    cfg.app_data(Data::new(cas.clone()))
        // Called by browsers.
        .service(
            only("/cas/login", READ_OR_POST).route(read().to(login::get)).route(web::post().to(login::post)),
        )
        .service(
            only("/cas/logout", READ_OR_POST)
                .route(read().to(logout::get))
                .route(web::post().to(logout::post)),
        )
        // Called by services.
        .service(only("/cas/validate", READ).route(read().to(|req| validate::ask(req, Endpoint::Validate))))
        .service(
            only("/cas/serviceValidate", READ)
                .route(read().to(|req| validate::ask(req, Endpoint::ServiceValidate))),
        )
        .service(
            only("/cas/proxyValidate", READ)
                .route(read().to(|req| validate::ask(req, Endpoint::ProxyValidate))),
        )
        .service(
            only("/cas/p3/serviceValidate", READ)
                .route(read().to(|req| validate::ask(req, Endpoint::P3ServiceValidate))),
        )
        .service(
            only("/cas/p3/proxyValidate", READ)
                .route(read().to(|req| validate::ask(req, Endpoint::P3ProxyValidate))),
        )
        .service(only("/cas/proxy", READ).route(read().to(validate::proxy)));
    if cas.offers.phones {
        socket::mount(cfg);
        cfg.service(only("/cas/login/code", "POST").route(web::post().to(code::open)));
        cfg.service(
            only("/cas/login/confirm", READ_OR_POST)
                .route(read().to(confirm::get))
                .route(web::post().to(confirm::post)),
        );
    }
    // Apps get their token here too.
    if cas.offers.rest || cas.offers.phones {
        cfg.service(only("/cas/v1/tickets", "POST").route(web::post().to(rest::sign_in)));
    }
    if cas.offers.rest {
        cfg.service(
            only("/cas/v1/tickets/{ticket}", "GET, HEAD, POST, DELETE")
                .route(read().to(rest::status))
                .route(web::post().to(rest::service_ticket))
                .route(web::delete().to(rest::end)),
        )
        .service(only("/cas/v1/users", "POST").route(web::post().to(rest::user)));
    }
}

/// A resource that names its methods when it is asked for another (RFC 9110 §15.5.6).
fn only(path: &'static str, methods: &'static str) -> Resource {
    web::resource(path).default_service(web::to(move || async move {
        let mut answer = HttpResponse::MethodNotAllowed();
        answer.insert_header((ALLOW, HeaderValue::from_static(methods))).finish()
    }))
}

fn read() -> actix_web::Route {
    web::route().guard(Any(Get()).or(Head()))
}
