//! A relying party that speaks CAS.
//!
//! Owns: what a client registered as a CAS service. Not here: matching an address (`cas::service`), tickets
//! (`tickets`). A service is a client: name, logo, policy and switches are the client's own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Acr;

/// How a service is told that a session ended (CAS Protocol 3.0.3 §2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SingleLogout {
    /// Not at all.
    None,
    /// By our server, with POST.
    #[default]
    Back,
    /// By the browser that signs out.
    Front,
}

impl SingleLogout {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::None, Self::Back, Self::Front];

    /// The word kept and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Back => "back",
            Self::Front => "front",
        }
    }
}

/// What a client registered as a CAS service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CasService {
    /// Its addresses, in the grammar of `cas::ServicePattern`: 1 to 20.
    pub services: Vec<String>,
    /// Of several services that an address fits, the one with the lowest number is taken; then the lowest id.
    pub order: u32,
    /// What it is told besides the user name: attribute name → claim. Nothing unless named.
    pub attributes: BTreeMap<String, String>,
    /// The claim it is told as user name; none: the user name.
    pub user_claim: Option<String>,
    /// Callback addresses (`pgtUrl`) that get proxy-granting tickets, in the same grammar, https only; none: it may not
    /// proxy.
    pub proxy_callbacks: Vec<String>,
    /// How it is told that a session ended.
    pub single_logout: SingleLogout,
    /// Where it is told; none: at the service's address.
    pub logout_url: Option<String>,
    /// The class that its people must reach.
    pub required_acr: Option<Acr>,
    /// A line of its own for the sign-in page, by language: plain text, at most 200 characters.
    pub texts: BTreeMap<String, String>,
}
