//! The administrators' door: `/api/admin/v1` and the console at `/admin`.
//!
//! Owns: the admin API (who calls, what they may, the JSON), its description, and the console, which uses nothing
//! else. Not here: what is done (`registry`, `provider`, `signin`), the frame of pages (`web`).

use actix_web::web::{Data, ServiceConfig};
use provider::Provider;
use registry::Registry;
use signin::SignIn;

/// Adds the routes.
pub fn mount(cfg: &mut ServiceConfig, signin: &SignIn, registry: &Registry, provider: &Provider) {
    cfg.app_data(Data::new(signin.clone()))
        .app_data(Data::new(registry.clone()))
        .app_data(Data::new(provider.clone()));
}
