//! The owner's own pages: `/account`.
//!
//! Owns: the pages and forms by which somebody who is signed in looks after their devices, passkeys, password,
//! sessions, apps and language. A handler parses, calls one use case, renders.
//! Not here: what may be done (`registry`, `signin`), the frame of pages and the checks of requests (`web`).

use actix_web::web::{Data, ServiceConfig};
use registry::Registry;
use signin::SignIn;

/// Adds the routes.
pub fn mount(cfg: &mut ServiceConfig, signin: &SignIn, registry: &Registry) {
    cfg.app_data(Data::new(signin.clone())).app_data(Data::new(registry.clone()));
}
