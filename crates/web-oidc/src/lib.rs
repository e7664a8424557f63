//! The endpoints relying parties call.
//!
//! Owns: the routes, reading their requests and writing their answers, and the table from refusals to OAuth
//! errors ([`refusal`]). Not here: what is answered (`provider`), protocol rules (`oidc`), sign-in (`web-login`).
//!
//! Scripts of any site may read discovery and keys, which are the same for everybody. Token and userinfo
//! endpoints have no CORS headers: a site's server calls them (SEC-135).

mod authorize;
mod metadata;
pub mod refusal;
mod request;
mod token;
mod userinfo;

use actix_web::guard::{Any, Get, Head};
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, Resource};
use provider::Provider;

/// Mounts the routes. Needs what `web::mount` provides.
pub fn mount(cfg: &mut ServiceConfig, provider: &Provider) {
    cfg.app_data(Data::new(provider.clone()))
        // Called by browsers.
        .service(
            only("/authorize", "GET, HEAD, POST")
                .route(read().to(authorize::get))
                .route(web::post().to(authorize::post)),
        )
        // Called by relying parties.
        .service(only("/token", "POST").route(web::post().to(token::post)))
        .service(
            only("/userinfo", "GET, HEAD, POST")
                .route(read().to(userinfo::get))
                .route(web::post().to(userinfo::post)),
        )
        // Called by anyone.
        .service(only("/.well-known/openid-configuration", "GET, HEAD").route(read().to(metadata::discovery)))
        .service(only("/jwks", "GET, HEAD").route(read().to(metadata::jwks)));
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
