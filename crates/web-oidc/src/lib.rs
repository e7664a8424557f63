//! The endpoints relying parties call.
//!
//! Owns: the routes, reading their requests and writing their answers, and the table from refusals to OAuth
//! errors ([`refusal`]). Not here: what is answered (`provider`), protocol rules (`oidc`), sign-in (`web-login`).
//!
//! Scripts of any site may call what needs no cookie ([`cors`]): discovery, keys, token, userinfo, revocation. Nothing
//! else has CORS headers (SEC-135).

mod authorize;
mod check_session;
mod cors;
mod introspection;
mod logo;
mod logout;
mod metadata;
pub mod pages;
mod par;
pub mod refusal;
mod register;
mod request;
mod revocation;
mod token;
mod userinfo;
mod webfinger;

use actix_web::guard::{Any, Get, Head};
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, Resource};
use app::FrontChannels;
use provider::Provider;

const READ: &str = "GET, HEAD";
const READ_OR_POST: &str = "GET, HEAD, POST";

/// Mounts the routes. Needs what `web::mount` provides. `told`: whom the page of a sign-out tells.
pub fn mount(cfg: &mut ServiceConfig, provider: &Provider, told: &FrontChannels) {
    cfg.app_data(Data::new(provider.clone()))
        .app_data(Data::new(told.clone()))
        // Called by browsers.
        .service(
            only("/authorize", "GET, HEAD, POST")
                .route(read().to(authorize::get))
                .route(web::post().to(authorize::post)),
        )
        .service(
            only("/logout", "GET, POST")
                .route(web::get().to(logout::get))
                .route(web::post().to(logout::post)),
        )
        .service(only("/logo/{client_id}", READ).route(read().to(logo::get)))
        .service(only("/session/check", READ).route(read().to(check_session::get)))
        // Called by relying parties.
        .service(
            only("/token", "POST")
                .route(web::post().to(token::post))
                .wrap(from_fn(|req, next| cors::open("POST", req, next))),
        )
        .service(
            only("/userinfo", READ_OR_POST)
                .route(read().to(userinfo::get))
                .route(web::post().to(userinfo::post))
                .wrap(from_fn(|req, next| cors::open(READ_OR_POST, req, next))),
        )
        .service(only("/par", "POST").route(web::post().to(par::post)))
        .service(only("/introspect", "POST").route(web::post().to(introspection::post)))
        .service(
            only("/revoke", "POST")
                .route(web::post().to(revocation::post))
                .wrap(from_fn(|req, next| cors::open("POST", req, next))),
        )
        .service(only("/register", "POST").route(web::post().to(register::post)))
        .service(
            only("/register/{client_id}", "GET, HEAD, PUT, DELETE")
                .route(read().to(register::get))
                .route(web::put().to(register::put))
                .route(web::delete().to(register::delete)),
        )
        // Called by anyone.
        .service(
            only("/.well-known/openid-configuration", READ)
                .route(read().to(metadata::discovery))
                .wrap(from_fn(|req, next| cors::open(READ, req, next))),
        )
        .service(
            only("/.well-known/oauth-authorization-server", READ)
                .route(read().to(metadata::discovery))
                .wrap(from_fn(|req, next| cors::open(READ, req, next))),
        )
        .service(
            only("/.well-known/webfinger", READ)
                .route(read().to(webfinger::get))
                .wrap(from_fn(|req, next| cors::open(READ, req, next))),
        )
        .service(
            only("/jwks", READ)
                .route(read().to(metadata::jwks))
                .wrap(from_fn(|req, next| cors::open(READ, req, next))),
        );
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

#[cfg(test)]
mod tests;
