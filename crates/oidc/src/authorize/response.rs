//! What goes back to the client through the browser (RFC 6749 §4.1.2, RFC 9207).
//!
//! Owns: the address with its parameters. Not here: the redirect itself (`web-oidc`).

use super::bound::ReturnAddress;
use crate::{OAuthError, percent_encode};

/// The client is told, at an address it registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentBack {
    /// Where to.
    pub to: ReturnAddress,
    /// What.
    pub error: OAuthError,
}

impl SentBack {
    /// The address to send the browser to; `issuer` is told in `iss` (SEC-103).
    #[must_use]
    pub fn location(&self, issuer: &str) -> String {
        self.to.with(
            &[("error", self.error.code.as_str()), ("error_description", self.error.description)],
            issuer,
        )
    }
}

impl ReturnAddress {
    /// The address with a fresh code; `issuer` is told in `iss` (SEC-103).
    #[must_use]
    pub fn with_code(&self, code: &str, issuer: &str) -> String {
        self.with(&[("code", code)], issuer)
    }

    fn with(&self, params: &[(&str, &str)], issuer: &str) -> String {
        let uri = self.uri();
        let mut location = String::with_capacity(uri.len() + 1024);
        location.push_str(uri);
        // A query the client registered stays as it is, ours comes after it (RFC 6749 §3.1.2).
        let mut glue = match uri.find('?') {
            None => "?",
            Some(at) if at + 1 == uri.len() => "",
            Some(_) => "&",
        };
        let state = self.state().map(|state| ("state", state));
        for (name, value) in params.iter().copied().chain(state).chain([("iss", issuer)]) {
            location.push_str(glue);
            location.push_str(name);
            location.push('=');
            percent_encode(value, &mut location);
            glue = "&";
        }
        // An empty fragment ends the address, so that a fragment of the page that sent the person here
        // cannot travel on to the client (Fetch, "location URL").
        location.push('#');
        location
    }
}
