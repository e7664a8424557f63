//! Pushed authorization requests (RFC 9126).
//!
//! Owns: taking them from authenticated clients, keeping them, and giving each just one answer (SEC-128). Not here:
//! the checks (`oidc::authorize`), who authenticates how (`client_auth`).

use std::time::Duration;

use app::{Refusal, Rule, throttle};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Client, ClientAddress, ClientId, Timestamp};
use live::Slot;
use oidc::authorize::{Asked, Came, Carrier, KNOWN, PUSHED_LIFE, Shown, request_uri};
use oidc::{ErrorCode, OAuthError, Params};
use serde::{Deserialize, Serialize};

use crate::authorize::{LONGEST_KEPT, TOO_LONG, weight};
use crate::client_auth::ClientAsked;
use crate::dpop::ProofAsked;
use crate::request_object::{Found, Object, Unopened};
use crate::{Provider, TokenRefused};

const PATH: &str = "/par";

/// Names a pushed request.
pub(crate) type PushedId = String;

/// What a client pushed, and how it proved itself.
#[derive(Debug, Clone, Copy)]
pub struct PushAsked<'r> {
    /// The `Authorization` header.
    pub authorization: Option<&'r str>,
    /// The `DPoP` header.
    pub proof: Option<&'r str>,
    /// The form.
    pub params: &'r Params,
    /// From where.
    pub address: ClientAddress,
}

/// What it gets (RFC 9126 §2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// Names the request once.
    pub request_uri: String,
    /// Seconds within which a browser has to come with it.
    pub expires_in: u64,
}

/// Pushed requests by id. They stay until they are answered: those that began a journey as long as one may take, all
/// others no longer than they may be begun with. So a flood of pushes does not pile up, and where it displaces
/// something (SEC-222), then what nobody has come with.
struct PushedSlot;

/// How long one that began a journey stays.
const BEGUN_LIFE: Duration = Duration::from_secs(35 * 60);
/// Browsers that come with one at the same time hinder each other so often at most.
const TRIES: usize = 10;

impl Slot for PushedSlot {
    const KIND: &'static str = "pushed";
    const TTL: Duration = PUSHED_LIFE.saturating_add(Duration::from_secs(5));
    // Whose is displaced pushes again.
    const MAKES_ROOM: bool = true;
    type Value = PushedRequest;
}

#[derive(Debug, Serialize, Deserialize)]
struct PushedRequest {
    client: ClientId,
    query: String,
    is_signed: bool,
    expires_at: Timestamp,
}

impl Provider {
    /// Takes a pushed authorization request (RFC 9126 §2.1): all that the authorization endpoint would refuse is
    /// refused here already.
    ///
    /// # Errors
    /// See [`TokenRefused`].
    pub async fn push(&self, asked: PushAsked<'_>) -> Result<Pushed, TokenRefused> {
        let PushAsked { authorization, proof, params, address } = asked;
        let client =
            self.authenticate(ClientAsked { authorization, params, address, endpoint: PATH }).await?;
        if client.is_public() {
            // Anybody can say that it is this one: it counts as a journey does, and before its proof is remembered
            // (SEC-221).
            let (network, length) = (throttle::network(address), params.to_query().len());
            self.app().throttle().hit_by(Rule::JourneyAddress, &network, weight(length)).await?;
        }
        let jkt = self.proved(ProofAsked { proof, method: "POST", path: PATH }, None).await?;
        let (params, is_signed) = self.inside(&client, params.clone()).await?;
        let params = bound_to(params.only(KNOWN), jkt)?;
        let query = params.to_query();
        let came = Came { pushed: true, signed: is_signed };
        let bound = Asked::holding(params, came).for_client(&client).map_err(Shown::told)?;
        bound.checked(self.app().now()).map_err(|back| back.error)?;
        if query.len() > LONGEST_KEPT {
            return Err(TOO_LONG.into());
        }
        let id = URL_SAFE_NO_PAD.encode(self.app().entropy().bytes::<32>());
        let expires_at = self.app().now().after(PUSHED_LIFE);
        let kept = PushedRequest { client: client.id.clone(), query, is_signed, expires_at };
        self.app().slots::<PushedSlot>().put(&id, &kept).await.map_err(Refusal::from)?;
        Ok(Pushed { request_uri: request_uri(&id), expires_in: PUSHED_LIFE.as_secs() })
    }

    /// The parameters pushed, or those of the request object pushed, and whether it was signed.
    async fn inside(&self, client: &Client, params: Params) -> Result<(Params, bool), TokenRefused> {
        let asked = Asked::pushed_by(client, params)?;
        match asked.carrier()? {
            Carrier::Object(object) => {
                let Object { params, is_signed } = self.opened(client, object).await??;
                Ok((params, is_signed))
            }
            _ => Ok((asked.params().clone(), false)),
        }
    }

    /// The request pushed under an id, if this client did it, a moment ago, and it was not answered.
    pub(crate) async fn pushed(&self, id: &str, client: &Client) -> Result<Result<Found, Unopened>, Refusal> {
        let kept = self.app().slots::<PushedSlot>().get(id).await?;
        let now = self.app().now();
        let kept = kept.filter(|(kept, _)| kept.client == client.id && now < kept.expires_at);
        let Some((kept, _)) = kept else { return Ok(Err(Unopened::Page(Shown::InvalidRequestUri))) };
        let params = Params::parse(kept.query.as_bytes())
            .map_err(|error| Refusal::Corrupt(format!("pushed request: {error}")))?;
        let came = Came { pushed: true, signed: kept.is_signed };
        Ok(Ok(Found { asked: Asked::holding(params, came), pushed: Some(id.to_owned()) }))
    }

    /// Keeps a pushed request for the journey that it begins: `false` when it has its answer meanwhile.
    pub(crate) async fn is_kept_on(&self, pushed: Option<&PushedId>) -> Result<bool, Refusal> {
        let Some(id) = pushed else { return Ok(true) };
        let slots = self.app().slots::<PushedSlot>();
        for _ in 0..TRIES {
            let Some((kept, version)) = slots.get(id).await? else { return Ok(false) };
            if slots.swap_for(id, version, &kept, BEGUN_LIFE).await?.is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Uses a pushed request up: `false` when it has its answer. One that was not pushed may have many.
    pub(crate) async fn is_first_answer(&self, pushed: Option<&PushedId>) -> Result<bool, Refusal> {
        match pushed {
            None => Ok(true),
            Some(id) => Ok(self.app().slots::<PushedSlot>().take(id).await?.is_some()),
        }
    }
}

/// Binds the request to the key of the proof it came with (RFC 9449 §10.1).
fn bound_to(params: Params, jkt: Option<String>) -> Result<Params, OAuthError> {
    match (jkt, params.get("dpop_jkt")) {
        (Some(jkt), None) => Ok(params.plus("dpop_jkt", &jkt)),
        (Some(jkt), Some(said)) if said != jkt => {
            Err(OAuthError::new(ErrorCode::InvalidDpopProof, "dpop_jkt is not the key of the proof"))
        }
        _ => Ok(params),
    }
}
