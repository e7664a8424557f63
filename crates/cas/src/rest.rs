//! The REST protocol (§12): what is read from a request, and the texts of the answers.
//!
//! Owns: where each value may stand (C-9, C-15), which refusal comes first, and the bodies. Not here: checking
//! passwords, sessions and throttling (`tickets`), paths and statuses of other refusals (`web-cas`).

use serde_json::json;

use crate::channel::DEVICE_HEADER;
use crate::params::Params;
use crate::{Attributes, BadService, DeviceName, Secret, ServiceUrl, Ticket};

/// `Content-Type` of plain answers.
pub const PLAIN_TYPE: &str = "text/plain;charset=UTF-8";
/// `Content-Type` of JSON answers.
pub const JSON_TYPE: &str = "application/json;charset=UTF-8";
/// `Content-Type` of the page.
pub const HTML_TYPE: &str = "text/html;charset=UTF-8";
/// The body of a 401: one for unknown users, wrong passwords and all else (§12.3).
pub const NOT_AUTHENTICATED: &str =
    r#"{"authentication_exceptions":["FailedLoginException: Invalid credentials."]}"#;
/// The body of a 404 for `GET /v1/tickets/<id>`.
pub const NO_TICKET: &str = "Ticket could not be found";

/// A user name and a password, from the body alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// As sent.
    pub username: String,
    /// As sent.
    pub password: Secret,
}

/// Why a request cannot be answered: all are 400 with [`BadRequest::text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadRequest {
    /// No or blank credentials in the body, whatever the query says (SEC-069).
    NoCredentials,
    /// `token=true` without one good device id.
    NoDevice,
    /// No service where one is needed.
    NoService,
    /// A service that cannot be anybody's address.
    BadService(BadService),
}

impl BadRequest {
    /// The body.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoCredentials => {
                "No credentials are provided or extracted to authenticate the REST request"
            }
            Self::NoDevice => "One device id is required to receive a token",
            Self::NoService => "Target service/application is unspecified or unrecognized in the request",
            Self::BadService(_) => "The service is not an acceptable address",
        }
    }
}

/// Whether a body of this type is a form: all else is 415 (§19).
#[must_use]
pub fn is_form(content_type: Option<&str>) -> bool {
    let essence = content_type.and_then(|text| text.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// A request's two lists of parameters.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// Of the body.
    pub body: &'r Params,
    /// Of the address.
    pub query: &'r Params,
}

impl<'r> Request<'r> {
    fn credentials(self) -> Option<Credentials> {
        let filled = |name: &str| self.body.get(name).filter(|value| !value.trim().is_empty());
        let (username, password) = (filled("username")?, filled("password")?);
        Some(Credentials { username: username.to_owned(), password: Secret::new(password) })
    }

    /// Body first.
    fn get(self, name: &str) -> Option<&'r str> {
        self.body.get(name).or_else(|| self.query.get(name))
    }

    fn service(self) -> Result<Option<ServiceUrl>, BadRequest> {
        self.get("service").map(ServiceUrl::parse).transpose().map_err(BadRequest::BadService)
    }

    fn device(self) -> Option<DeviceName> {
        let side = if self.body.count(DEVICE_HEADER) > 0 { self.body } else { self.query };
        if side.count(DEVICE_HEADER) == 1 { DeviceName::parse(side.get(DEVICE_HEADER)?) } else { None }
    }
}

/// `POST /v1/tickets` (§12.2). Nothing but what is here is read from it (W-6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketAsked {
    /// Who.
    pub credentials: Credentials,
    /// Whose access rules apply.
    pub service: Option<ServiceUrl>,
    /// `token=true`: a phone's token for this device instead of a ticket.
    pub device: Option<DeviceName>,
    /// A session for long.
    pub remember_me: bool,
}

impl TicketAsked {
    /// Reads the request; `token_header` is the value of the HTTP header `token`.
    ///
    /// # Errors
    /// See [`BadRequest`].
    pub fn read(request: Request<'_>, token_header: Option<&str>) -> Result<Self, BadRequest> {
        let credentials = request.credentials().ok_or(BadRequest::NoCredentials)?;
        let service = request.service()?;
        let device = if request.get("token").or(token_header).is_some_and(is_yes) {
            Some(request.device().ok_or(BadRequest::NoDevice)?)
        } else {
            None
        };
        let remember_me = request.body.get("rememberMe").is_some_and(is_yes);
        Ok(Self { credentials, service, device, remember_me })
    }
}

