//! Sign-in and consent in the browser, and the waiting stream.
//!
//! Owns: the routes below `/login`, `/consent` and `/`, their pages (`pages`), and the three ways in
//! which a waiting page hears of its channel (`waiting`). A handler parses, calls one use case, renders.
//! Not here: what counts as signed in (`signin`, `journey`), where a browser goes afterwards (`app::Ending`),
//! the frame of pages and the checks of requests (`web`).

mod answer;
mod consent;
mod facts;
mod home;
mod login;
pub mod pages;
mod passkey;
mod phone;
pub mod second_factor;
mod waiting;

use actix_web::web::{Data, ServiceConfig, get, post, resource};
use signin::SignIn;

pub use login::after;

/// Adds the routes.
pub fn mount(cfg: &mut ServiceConfig, signin: &SignIn) {
    cfg.app_data(Data::new(signin.clone()))
        .service(resource("/").route(get().to(home::get)))
        // Sign-in
        .service(resource("/login").route(get().to(login::get)))
        .service(resource("/login/password").route(post().to(login::password)))
        .service(resource("/login/second-factor").route(post().to(second_factor::post)))
        .service(
            resource("/recover")
                .route(get().to(second_factor::recover_page))
                .route(post().to(second_factor::recover)),
        )
        .service(resource("/login/done").route(get().to(home::done)))
        // Passkeys: JSON, because they need a script anyway
        .service(resource("/login/passkey").route(post().to(passkey::sign_in)))
        .service(resource("/login/passkey/options").route(post().to(passkey::options)))
        .service(
            resource("/login/passkey/new").route(get().to(passkey::new_page)).route(post().to(passkey::add)),
        )
        .service(resource("/login/passkey/new/options").route(post().to(passkey::new_options)))
        // The phone's part in the browser
        .service(resource("/login/qr").route(post().to(phone::open)))
        .service(resource("/login/qr/cancel").route(post().to(phone::cancel)))
        .service(resource("/login/code").route(get().to(phone::code)))
        .service(resource("/login/phone").route(post().to(phone::redeem)))
        .service(resource("/login/state").route(get().to(waiting::poll)))
        .service(resource("/login/wait").route(get().to(waiting::stream)))
        .service(resource("/login/wait/ws").route(get().to(waiting::socket)))
        // After sign-in
        .service(resource("/consent").route(get().to(consent::get)).route(post().to(consent::post)))
        .service(resource("/consent/withdraw").route(post().to(consent::withdraw)));
}
