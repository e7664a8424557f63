//! The owner's own pages: `/account`.
//!
//! Owns: the pages and forms by which somebody who is signed in looks after their devices, passkeys, password,
//! sessions, apps and language. A handler parses, calls one use case, renders.
//! Not here: what may be done (`registry`, `signin`), the frame of pages and the checks of requests (`web`).

mod activity;
mod apps;
mod cas_app;
mod details;
mod devices;
mod frame;
pub mod links;
mod lost;
mod overview;
pub mod pages;
mod recovery;
mod security;
mod sessions;
mod settings;
pub mod texts;

use actix_web::web::{Data, ServiceConfig, get, post, resource};
use registry::Registry;
use signin::SignIn;

/// Adds the routes.
pub fn mount(cfg: &mut ServiceConfig, signin: &SignIn, registry: &Registry) {
    links::mount(cfg);
    cfg.app_data(Data::new(signin.clone()))
        .app_data(Data::new(registry.clone()))
        .service(resource("/account").route(get().to(overview::get)))
        .service(resource("/account/devices").route(get().to(devices::get)))
        .service(resource("/account/devices/rename").route(post().to(devices::rename)))
        .service(resource("/account/devices/remove").route(post().to(devices::remove)))
        .service(resource("/account/devices/found").route(post().to(devices::found)));
    if signin.has_cas_apps() {
        cfg.service(resource("/account/devices/cas").route(post().to(cas_app::register)));
    }
    cfg.service(resource("/account/recovery/cancel").route(post().to(recovery::cancel)))
        .service(resource("/account/lost").route(get().to(lost::get)).route(post().to(lost::post)))
        .service(resource("/account/security").route(get().to(security::get)))
        .service(resource("/account/security/passkeys/rename").route(post().to(security::rename_passkey)))
        .service(resource("/account/security/passkeys/remove").route(post().to(security::remove_passkey)))
        .service(resource("/account/security/password").route(post().to(security::password)))
        .service(resource("/account/security/totp").route(post().to(security::begin_totp)))
        .service(resource("/account/security/totp/confirm").route(post().to(security::confirm_totp)))
        .service(resource("/account/security/totp/remove").route(post().to(security::remove_totp)))
        .service(resource("/account/security/codes").route(post().to(security::make_codes)))
        .service(resource("/account/sessions").route(get().to(sessions::get)))
        .service(resource("/account/sessions/end").route(post().to(sessions::end)))
        .service(resource("/account/sessions/end-others").route(post().to(sessions::end_others)))
        .service(resource("/account/apps").route(get().to(apps::get)))
        .service(resource("/account/apps/withdraw").route(post().to(apps::withdraw)))
        .service(resource("/account/activity").route(get().to(activity::get)))
        .service(
            resource("/account/settings").route(get().to(settings::get)).route(post().to(settings::post)),
        )
        .service(resource("/account/settings/details").route(post().to(settings::details)))
        .service(resource("/account/settings/email").route(post().to(settings::email)));
}
