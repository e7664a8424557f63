//! The administrators' door: `/api/admin/v1`, the console at `/admin`, and a CAS server's endpoint for devices.
//!
//! Owns: the admin API (who calls, what they may, the JSON), its description, and the console, which uses nothing
//! else. Not here: what is done (`registry`, `provider`, `signin`), the frame of pages (`web`).

pub mod api;
pub mod console;

use std::sync::Arc;

use actix_web::web::ServiceConfig;
use app::App;
use provider::Provider;
use registry::Registry;
use signin::SignIn;

/// What this door works with. Cloning is cheap.
#[derive(Clone)]
pub struct Admin(Arc<Inner>);

struct Inner {
    app: App,
    signin: SignIn,
    registry: Registry,
    provider: Provider,
    is_operator: bool,
    has_cas_devices: bool,
}

impl Admin {
    /// The door for callers who have to prove themselves.
    #[must_use]
    pub fn new(app: &App, signin: &SignIn, registry: &Registry, provider: &Provider) -> Self {
        Self(Arc::new(Inner {
            app: app.clone(),
            signin: signin.clone(),
            registry: registry.clone(),
            provider: provider.clone(),
            is_operator: false,
            has_cas_devices: false,
        }))
    }

    /// The door for the command line alone: whoever calls is the operator and may everything. Never behind a socket.
    #[must_use]
    pub fn for_operator(app: &App, signin: &SignIn, registry: &Registry, provider: &Provider) -> Self {
        Self(Arc::new(Inner {
            app: app.clone(),
            signin: signin.clone(),
            registry: registry.clone(),
            provider: provider.clone(),
            is_operator: true,
            has_cas_devices: false,
        }))
    }

    /// The same with `/cas/actuator/qrDevices`, if so: where apps made for CAS may approve (SEC-065). While it is off the
    /// address is as good as any that is not there.
    #[must_use]
    pub fn with_cas_devices(self, is_on: bool) -> Self {
        let Inner { app, signin, registry, provider, is_operator, .. } = &*self.0;
        Self(Arc::new(Inner {
            app: app.clone(),
            signin: signin.clone(),
            registry: registry.clone(),
            provider: provider.clone(),
            is_operator: *is_operator,
            has_cas_devices: is_on,
        }))
    }

    pub(crate) fn app(&self) -> &App {
        &self.0.app
    }

    pub(crate) fn signin(&self) -> &SignIn {
        &self.0.signin
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.0.registry
    }

    pub(crate) fn provider(&self) -> &Provider {
        &self.0.provider
    }

    pub(crate) fn is_operator(&self) -> bool {
        self.0.is_operator
    }

    pub(crate) fn has_cas_devices(&self) -> bool {
        self.0.has_cas_devices
    }
}

/// Adds the routes.
pub fn mount(cfg: &mut ServiceConfig, admin: &Admin) {
    api::mount(cfg, admin);
    console::mount(cfg, admin);
}

/// Adds the routes of the API alone: for the command line, which has no pages.
pub fn mount_api(cfg: &mut ServiceConfig, admin: &Admin) {
    api::mount(cfg, admin);
}
