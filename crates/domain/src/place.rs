//! Where a request came from, as far as one can tell.
//!
//! Owns: address, place and browser labels as values. Not here: finding them out (`web::address`,
//! `signin::place`).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The address of the one who asks: the socket's, or from a trusted proxy (SEC-028).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientAddress(pub IpAddr);

impl std::fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What is known about an address. Unknown values are shown as unknown, never left out (SEC-025).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Place {
    /// The network's name: "Office Berlin", "this computer", "private network".
    pub network: Option<String>,
    /// City or region.
    pub city: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
}

/// How near phone and browser seem (SEC-027). A hint: it raises no level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proximity {
    /// The same public address.
    SameAddress,
    /// The same network.
    SameNetwork,
    /// The same country.
    SameCountry,
    /// Different countries.
    Far,
    /// Cannot be told.
    Unknown,
}

/// A browser as a label, made from its User-Agent: names only, at most 60 characters each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct UserAgent {
    /// "Firefox", "Chrome", "Safari"…
    pub browser: Option<String>,
    /// "Windows", "macOS", "Linux", "Android", "iOS"…
    pub system: Option<String>,
}

impl UserAgent {
    /// "Firefox on Linux", "Firefox", "unknown browser".
    #[must_use]
    pub fn label(&self) -> String {
        match (&self.browser, &self.system) {
            (Some(browser), Some(system)) => format!("{browser} on {system}"),
            (Some(browser), None) => browser.clone(),
            (None, Some(system)) => format!("unknown browser on {system}"),
            (None, None) => "unknown browser".to_owned(),
        }
    }
}
