//! The phone's door: its JSON API, its web app, and the pages around them.
//!
//! Owns: `/api/phone/v1` and its description at `/api/docs`, `/phone` (the web app), `/s` (what a plain camera
//! opens) and `/phone/add` (a signed-in browser lets a phone in).
//! Not here: what the steps mean (`signin::phone`, `registry::enrolment`), the JSON's form (`qr::wire`), the
//! app's scripts (`themes/default/assets/phone`).

pub mod api;
pub mod pages;
pub mod texts;

use actix_web::web::{Data, ServiceConfig};
use registry::Registry;
use signin::SignIn;

/// Everything of this door.
pub fn mount(cfg: &mut ServiceConfig, signin: &SignIn, registry: &Registry) {
    cfg.app_data(Data::new(signin.clone())).app_data(Data::new(registry.clone()));
    // Called by phones
    api::mount(cfg);
    // Called by browsers, on a phone or for one
    pages::mount(cfg);
}
