//! What goes back to the client through the browser (RFC 6749 §4.1.2, OpenID Connect Core §3.2.2.5 and §3.3.2.5,
//! RFC 9207).
//!
//! Owns: the parameters of success and error, and the address or form they travel in. Not here: the redirect and
//! the page (`web-oidc`).

use domain::form::percent_encode;

use super::bound::ReturnAddress;
use super::mode::ResponseMode;
use crate::OAuthError;

/// The client is told, at an address it registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentBack {
    /// Where to.
    pub to: ReturnAddress,
    /// What.
    pub error: OAuthError,
}

/// How the browser carries an answer to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It goes to this address.
    SeeOther(String),
    /// It posts this form.
    Form {
        /// The redirect URI as registered.
        action: String,
        /// Names and values.
        fields: Vec<(String, String)>,
    },
}

/// An access token from the authorization endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrontToken<'a> {
    /// The token.
    pub text: &'a str,
    /// `Bearer` or `DPoP`.
    pub token_type: &'a str,
    /// Its life in seconds.
    pub expires_in: u64,
    /// What was granted, space-separated.
    pub scope: &'a str,
}

/// What is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Given<'a> {
    /// An authorization code.
    pub code: Option<&'a str>,
    /// An access token.
    pub token: Option<FrontToken<'a>>,
    /// An ID token.
    pub id_token: Option<&'a str>,
    /// OpenID Connect Session Management §2.
    pub session_state: Option<&'a str>,
}

impl SentBack {
    /// The error with its sentence, `state`, and `iss` (SEC-102, SEC-103).
    #[must_use]
    pub fn answer(&self, issuer: &str) -> Answer {
        let fields = [("error", self.error.code.as_str()), ("error_description", self.error.description)];
        self.to.answer(&fields, issuer)
    }
}

impl ReturnAddress {
    /// What is given, with `state`, and `iss` (SEC-103).
    #[must_use]
    pub fn with(&self, given: &Given<'_>, issuer: &str) -> Answer {
        let mut fields = Vec::with_capacity(8);
        fields.extend(given.code.map(|code| ("code", code)));
        let seconds;
        if let Some(token) = &given.token {
            seconds = token.expires_in.to_string();
            fields.extend([
                ("access_token", token.text),
                ("token_type", token.token_type),
                ("expires_in", seconds.as_str()),
                ("scope", token.scope),
            ]);
        }
        fields.extend(given.id_token.map(|token| ("id_token", token)));
        fields.extend(given.session_state.map(|state| ("session_state", state)));
        self.answer(&fields, issuer)
    }

    fn answer(&self, fields: &[(&str, &str)], issuer: &str) -> Answer {
        let state = self.state().map(|state| ("state", state));
        let all = fields.iter().copied().chain(state).chain([("iss", issuer)]);
        match self.mode() {
            ResponseMode::Query => Answer::SeeOther(self.in_query(all)),
            ResponseMode::Fragment => Answer::SeeOther(self.in_fragment(all)),
            ResponseMode::FormPost => Answer::Form {
                action: self.uri().to_owned(),
                fields: all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            },
        }
    }

    fn in_query<'f>(&self, fields: impl Iterator<Item = (&'f str, &'f str)>) -> String {
        let uri = self.uri();
        let mut location = String::with_capacity(uri.len() + 1024);
        location.push_str(uri);
        // A query the client registered stays as it is, ours comes after it (RFC 6749 §3.1.2).
        match uri.find('?') {
            None => location.push('?'),
            Some(at) if at + 1 == uri.len() => {}
            Some(_) => location.push('&'),
        }
        encode(fields, &mut location);
        // An empty fragment ends the address, so that a fragment of the page that sent the person here
        // cannot travel on to the client (Fetch, "location URL").
        location.push('#');
        location
    }

    fn in_fragment<'f>(&self, fields: impl Iterator<Item = (&'f str, &'f str)>) -> String {
        let uri = self.uri();
        let mut location = String::with_capacity(uri.len() + 2048);
        location.push_str(uri);
        location.push('#');
        encode(fields, &mut location);
        location
    }
}

fn encode<'f>(fields: impl Iterator<Item = (&'f str, &'f str)>, into: &mut String) {
    let mut glue = "";
    for (name, value) in fields {
        into.push_str(glue);
        into.push_str(name);
        into.push('=');
        percent_encode(value, into);
        glue = "&";
    }
}
