//! The request, its client, and the address the client registered.
//!
//! Owns: comparing redirect URIs (SEC-100). Not here: which ones may be registered (`registration`).

use domain::Client;

use super::asked::{Came, Shown};
use super::checks::CHECKS;
use super::mode::ResponseMode;
use super::request::Checked;
use super::response::SentBack;
use crate::Params;

/// Proof that this client registered the redirect URI; the `state` of the request travels along.
/// Made by [`ReturnAddress::for_client`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnAddress {
    uri: String,
    state: Option<String>,
    mode: ResponseMode,
}

impl ReturnAddress {
    /// The address, if this client registered it and is not disabled.
    ///
    /// # Errors
    /// [`Shown::DisabledClient`] or [`Shown::UnknownRedirectUri`].
    pub fn for_client(
        client: &Client,
        uri: &str,
        state: Option<String>,
        mode: ResponseMode,
    ) -> Result<Self, Shown> {
        if !client.is_enabled {
            return Err(Shown::DisabledClient);
        }
        let registered = client
            .redirect_uris
            .iter()
            .any(|known| known == uri || (client.is_native && is_same_but_for_port(known, uri)));
        if !registered {
            return Err(Shown::UnknownRedirectUri);
        }
        Ok(Self { uri: uri.to_owned(), state, mode })
    }

    /// The redirect URI as the request wrote it.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The request's `state`.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// How an answer gets there.
    #[must_use]
    pub const fn mode(&self) -> ResponseMode {
        self.mode
    }

    /// The host a person knows the client's address by; the scheme of an app's own address.
    #[must_use]
    pub fn host(&self) -> String {
        let Ok(url) = url::Url::parse(&self.uri) else { return String::new() };
        match url.host_str() {
            // What an app's own address has in that place may be anybody's name.
            Some(host) if matches!(url.scheme(), "https" | "http") => host.to_owned(),
            _ => format!("{}:", url.scheme()),
        }
    }
}

/// The port of a loopback address is the app's to choose at run time (RFC 8252 §7.3, RFC 9700 §2.1); all
/// else is compared character for character.
fn is_same_but_for_port(known: &str, asked: &str) -> bool {
    match (loopback_rest(known), loopback_rest(asked)) {
        (Some(known), Some(asked)) => known == asked,
        _ => false,
    }
}

/// Host and everything after the port of a loopback `http` address.
fn loopback_rest(uri: &str) -> Option<(&'static str, &str)> {
    for host in ["http://127.0.0.1", "http://[::1]", "http://localhost"] {
        let Some(rest) = uri.strip_prefix(host) else { continue };
        let rest = match rest.strip_prefix(':') {
            None => rest,
            Some(after) => {
                let digits = after.bytes().take_while(u8::is_ascii_digit).count();
                let (port, rest) = after.split_at(digits);
                if port.starts_with('0') || !port.parse::<u16>().is_ok_and(|port| port > 0) {
                    return None;
                }
                rest
            }
        };
        if rest.is_empty() || rest.starts_with('/') || rest.starts_with('?') {
            return Some((host, rest));
        }
    }
    None
}

/// The request, and the client that sent it, at a registered address.
#[derive(Debug, Clone)]
pub struct Bound<'c> {
    /// Who asks.
    pub client: &'c Client,
    /// Where answers go.
    pub back: ReturnAddress,
    params: Params,
    came: Came,
}

impl<'c> Bound<'c> {
    pub(super) const fn new(client: &'c Client, back: ReturnAddress, params: Params, came: Came) -> Self {
        Self { client, back, params, came }
    }

    pub(super) const fn came(&self) -> Came {
        self.came
    }

    /// One parameter; empty counts as absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params.get(name)
    }

    pub(super) const fn params(&self) -> &Params {
        &self.params
    }

    /// Runs all checks in protocol order; the first refusal wins.
    ///
    /// # Errors
    /// What the client is told.
    pub fn checked(self, now: domain::Timestamp) -> Result<Checked, SentBack> {
        for check in CHECKS {
            if let Err(error) = check(&self) {
                return Err(SentBack { to: self.back, error });
            }
        }
        Checked::read(self, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_shown_no_host_that_any_app_may_write() {
        let shown = |uri: &str| {
            let mode = ResponseMode::Query;
            ReturnAddress { uri: uri.to_owned(), mode, state: None }.host()
        };
        assert_eq!(shown("https://shop.example:8443/cb"), "shop.example");
        assert_eq!(shown("http://127.0.0.1:5000/cb"), "127.0.0.1");
        assert_eq!(shown("org.example.app:/cb"), "org.example.app:");
        assert_eq!(shown("org.example.app://bank.example/cb"), "org.example.app:");
    }
}
