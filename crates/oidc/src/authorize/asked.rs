//! The request as it arrived.
//!
//! Owns: which client it names, and every refusal that only the person may see (SEC-102). Not here: what
//! the client may be told (`checks`).

use domain::{Client, ClientId};

use super::bound::{Bound, ReturnAddress};
use crate::{BadParams, Params};

/// The request as it arrived. Knows nothing yet.
#[derive(Debug, Clone)]
pub struct Asked(Params);

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
        }
    }
}

impl Asked {
    /// A request with these parameters.
    #[must_use]
    pub const fn new(params: Params) -> Self {
        Self(params)
    }

    /// The client it names.
    ///
    /// # Errors
    /// It names none, or two.
    pub fn client_id(&self) -> Result<ClientId, Shown> {
        if self.0.is_repeated("client_id") {
            return Err(Shown::Repeated);
        }
        self.0.get("client_id").and_then(|id| id.parse().ok()).ok_or(Shown::UnknownClient)
    }

    /// Binds the request to the client it named, at a registered address.
    ///
    /// # Errors
    /// The client is not the named one, disabled, or did not register the address.
    pub fn for_client(self, client: &Client) -> Result<Bound<'_>, Shown> {
        if self.client_id()? != client.id {
            return Err(Shown::UnknownClient);
        }
        if self.0.is_repeated("redirect_uri") {
            return Err(Shown::Repeated);
        }
        // A repeated state belongs to nobody: the error goes back without one.
        let state = if self.0.is_repeated("state") { None } else { self.0.get("state") };
        let uri = self.0.get("redirect_uri").ok_or(Shown::MissingRedirectUri)?;
        let back = ReturnAddress::for_client(client, uri, state.map(str::to_owned))?;
        Ok(Bound::new(client, back, self.0))
    }
}
