//! The request as it arrived.
//!
//! Owns: which client it names, whether it comes inside something else, and every refusal that only the person may
//! see (SEC-102). Not here: what the client may be told (`checks`).

use domain::{Client, ClientId};

use super::bound::{Bound, ReturnAddress};
use super::mode::ResponseMode;
use super::pushed;
use super::response::SentBack;
use crate::{BadParams, ErrorCode, OAuthError, Params};

/// The request as it arrived. Knows nothing yet.
#[derive(Debug, Clone)]
pub struct Asked {
    params: Params,
    came: Came,
}

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Came {
    /// Pushed by the client itself, authenticated (RFC 9126).
    pub pushed: bool,
    /// In a request object that a key of the client's signed (RFC 9101).
    pub signed: bool,
}

/// Where the request itself is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier<'a> {
    /// In these parameters.
    Here,
    /// In this request object.
    Object(&'a str),
    /// In a request object at this address.
    Reference(&'a str),
    /// Pushed before, under this id.
    Pushed(&'a str),
}

/// The client may not be told: the person sees a page, the browser goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Shown {
    /// The parameters cannot be read.
    #[error(transparent)]
    Unreadable(#[from] BadParams),
    /// `client_id` or `redirect_uri` came twice.
    #[error("client_id or redirect_uri comes more than once")]
    Repeated,
    /// No `client_id`, or one nobody registered.
    #[error("no such client")]
    UnknownClient,
    /// The client is switched off (SEC-109).
    #[error("the client is disabled")]
    DisabledClient,
    /// No `redirect_uri`, also where only one is registered.
    #[error("redirect_uri is missing")]
    MissingRedirectUri,
    /// Not a registered one.
    #[error("redirect_uri is not registered")]
    UnknownRedirectUri,
    /// A pushed request that is over, used, another client's or none; or a reference that leads nowhere.
    #[error("request_uri leads to no request")]
    InvalidRequestUri,
    /// A request object that is not good, and no address to say so.
    #[error("the request object is not good")]
    InvalidRequestObject,
}

impl Shown {
    /// The word in `data-error` of the refusal page.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable(_) | Self::Repeated => "invalid_request",
            Self::UnknownClient => "unknown_client",
            Self::DisabledClient => "unauthorized_client",
            Self::MissingRedirectUri | Self::UnknownRedirectUri => "invalid_redirect_uri",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidRequestObject => "invalid_request_object",
        }
    }

    /// The same as an error for the client itself, where it asks without a browser (RFC 9126 §2.3).
    #[must_use]
    pub const fn told(self) -> OAuthError {
        match self {
            Self::Unreadable(_) => OAuthError::invalid_request("The parameters cannot be read"),
            Self::Repeated => OAuthError::invalid_request("client_id or redirect_uri comes more than once"),
            Self::UnknownClient => OAuthError::invalid_request("client_id is missing or unknown"),
            Self::DisabledClient => OAuthError::new(ErrorCode::UnauthorizedClient, "The client is disabled"),
            Self::MissingRedirectUri => OAuthError::invalid_request("redirect_uri is missing"),
            Self::UnknownRedirectUri => {
                OAuthError::invalid_request("redirect_uri is not registered for this client")
            }
            Self::InvalidRequestUri => {
                OAuthError::new(ErrorCode::InvalidRequestUri, "request_uri leads to no request")
            }
            Self::InvalidRequestObject => {
                OAuthError::new(ErrorCode::InvalidRequestObject, "The request object is not good")
            }
        }
    }
}

impl Asked {
    /// A request with these parameters.
    #[must_use]
    pub fn new(params: Params) -> Self {
        Self { params, came: Came::default() }
    }

    /// The request that was found inside this one: a request object's, or a pushed one. Nothing of the outside is
    /// kept (RFC 9101 §6.3).
    #[must_use]
    pub const fn holding(params: Params, came: Came) -> Self {
        Self { params, came }
    }

    /// How it came.
    #[must_use]
    pub const fn came(&self) -> Came {
        self.came
    }

    /// Its parameters.
    #[must_use]
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// The client it names.
    ///
    /// # Errors
    /// It names none, or two.
    pub fn client_id(&self) -> Result<ClientId, Shown> {
        if self.params.is_repeated("client_id") {
            return Err(Shown::Repeated);
        }
        self.params.get("client_id").and_then(|id| id.parse().ok()).ok_or(Shown::UnknownClient)
    }

    /// Where the request itself is (RFC 9101 §5).
    ///
    /// # Errors
    /// `invalid_request` when it is in two places.
    pub fn carrier(&self) -> Result<Carrier<'_>, OAuthError> {
        if self.params.is_repeated("request") || self.params.is_repeated("request_uri") {
            return Err(super::checks::TWICE);
        }
        match (self.params.get("request"), self.params.get("request_uri")) {
            (None, None) => Ok(Carrier::Here),
            (Some(object), None) => Ok(Carrier::Object(object)),
            (None, Some(uri)) if pushed::is_pushed(uri) => pushed::id_of(uri).map(Carrier::Pushed).ok_or(
                OAuthError::new(ErrorCode::InvalidRequestUri, "request_uri is none that was given out here"),
            ),
            (None, Some(uri)) => Ok(Carrier::Reference(uri)),
            (Some(_), Some(_)) => {
                Err(OAuthError::invalid_request("request and request_uri do not go together"))
            }
        }
    }

    /// Tells the client that what it sent cannot be opened, at the address beside it. Without a registered one the
    /// person is told.
    ///
    /// # Errors
    /// What is shown.
    pub fn refuse(&self, client: &Client, error: OAuthError) -> Result<SentBack, Shown> {
        self.address(client).map(|to| SentBack { to, error }).map_err(|shown| match (shown, error.code) {
            (Shown::DisabledClient, _) => shown,
            (_, ErrorCode::InvalidRequestUri) => Shown::InvalidRequestUri,
            _ => Shown::InvalidRequestObject,
        })
    }

    fn address(&self, client: &Client) -> Result<ReturnAddress, Shown> {
        if self.params.is_repeated("redirect_uri") {
            return Err(Shown::Repeated);
        }
        // A repeated state belongs to nobody: the error goes back without one.
        let state = if self.params.is_repeated("state") { None } else { self.params.get("state") };
        let uri = self.params.get("redirect_uri").ok_or(Shown::MissingRedirectUri)?;
        let mode = ResponseMode::of(&self.params, uri);
        ReturnAddress::for_client(client, uri, state.map(str::to_owned), mode)
    }

    /// Binds the request to the client it named, at a registered address.
    ///
    /// # Errors
    /// The client is not the named one, disabled, or did not register the address.
    pub fn for_client(self, client: &Client) -> Result<Bound<'_>, Shown> {
        if self.client_id()? != client.id {
            return Err(Shown::UnknownClient);
        }
        let back = self.address(client)?;
        Ok(Bound::new(client, back, self.params, self.came))
    }
}
