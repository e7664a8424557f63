//! What a service is told about a ticket: two lines, XML or JSON (§15.3 to §15.6).
//!
//! Owns: the texts to the letter, escaping, and which names attributes may have. Not here: which attributes a
//! service gets (`tickets`).

use std::fmt::Write as _;

use domain::Timestamp;
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use crate::Ticket;

pub(crate) const OPEN: &str = "<cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'>\n";
pub(crate) const CLOSE: &str = "</cas:serviceResponse>\n";
/// `Content-Type` of `/validate`.
pub const PLAIN_TYPE: &str = "text/plain;charset=UTF-8";
/// `credentialType` of a password.
pub const PASSWORD_CREDENTIAL: &str = "UsernamePasswordCredential";
/// `credentialType` of a QR approval by a CAS app (§15.4).
pub const QR_CREDENTIAL: &str = "QRAuthenticationTokenCredential";
/// `authenticationMethod` of a QR approval by a CAS app.
pub const QR_HANDLER: &str = "QRAuthenticationTokenAuthenticationHandler";

/// Names of the answer's own elements. Clients look for these by their local name anywhere in the answer, and the
/// Java client joins what it finds: an attribute `user` would become part of the user's name.
const OWN_ELEMENTS: [&str; 8] = [
    "serviceResponse",
    "authenticationSuccess",
    "authenticationFailure",
    "user",
    "proxyGrantingTicket",
    "proxies",
    "proxy",
    "attributes",
];

/// One value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A text.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(i64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// How the ticket's session came about, as protocol 3 reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedIn<'a> {
    /// When credentials were checked.
    pub at: Timestamp,
    /// The ticket was issued right after credentials were entered.
    pub is_from_new_login: bool,
    /// The session is one for long (§18.3).
    pub is_remembered: bool,
    /// What was checked: [`PASSWORD_CREDENTIAL`], [`QR_CREDENTIAL`] or another word.
    pub credential: &'a str,
    /// By what: [`QR_HANDLER`] or another word.
    pub method: &'a str,
}

/// Attributes in order, each name once. A name is an XML name; a value that comes late under a name that is taken
/// is dropped, so no registered attribute can speak for the protocol's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes {
    all: Vec<(String, Vec<Value>)>,
}

impl Attributes {
    /// None at all.
    #[must_use]
    pub const fn none() -> Self {
        Self { all: Vec::new() }
    }

    /// The protocol's own (§15.4).
    #[must_use]
    pub fn standard(signed_in: &SignedIn<'_>) -> Self {
        let mut all = Self::none();
        all.add("authenticationDate", [signed_in.at.rfc3339()]);
        all.add("longTermAuthenticationRequestTokenUsed", [signed_in.is_remembered]);
        all.add("isFromNewLogin", [signed_in.is_from_new_login]);
        all.add("credentialType", [signed_in.credential]);
        all.add("authenticationMethod", [signed_in.method]);
        all.add("successfulAuthenticationHandlers", [signed_in.method]);
        all
    }

    /// Adds an attribute; characters that no name may have become `_`. Says whether it was taken: not without a
    /// value, not under a name that is none, is taken, or is one of the answer's own elements.
    pub fn add<V: Into<Value>>(&mut self, name: &str, values: impl IntoIterator<Item = V>) -> bool {
        let Some(name) = xml_name(name) else { return false };
        let is_own = OWN_ELEMENTS.iter().any(|own| own.eq_ignore_ascii_case(&name));
        if is_own || self.all.iter().any(|(known, _)| *known == name) {
            return false;
        }
        let values: Vec<Value> = values.into_iter().map(Into::into).collect();
        if values.is_empty() {
            return false;
        }
        self.all.push((name, values));
        true
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Value])> {
        self.all.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// Whether an attribute may be registered under this name: it is written as it stands, and is neither one of the
/// protocol's own attributes nor an element of the answer.
#[must_use]
pub fn is_attribute_name(name: &str) -> bool {
    let own = Attributes::standard(&SignedIn {
        at: Timestamp::default(),
        is_from_new_login: false,
        is_remembered: false,
        credential: "-",
        method: "-",
    });
    let is_own = OWN_ELEMENTS.iter().copied().chain(own.iter().map(|(name, _)| name));
    let is_written_so = xml_name(name).is_some_and(|written| written == name);
    is_written_so && is_own.into_iter().all(|own| !own.eq_ignore_ascii_case(name))
}

/// A name of `[A-Za-z0-9_.-]` that begins with a letter or `_`.
fn xml_name(name: &str) -> Option<String> {
    let fit = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '_' };
    let mut name: String = name.chars().take(128).map(fit).collect();
    if name.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-')) {
        name.insert(0, '_');
    }
    name.chars().any(|c| c.is_ascii_alphanumeric()).then_some(name)
}

/// A ticket was good.
#[derive(Debug, Clone)]
pub struct Validated {
    /// Who signed in, as this service knows them.
    pub user: String,
    /// By the specification for the "p3" addresses alone; CAS tells them at those of protocol 2 as well, and services
    /// count on it.
    pub attributes: Attributes,
    /// Callbacks of the proxies between, the most recent first.
    pub proxies: Vec<String>,
    /// Which proxy-granting ticket was delivered.
    pub pgt_iou: Option<Ticket>,
}

impl Validated {
    /// As two lines (§15.3). A user name with a line break could say more than it should: what is not plain is
    /// left out.
    #[must_use]
    pub fn plain(&self) -> String {
        let user: String = self.user.chars().filter(|c| domain::text::is_plain(*c)).collect();
        format!("yes\n{user}\n")
    }

