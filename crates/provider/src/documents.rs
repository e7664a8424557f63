//! Documents that clients keep for us: request objects and sector identifier documents.
//!
//! Owns: which address may be fetched, how much is read, and the document's outer form. Not here: what a request
//! object says (`request_object`), which redirect URIs a sector must list (`registration`).

use app::App;
use domain::Client;
use outbound::OutboundError;
use url::Url;

use crate::Provider;

const REQUEST_OBJECT: &str = "application/oauth-authz-req+jwt, application/jwt";
/// Redirect URIs that are read of a sector document.
const MOST_URIS: usize = 1_000;

/// A document cannot be had. The texts are for our log: whoever asked learns only that it was not had (SEC-130).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The client did not register this address.
    #[error("the address is not registered")]
    NotRegistered,
    /// It could not be fetched.
    #[error("the document could not be fetched: {0}")]
    NotFetched(#[from] OutboundError),
    /// It is not what it should be.
    #[error("the document cannot be read: {0}")]
    Unreadable(&'static str),
}

impl Provider {
    /// The request object at an address (RFC 9101 §5.2), which must be registered exactly as it was sent: with its
    /// fragment, which may be anything and is not sent on.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub(crate) async fn fetch_request_object(
        &self,
        client: &Client,
        uri: &str,
    ) -> Result<String, DocumentError> {
        if !client.metadata.request_uris.iter().any(|registered| registered == uri) {
            return Err(DocumentError::NotRegistered);
        }
        let mut url = Url::parse(uri).map_err(|_| DocumentError::NotRegistered)?;
        url.set_fragment(None);
        let fetched = self.app().outbound().get(&url, REQUEST_OBJECT, jose::MAX_TOKEN_BYTES).await?;
        let text = std::str::from_utf8(&fetched.body).map_err(|_| DocumentError::Unreadable("not UTF-8"))?;
        Ok(text.trim_ascii().to_owned())
    }
}

/// The redirect URIs that a sector identifier document lists (OpenID Connect Core §8.1).
///
/// # Errors
/// See [`DocumentError`].
pub(crate) async fn sector_document(app: &App, url: &Url) -> Result<Vec<String>, DocumentError> {
    let fetched = app.outbound().get(url, "application/json", outbound::MAX_BYTES).await?;
    let uris: Vec<String> = serde_json::from_slice(&fetched.body)
        .map_err(|_| DocumentError::Unreadable("no JSON array of strings"))?;
    if uris.len() > MOST_URIS {
        return Err(DocumentError::Unreadable("too many addresses"));
    }
    Ok(uris)
}
