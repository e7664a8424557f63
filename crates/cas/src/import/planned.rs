//! A service definition as a plan: what it would be here, and what it cannot be.

use crate::{Secret, ServicePattern, ServiceUrl};

/// A member of a definition that has no equivalent here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Its path: `accessStrategy.requiredAttributes`.
    pub field: String,
    /// Its value as JSON, cut to 200 characters; hidden if it may be a secret.
    pub value: String,
    /// What differs.
    pub why: String,
    /// Losing it would let somebody in who was kept out: the service is planned as disabled.
    pub is_restriction: bool,
}

/// What a service is told about people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// Nothing.
    Nothing,
    /// All there is.
    All,
    /// These.
    Named(Vec<Released>),
}

/// One attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// Its name in CAS's own directory.
    pub attribute: String,
    /// Its name for the service.
    pub name: String,
    /// The standard claim that holds it here, if its name is a usual one.
    pub claim: Option<&'static str>,
}

/// How a service is told of the end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlannedLogout {
    /// Not at all.
    Off,
    /// By a POST of the server's.
    Back,
    /// By the browser.
    Front,
}

/// An application that speaks CAS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedCas {
    /// Empty: its addresses could not be translated and must be given by hand.
    pub patterns: Vec<ServicePattern>,
    /// The attribute that it is told as user name; none: the user name.
    pub user: Option<Released>,
    /// What it is told.
    pub release: Release,
    /// Whether it may have proxy-granting tickets, and where they may be sent. Without such an address it may not.
    pub proxy_callbacks: Vec<ServicePattern>,
    /// How it is told of the end.
    pub logout: PlannedLogout,
    /// Where, if not at the address of its ticket.
    pub logout_url: Option<ServiceUrl>,
}

/// An application that speaks OAuth 2 or OpenID Connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedOpenId {
    /// `clientId`.
    pub client_id: String,
    /// `clientSecret`, if it stood there in the clear.
    pub client_secret: Option<Secret>,
    /// The exact ones among its addresses; others must be given by hand.
    pub redirect_uris: Vec<String>,
    /// `scopes`.
    pub scopes: Vec<String>,
    /// `supportedGrantTypes`.
    pub grant_types: Vec<String>,
    /// `supportedResponseTypes`.
    pub response_types: Vec<String>,
    /// OpenID Connect, not OAuth 2 alone.
    pub is_openid: bool,
    /// `logoutUrl` for the back or the front channel.
    pub logout: PlannedLogout,
    /// The address itself.
    pub logout_url: Option<String>,
}

/// What an application speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlannedKind {
    /// CAS.
    Cas(PlannedCas),
    /// OAuth 2 or OpenID Connect.
    OpenId(PlannedOpenId),
    /// Something we do not: SAML, WS-Federation. Nothing is planned.
    Unsupported {
        /// The Java class's own name.
        class: String,
    },
}

/// Addresses shown to people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Links {
    /// `logo`.
    pub logo: Option<String>,
    /// `informationUrl`.
    pub information: Option<String>,
    /// `privacyUrl`.
    pub privacy: Option<String>,
}

/// One service as it could be here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// `name`.
    pub name: String,
    /// `id`.
    pub number: Option<i64>,
    /// `description`.
    pub description: Option<String>,
    /// `evaluationOrder`: the lowest is asked first.
    pub order: i64,
    /// Enabled there, and nothing was lost that kept somebody out.
    pub is_enabled: bool,
    /// A second factor was demanded.
    pub wants_second_factor: bool,
    /// What it speaks.
    pub kind: PlannedKind,
    /// Addresses shown to people.
    pub links: Links,
    /// All that has no equivalent.
    pub lost: Vec<Lost>,
}