/// True-like words (§11.1).
fn is_yes(word: &str) -> bool {
    ["true", "yes", "on", "t", "y", "1"].iter().any(|yes| word.trim().eq_ignore_ascii_case(yes))
}

/// `POST /v1/tickets/<TGT>` (§12.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceTicketAsked {
    /// The service, or `TARGET` of SAML 1.1 callers.
    pub service: ServiceUrl,
    /// With `renew`: credentials to be checked again.
    pub renew: Option<Credentials>,
}

impl ServiceTicketAsked {
    /// Reads the request.
    ///
    /// # Errors
    /// See [`BadRequest`].
    pub fn read(request: Request<'_>) -> Result<Self, BadRequest> {
        let service =
            request.get("service").or_else(|| request.get("TARGET")).ok_or(BadRequest::NoService)?;
        let service = ServiceUrl::parse(service).map_err(BadRequest::BadService)?;
        let renew = if request.body.is_set("renew") || request.query.is_set("renew") {
            Some(request.credentials().ok_or(BadRequest::NoCredentials)?)
        } else {
            None
        };
        Ok(Self { service, renew })
    }
}

/// `POST /v1/users` (§12.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAsked {
    /// Who.
    pub credentials: Credentials,
    /// Whose access rules apply.
    pub service: Option<ServiceUrl>,
}

impl UserAsked {
    /// Reads the request.
    ///
    /// # Errors
    /// See [`BadRequest`].
    pub fn read(request: Request<'_>) -> Result<Self, BadRequest> {
        let credentials = request.credentials().ok_or(BadRequest::NoCredentials)?;
        Ok(Self { credentials, service: request.service()? })
    }
}

/// The body of a 201 and its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// [`HTML_TYPE`], [`PLAIN_TYPE`] or [`JSON_TYPE`].
    pub content_type: &'static str,
    /// The page, or the ticket and nothing else.
    pub body: Secret,
}

impl Created {
    /// What `Accept` wants of a new ticket whose address is `location` (§12.2).
    #[must_use]
    pub fn new(ticket: &Ticket, location: &str, accept: Option<&str>) -> Self {
        let accept = accept.map(str::trim).unwrap_or_default().to_ascii_lowercase();
        if accept.is_empty() || accept.starts_with("*/*") || accept.starts_with("text/html") {
            return Self { content_type: HTML_TYPE, body: Secret::new(page(location)) };
        }
        let content_type = if accept.starts_with("application/json") { JSON_TYPE } else { PLAIN_TYPE };
        Self { content_type, body: Secret::new(ticket.text()) }
    }
}

fn page(location: &str) -> String {
    let mut action = String::new();
    crate::answer::push_escaped(location, &mut action);
    format!(
        "<!DOCTYPE html><html><head><meta charset=\"UTF-8\"><title>201 TGT Created</title></head><body><h1>TGT Created</h1>\
         <form action=\"{action}\" method=\"POST\">Service:<input type=\"text\" name=\"service\" value=\"\">\
         <br><input type=\"submit\" value=\"Submit\"></form></body></html>"
    )
}

/// The body of a 404 for a ticket that is not there, or is over (§12.4). The ticket itself is not repeated.
pub const NO_SESSION: &str = "The ticket could not be found or is considered invalid";

/// The body of `POST /v1/users` (§12.7).
#[must_use]
pub fn user_json(
    user: &str,
    attributes: &Attributes,
    method: &str,
    authenticated_at: domain::Timestamp,
) -> String {
    let principal = json!({ "id": user, "attributes": attributes });
    let success = json!({ "credentialMetaData": { "id": user }, "principal": principal });
    json!({
        "authentication": {
            "authenticationDate": authenticated_at.rfc3339(),
            "attributes": { "authenticationMethod": [method] },
            "principal": principal,
            "successes": { method: success },
            "failures": {},
            "warnings": [],
        }
    })
    .to_string()
}

#[cfg(test)]
mod tests;