    /// As XML (§15.4).
    #[must_use]
    pub fn xml(&self) -> String {
        let mut out = String::with_capacity(512);
        out.push_str(OPEN);
        out.push_str("    <cas:authenticationSuccess>\n        <cas:user>");
        push_escaped(&self.user, &mut out);
        out.push_str("</cas:user>\n");
        if let Some(iou) = &self.pgt_iou {
            let _ =
                writeln!(out, "        <cas:proxyGrantingTicket>{}</cas:proxyGrantingTicket>", iou.text());
        }
        if !self.proxies.is_empty() {
            out.push_str("        <cas:proxies>\n");
            for proxy in &self.proxies {
                out.push_str("            <cas:proxy>");
                push_escaped(proxy, &mut out);
                out.push_str("</cas:proxy>\n");
            }
            out.push_str("        </cas:proxies>\n");
        }
        if !self.attributes.is_empty() {
            out.push_str("        <cas:attributes>\n");
            for (name, values) in self.attributes.iter() {
                for value in values {
                    let _ = write!(out, "            <cas:{name}>");
                    match value {
                        Value::Text(text) => push_escaped(text, &mut out),
                        Value::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
                        Value::Number(number) => {
                            let _ = write!(out, "{number}");
                        }
                    }
                    let _ = writeln!(out, "</cas:{name}>");
                }
            }
            out.push_str("        </cas:attributes>\n");
        }
        out.push_str("    </cas:authenticationSuccess>\n");
        out.push_str(CLOSE);
        out
    }

    /// As JSON (§15.5): no member beyond those of the reference, and none that is null.
    #[must_use]
    pub fn json(&self) -> String {
        response("authenticationSuccess", self)
    }
}

impl Serialize for Validated {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("user", &self.user)?;
        if let Some(iou) = &self.pgt_iou {
            members.serialize_entry("proxyGrantingTicket", iou.text())?;
        }
        if !self.proxies.is_empty() {
            members.serialize_entry("proxies", &self.proxies)?;
        }
        if !self.attributes.is_empty() {
            members.serialize_entry("attributes", &self.attributes)?;
        }
        members.end()
    }
}

/// Why a ticket was not good. The answer's status is 200 all the same (§15.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// This parameter is not there.
    Missing(&'static str),
    /// The parameters cannot be read.
    Unreadable,
    /// A ticket of another kind than this address takes.
    OtherKind,
    /// The service may not have proxy-granting tickets.
    MayNotProxy,
    /// `pgtUrl` is not registered, not `https`, or did not answer 200.
    Callback,
    /// The ticket is unknown, expired or used.
    NotRecognised,
    /// `renew` was demanded, and the ticket came from single sign-on.
    NotFresh,
    /// The ticket is another service's.
    OtherService,
    /// The service is not registered or disabled.
    UnknownService,
    /// Something of ours failed.
    Internal,
}

impl Failure {
    /// The code on the wire (§15.6).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing(_) | Self::Unreadable => "INVALID_REQUEST",
            Self::OtherKind => "INVALID_TICKET_SPEC",
            Self::MayNotProxy => "UNAUTHORIZED_SERVICE_PROXY",
            Self::Callback => "INVALID_PROXY_CALLBACK",
            Self::NotRecognised | Self::NotFresh => "INVALID_TICKET",
            Self::OtherService => "INVALID_SERVICE",
            Self::UnknownService => "UNAUTHORIZED_SERVICE",
            Self::Internal => "INTERNAL_ERROR",
        }
    }

    /// A sentence; never empty, as clients know a failure by it. It repeats neither ticket nor service.
    #[must_use]
    pub fn description(self) -> String {
        match self {
            Self::Missing(name) => format!("The parameter '{name}' is required"),
            Self::Unreadable => "The parameters cannot be read".into(),
            Self::OtherKind => "Tickets of this kind are not accepted here".into(),
            Self::MayNotProxy => "The service is not authorized to proxy".into(),
            Self::Callback => "The proxy callback cannot be used".into(),
            Self::NotRecognised => "Ticket not recognized".into(),
            Self::NotFresh => "Ticket was not issued upon entry of credentials".into(),
            Self::OtherService => "Ticket does not match the supplied service".into(),
            Self::UnknownService => "The service is not authorized to use this server".into(),
            Self::Internal => "The request cannot be answered now".into(),
        }
    }

    /// As CAS 1 says it, whatever the reason.
    #[must_use]
    pub const fn plain(self) -> &'static str {
        "no\n\n"
    }

    /// As XML (§15.4).
    #[must_use]
    pub fn xml(self) -> String {
        let mut out = format!("{OPEN}    <cas:authenticationFailure code=\"{}\">", self.code());
        push_escaped(&self.description(), &mut out);
        out.push_str("</cas:authenticationFailure>\n");
        out.push_str(CLOSE);
        out
    }

    /// As JSON (§15.5).
    #[must_use]
    pub fn json(self) -> String {
        response("authenticationFailure", &self)
    }
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(2))?;
        members.serialize_entry("code", self.code())?;
        members.serialize_entry("description", &self.description())?;
        members.end()
    }
}

fn response(member: &str, value: &impl Serialize) -> String {
    // Maps with text keys always serialize.
    let value = serde_json::to_string(value).unwrap_or_default();
    format!(r#"{{"serviceResponse":{{"{member}":{value}}}}}"#)
}

/// Appends text as character data that is also safe in an attribute; what XML 1.0 cannot hold becomes U+FFFD.
pub(crate) fn push_escaped(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(c),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests;
