//! Signing out (OpenID Connect RP-Initiated, Front-Channel and Back-Channel Logout 1.0): requests, hints, where a
//! browser goes afterwards, and what relying parties are told.
//!
//! Owns: reading the request, the comparison of `post_logout_redirect_uri`, the addresses of frames, and the claims
//! of logout tokens. Not here: signatures (`jose`), ending sessions (`provider::logout`).

use std::time::Duration;

use domain::{Client, ClientId, LogoutUri, SessionId, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;

use crate::{BadParams, Params};

/// Life of logout tokens (Back-Channel Logout §2.4: two minutes at most).
pub const TOKEN_LIFE: Duration = Duration::from_secs(120);
/// The `typ` of logout tokens.
pub const TOKEN_TYPE: &str = "logout+jwt";

/// A request to sign out (RP-Initiated Logout §2). All of it may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// `id_token_hint`: not believed yet.
    pub hint: Option<String>,
    /// `client_id`: must be the hint's.
    pub client: Option<String>,
    /// `post_logout_redirect_uri`.
    pub to: Option<String>,
    /// `state`, returned byte for byte.
    pub state: Option<String>,
    /// `ui_locales`, most wanted first.
    pub ui_locales: Vec<String>,
}

/// A request to sign out cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLogout {
    /// A parameter that has a meaning here came more than once.
    #[error("a parameter comes more than once")]
    Repeated,
    /// It is no acceptable list of parameters.
    #[error(transparent)]
    Params(#[from] BadParams),
}

/// Parameters that mean something here, `logout_hint` too: it may come and is not needed, because the session to
/// be ended is the browser's own.
const NAMES: [&str; 7] =
    ["id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales", "csrf"];

impl Asked {
    /// Reads the request. What is unknown is ignored.
    ///
    /// # Errors
    /// [`BadLogout::Repeated`].
    pub fn read(params: &Params) -> Result<Self, BadLogout> {
        if NAMES.iter().any(|name| params.is_repeated(name)) {
            return Err(BadLogout::Repeated);
        }
        let text = |name: &str| params.get(name).map(str::to_owned);
        Ok(Self {
            hint: text("id_token_hint"),
            client: text("client_id"),
            to: text("post_logout_redirect_uri"),
            state: text("state"),
            ui_locales: params
                .get("ui_locales")
                .map(|all| all.split(' ').filter(|one| !one.is_empty()).take(20).map(str::to_owned).collect())
                .unwrap_or_default(),
        })
    }

    /// The request again, as the fields of a form that asks the person.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let locales = Some(self.ui_locales.join(" ")).filter(|all| !all.is_empty());
        let all = [
            ("id_token_hint", self.hint.clone()),
            ("client_id", self.client.clone()),
            ("post_logout_redirect_uri", self.to.clone()),
            ("state", self.state.clone()),
            ("ui_locales", locales),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Whether the request may stand beside this hint: `client_id`, where given, names its client.
    #[must_use]
    pub fn fits(&self, hint: &Hint) -> bool {
        self.client.as_deref().is_none_or(|client| client == hint.client.as_str())
    }

    /// Where the browser goes afterwards: the asked-for address, if this client registered exactly it, with `state`.
    /// None of it is believed without a verified hint, which is what says whose address it is.
    #[must_use]
    pub fn way_back(&self, hint: &Hint, client: &Client) -> Option<String> {
        let to = self.to.as_deref()?;
        let is_registered = client.metadata.post_logout_redirect_uris.iter().any(|known| known == to);
        if !client.is_enabled || client.id != hint.client || !self.fits(hint) || !is_registered {
            return None;
        }
        let mut location = to.to_owned();
        if let Some(state) = &self.state {
            append(&mut location, "state", state);
        }
        Some(location)
    }
}

/// Appends a parameter to the query of an address; what is there stays byte for byte.
fn append(address: &mut String, name: &str, value: &str) {
    // Registered addresses have no fragment; should one have, the query goes before it.
    let fragment = address.find('#').map(|at| address.split_off(at));
    let joint = match address.find('?') {
        None => "?",
        Some(_) if address.ends_with(['?', '&']) => "",
        Some(_) => "&",
    };
    address.push_str(joint);
    address.push_str(name);
    address.push('=');
    domain::form::percent_encode(value, address);
    if let Some(fragment) = fragment {
        address.push_str(&fragment);
    }
}

/// What a verified `id_token_hint` says. An expired one says it as well as any other (RP-Initiated Logout §2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Whom it was made for.
    pub client: ClientId,
    /// The person, as that client knows them.
    pub subject: String,
    /// The session.
    pub session: Option<SessionId>,
}

impl Hint {
    /// Reads the claims of an ID token whose signature was verified. None, if it is none of this issuer's for one
    /// client.
    #[must_use]
    pub fn of_claims(claims: &Map<String, Value>, issuer: &str) -> Option<Self> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(issuer) {
            return None;
        }
        let audience = match claims.get("aud")? {
            Value::String(one) => one.as_str(),
            Value::Array(all) => match all.as_slice() {
                [Value::String(one)] => one.as_str(),
                _ => return None,
            },
            _ => return None,
        };
        Some(Self {
            client: audience.parse().ok()?,
            subject: text("sub")?.to_owned(),
            session: text("sid").and_then(|sid| sid.parse().ok()),
        })
    }
}

/// The address of a client's frame: `iss` and `sid` are added, whether required or not, and nothing else
/// (Front-Channel Logout §2). None where the registered address is none.
#[must_use]
pub fn frame(registered: &LogoutUri, issuer: &str, session: &SessionId) -> Option<Url> {
    let mut address = registered.uri.clone();
    append(&mut address, "iss", issuer);
    append(&mut address, "sid", &session.to_string());
    Url::parse(&address).ok().filter(|url| matches!(url.scheme(), "https" | "http"))
}

/// The claims of a logout token (Back-Channel Logout §2.4). It has no `nonce`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogoutToken<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: &'a str,
    events: Events,
    sid: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Events {
    #[serde(rename = "http://schemas.openid.net/event/backchannel-logout")]
    logout: Nothing,
}

/// `{}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Nothing {}

/// Who is told of which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told<'a> {
    /// Our name.
    pub issuer: &'a str,
    /// The client.
    pub client: &'a str,
    /// The person, as that client knows them.
    pub subject: &'a str,
    /// The session.
    pub session: &'a str,
}

impl<'a> LogoutToken<'a> {
    /// The claims, with an id that is used once.
    #[must_use]
    pub fn new(told: Told<'a>, jti: &'a str, now: Timestamp) -> Self {
        Self {
            iss: told.issuer,
            sub: told.subject,
            aud: told.client,
            iat: now.seconds(),
            exp: now.after(TOKEN_LIFE).seconds(),
            jti,
            events: Events { logout: Nothing {} },
            sid: told.session,
        }
    }
}

#[cfg(test)]
mod tests;
