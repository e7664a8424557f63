//! Requests that come inside something else: a request object, its address, or a request pushed before.
//!
//! Owns: finding, opening and verifying it. Not here: what a request object must say (`oidc::authorize`), the
//! client's keys (`client_keys`), fetching (`documents`), keeping pushed requests (`par`).

use app::{Refusal, Rule, Visitor, throttle};
use domain::{Client, RequestObjectAlg, SigningAlg};
use jose::{JwsError, Types, Unverified};
use oidc::authorize::request_object::{self, Opened};
use oidc::authorize::{Asked, Came, Carrier, NOT_PUSHED, SentBack, Shown};
use oidc::{ErrorCode, OAuthError, Params};

use crate::Provider;
use crate::par::PushedId;

/// A request object that its client wants to be fetched counts for so many journeys begun.
const FETCH_WEIGHT: u32 = 5;

/// The request itself.
pub(crate) struct Found {
    pub asked: Asked,
    /// It was pushed, under this id.
    pub pushed: Option<PushedId>,
}

/// It cannot be had.
pub(crate) enum Unopened {
    /// Nobody but the person can be told.
    Page(Shown),
    /// The client is told.
    Back(SentBack),
}

/// A request object that was opened.
pub(crate) struct Object {
    pub params: Params,
    pub is_signed: bool,
}

const fn bad(description: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequestObject, description)
}

impl Provider {
    /// The request that a request holds, which often is itself.
    ///
    /// # Errors
    /// A port failed, or too much is asked for from this network.
    pub(crate) async fn unpacked(
        &self,
        asked: Asked,
        client: &Client,
        visitor: &Visitor,
    ) -> Result<Result<Found, Unopened>, Refusal> {
        let opened = match asked.carrier() {
            Ok(Carrier::Here) => return Ok(Ok(Found { asked, pushed: None })),
            Ok(Carrier::Pushed(id)) => return self.pushed(id, client).await,
            Ok(Carrier::Object(object)) => self.opened(client, object).await?,
            // Nothing is fetched that could not be answered anyway (SEC-130).
            Ok(Carrier::Reference(_)) if self.settings().requires_par || client.metadata.requires_par => {
                Err(NOT_PUSHED)
            }
            Ok(Carrier::Reference(uri)) => {
                let network = throttle::network(visitor.address);
                self.app().throttle().hit_by(Rule::JourneyAddress, &network, FETCH_WEIGHT).await?;
                match self.fetch_request_object(client, uri).await {
                    Ok(object) => self.opened(client, &object).await?,
                    Err(error) => {
                        tracing::info!(client.id = %client.id, %error, "A request object was not fetched");
                        // The same for every cause (SEC-130).
                        let error = OAuthError::new(
                            ErrorCode::InvalidRequestUri,
                            "request_uri is not registered or could not be fetched",
                        );
                        Err(error)
                    }
                }
            }
            Err(error) => Err(error),
        };
        Ok(match opened {
            Ok(Object { params, is_signed }) => {
                let came = Came { pushed: false, signed: is_signed };
                Ok(Found { asked: Asked::holding(params, came), pushed: None })
            }
            Err(error) => Err(match asked.refuse(client, error) {
                Ok(back) => Unopened::Back(back),
                Err(shown) => Unopened::Page(shown),
            }),
        })
    }

    /// Opens a request object (RFC 9101 §6): decrypted, verified with a key of the client's, and its claims held
    /// against client, issuer and time. The inner error is for the client.
    ///
    /// # Errors
    /// A port failed.
    pub(crate) async fn opened(
        &self,
        client: &Client,
        object: &str,
    ) -> Result<Result<Object, OAuthError>, Refusal> {
        let decrypted;
        let mut text = object;
        if jose::is_encrypted(object) {
            let content = self.app().keys().open(object).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let Some(content) = content else {
                return Ok(Err(bad("The request object cannot be decrypted")));
            };
            decrypted = content;
            text = &decrypted;
        }
        let Ok(token) = Unverified::parse(text) else {
            return Ok(Err(bad("The request object is no JWT")));
        };
        let (payload, is_signed) = match token.alg() {
            Some("none") => (unsigned(client, &token), false),
            _ => (self.signed(client, &token).await, true),
        };
        let payload = match payload {
            Ok(payload) => payload,
            Err(error) => return Ok(Err(error)),
        };
        let Some(claims) = jose::strict::object(&payload) else {
            return Ok(Err(bad("The request object holds no JSON object")));
        };
        let issuer = self.app().issuer().as_str();
        let held_against = Opened { client, issuer, now: self.app().wall(), is_signed };
        Ok(request_object::read(&claims, &held_against).map(|params| Object { params, is_signed }))
    }

    /// The payload, if the client signed it with the algorithm that it registered (SEC-129).
    async fn signed(&self, client: &Client, token: &Unverified<'_>) -> Result<Vec<u8>, OAuthError> {
        const NOT_ITS: OAuthError = bad("The request object is not signed with a key of the client");
        let one;
        let allowed = match client.metadata.request_object_alg {
            None => SigningAlg::ALL,
            Some(RequestObjectAlg::Signed(alg)) => {
                one = [alg];
                &one[..]
            }
            Some(RequestObjectAlg::Unsigned) => {
                return Err(bad("The client registered that its request objects are not signed"));
            }
        };
        let no_keys = |error: crate::ClientKeysError| {
            tracing::info!(client.id = %client.id, %error, "The keys of a client cannot be had");
            NOT_ITS
        };
        let keys = self.client_keys(client).await.map_err(no_keys)?;
        let verified = match keys.verify(token, allowed, Types::REQUEST_OBJECT) {
            // It may have new keys.
            Err(JwsError::WrongKey) => {
                let keys = self.client_keys_again(client).await.map_err(no_keys)?;
                keys.verify(token, allowed, Types::REQUEST_OBJECT)
            }
            verified => verified,
        };
        verified.map_err(|error| match error {
            JwsError::WrongAlgorithm => bad("The algorithm of the request object is not the registered one"),
            JwsError::WrongType => bad("The typ of the request object is another"),
            _ => NOT_ITS,
        })
    }
}

/// The payload of an object that nobody signed, where the client may send such: it is worth as much as plain
/// parameters (OpenID Connect Core §6.1).
fn unsigned(client: &Client, token: &Unverified<'_>) -> Result<Vec<u8>, OAuthError> {
    let metadata = &client.metadata;
    let may = matches!(metadata.request_object_alg, None | Some(RequestObjectAlg::Unsigned));
    if !may || metadata.requires_signed_request {
        return Err(bad("Request objects of this client must be signed"));
    }
    token.check_type(Types::REQUEST_OBJECT).map_err(|_| bad("The typ of the request object is another"))?;
    token.unsigned().ok_or(bad("The request object says that it is not signed, and has a signature"))
}
