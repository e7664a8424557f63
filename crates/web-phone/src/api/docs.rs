//! The description of the API: OpenAPI at `/api/docs/openapi.json`, readable at `/api/docs`.
//!
//! Owns: the document, made once when it is first asked for. Not here: the pages that show it (`swagger`).
//! The bodies are described here a second time, for readers; a test compares them with `qr::wire`.

use std::sync::OnceLock;

use actix_web::http::header::LOCATION;
use actix_web::web::{ServiceConfig, get};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use serde_json::Value;
use utoipa::{IntoParams, OpenApi, ToSchema};
use web::Fixed;

use super::swagger;

const DOCUMENT: &str = "/api/docs/openapi.json";

pub(super) fn mount(cfg: &mut ServiceConfig) {
    cfg.route("/api/docs", get().to(to_pages))
        .route(DOCUMENT, get().to(document))
        .route("/api/docs/{file:.*}", get().to(swagger::page));
}

/// Relative addresses on the page need the slash.
async fn to_pages() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/api/docs/")).finish()
}

async fn document(req: HttpRequest) -> HttpResponse {
    static READY: OnceLock<Fixed> = OnceLock::new();
    let ready = READY.get_or_init(|| {
        let text = Described::openapi().to_json().unwrap_or_default();
        Fixed::new("application/json", "public, max-age=300", Bytes::from(text))
    });
    ready.answer(&req)
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Latchbolt phone API", version = "1", description = ABOUT),
    tags((name = "Enrolling"), (name = "Signing a browser in"), (name = "The phone itself"),
         (name = "Other phones"), (name = "A new phone")),
    paths(
        super::enrolments::begin,
        super::enrolments::complete,
        super::claims::challenge,
        super::claims::claim,
        super::claims::decide,
        super::devices::standing,
        super::devices::sessions,
        super::devices::end_session,
        super::devices::revoke,
        super::upkeep::verification,
        super::upkeep::rotate,
        super::upkeep::reverify,
        super::upkeep::rename,
        super::upkeep::notices,
        super::others::others,
        super::others::lost,
        super::others::found,
        super::moves::open,
        super::moves::state,
        super::moves::claim,
        super::moves::approve,
        super::moves::deny,
    )
)]
pub(super) struct Described;

const ABOUT: &str = include_str!("about.md");

/// Why somebody may enrol a phone: `username` with `password` or `code`, or `token`.
#[derive(ToSchema)]
pub struct EnrolmentRequest {
    /// User name as typed.
    pub username: Option<String>,
    /// Password as typed.
    #[schema(format = Password)]
    pub password: Option<String>,
    /// What follows `#e1` in an enrolment link.
    pub token: Option<String>,
    /// A code that was given to the owner, as typed; with `username`.
    pub code: Option<String>,
    /// From `/moves`, once it is `approved`.
    #[schema(rename = "move")]
    pub moving: Option<String>,
}

/// Whose phone it is.
#[derive(ToSchema)]
pub struct AccountShown {
    /// The account's id, as it stands in signed decisions.
    #[schema(example = "acc_aaaqeayeaudaocajbifqydiob4")]
    pub id: String,
    /// User name.
    pub username: String,
    /// What the person is called.
    pub name: String,
}

/// What the phone needs to register.
#[derive(ToSchema)]
pub struct EnrolmentBegun {
    /// The enrolment's handle: a secret.
    pub enrolment: String,
    /// To be signed.
    pub nonce: String,
    /// To be signed. Compare it with the service you believe to talk to.
    #[schema(example = "https://id.example")]
    pub issuer: String,
    /// Whose phone it will be.
    pub account: AccountShown,
    /// Options for `navigator.credentials.create` (kind `web`). Null where the issuer's host is an IP address.
    pub webauthn: Option<Value>,
    /// Options for `navigator.credentials.get` (kind `web`), for a phone that holds a passkey of the account
    /// already. Left out when the account has none.
    pub existing: Option<Value>,
    /// Seconds.
    pub expires_in: u32,
}

/// The kind of a phone.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum DeviceKind {
    /// The web app: a WebCrypto key and a passkey.
    Web,
    /// A native app: a keystore key that verifies its user.
    App,
}

/// Where a phone stands.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum DeviceState {
    /// Waits for an administrator.
    Pending,
    /// Can claim and approve.
    Active,
    /// Stopped for the time being.
    Suspended,
    /// Stopped for good.
    Revoked,
}

/// What the phone proves.
#[derive(ToSchema)]
pub struct EnrolmentCompletion {
    /// What kind of phone.
    pub kind: DeviceKind,
    /// Its public key as JWK (RFC 7517): P-256 or Ed25519, without a private part, each member once.
    pub key: Value,
    /// The owner's name for it: one plain line of at most 60 characters.
    #[schema(max_length = 60)]
    pub name: String,
    /// Operating system or model: one plain line of at most 60 characters.
    #[schema(max_length = 60)]
    pub platform: String,
    /// Model, if told apart.
    #[schema(max_length = 60)]
    pub model: Option<String>,
    /// The owner agrees to sign-ins by QR. Must be true.
    pub agree: bool,
    /// Kind `app`: the keystore verifies its user before each use of the key. Recorded, and never raised later.
    pub verifies_user: bool,
    /// Of `latchbolt-enrolment-v1`; base64url.
    pub signature: String,
    /// Kind `web`: the answer to `webauthn`, as JSON (WebAuthn Level 3).
    pub credential: Option<Value>,
    /// Kind `web`: in its place the answer to `existing`.
    pub assertion: Option<Value>,
    /// Kind `app`: what vouches for the key, where the service wants that.
    pub attestation: Option<KeyAttestation>,
}

/// What vouches for an app's key.
#[derive(ToSchema)]
pub struct KeyAttestation {
    /// `latchbolt-x5c-v1`.
    pub format: String,
    /// base64 of DER: the certificate whose key signed first, then those above it.
    pub x5c: Vec<String>,
    /// Of `latchbolt-attestation-v1`, by the first certificate's key; base64url.
    pub signature: String,
}

/// A registered phone.
#[derive(ToSchema)]
pub struct EnrolmentDone {
    /// Its id. Not a credential.
    #[schema(example = "dev_aaaqeayeaudaocajbifqydiob4")]
    pub device: String,
    /// Where it stands.
    pub state: DeviceState,
    /// Whose it is.
    pub account: AccountShown,
    /// Where it is enrolled.
    pub issuer: String,
}

/// Who wants a challenge.
#[derive(ToSchema)]
pub struct ChallengeRequest {
    /// The phone's id.
    pub device: String,
}

/// A challenge.
#[derive(ToSchema)]
pub struct ChallengeAnswer {
    /// To be signed; base64url.
    pub challenge: String,
    /// Seconds.
    pub expires_in: u32,
}

/// A scanned code.
#[derive(ToSchema)]
pub struct ClaimRequest {
    /// The phone's id.
    pub device: String,
    /// What follows `#1` in the QR's text: 22 characters.
    #[schema(min_length = 22, max_length = 22)]
    pub channel: String,
    /// From `/challenges`.
    pub challenge: String,
    /// Of `latchbolt-claim-v1`; base64url.
    pub signature: String,
}

/// What the claiming phone is told.
#[derive(ToSchema)]
pub struct ClaimAnswer {
    /// The handle by which to decide. Good for this phone alone.
    pub claim: String,
    /// To be signed with the decision.
    pub nonce: String,
    /// What to show, as JSON text. Parse it for showing; sign the SHA-256 of its exact bytes.
    pub facts: String,
    /// Seconds to decide in.
    pub expires_in: u32,
    /// Kind `web`: options for `navigator.credentials.get`. The challenge is bound to the facts.
    pub webauthn: Option<Value>,
    /// The check code must be typed.
    pub code_needed: bool,
}

/// What the owner decides.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Decision {
    /// Sign the browser in.
    Approve,
    /// Do not.
    Deny,
    /// Do not, and it was not me.
    Report,
}

/// A signed decision.
#[derive(ToSchema)]
pub struct DecisionRequest {
    /// The phone's id.
    pub device: String,
    /// The decision.
    pub decision: Decision,
    /// The three digits that the browser shows and the owner typed.
    #[schema(pattern = "^[0-9]{3}$")]
    pub check_code: Option<String>,
    /// The owner was verified for this very decision.
    pub uv: bool,
    /// The phone's clock: seconds since 1970, within five minutes of the service's.
    pub time: i64,
    /// Of `latchbolt-approval-v1`; base64url.
    pub signature: String,
    /// Kind `web`: the passkey's answer, as JSON.
    pub assertion: Option<Value>,
}

/// Where the phone stands.
#[derive(ToSchema)]
pub struct DeviceShown {
    /// Its id.
    pub device: String,
    /// Where it stands.
    pub state: DeviceState,
    /// What kind of phone.
    pub kind: DeviceKind,
    /// The owner's name for it.
    pub name: String,
    /// Whose it is.
    pub account: AccountShown,
    /// It was not used for so long that its owner has to be verified (purpose `reverify`) before it can claim.
    pub reverify: Option<bool>,
}

/// A living sign-in.
#[derive(ToSchema)]
pub struct SessionShown {
    /// Its id, to end it by.
    pub id: String,
    /// "Firefox on Linux".
    pub browser: String,
    /// The address it began from.
    pub address: String,
    /// Seconds since 1970.
    pub started_at: i64,
    /// Seconds since 1970.
    pub last_used_at: i64,
}

/// Living sign-ins.
#[derive(ToSchema)]
pub struct SessionsShown {
    /// Newest first.
    pub sessions: Vec<SessionShown>,
}

/// How to leave.
#[derive(ToSchema)]
pub struct RevokeRequest {
    /// End the sign-ins it approved, too.
    pub end_sessions: Option<bool>,
}

/// For what an owner is verified.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Purpose {
    /// Another key.
    Rotate,
    /// The phone was not used for long.
    Reverify,
    /// Another phone takes this one's place.
    Move,
    /// A lost phone turned up.
    Found,
}

/// What the owner is verified for.
#[derive(ToSchema)]
pub struct VerificationRequest {
    /// For what.
    pub purpose: Purpose,
    /// About what.
    #[schema(max_length = 200)]
    pub subject: String,
}

/// What the phone answers with the deed.
#[derive(ToSchema)]
pub struct VerificationAnswer {
    /// Comes back with the deed. Single use.
    pub nonce: String,
    /// Kind `web`: options for `navigator.credentials.get`.
    pub webauthn: Option<Value>,
    /// Seconds.
    pub expires_in: u32,
}

/// The owner is there.
#[derive(ToSchema)]
pub struct UserProof {
    /// From `/devices/self/verification`.
    pub nonce: String,
    /// The phone verified its user for this.
    pub uv: bool,
    /// Kind `web`: the passkey's answer, as JSON.
    pub assertion: Option<Value>,
}

/// Another key.
#[derive(ToSchema)]
pub struct RotateRequest {
    /// The new public key as JWK.
    pub key: Value,
    /// Of `latchbolt-rotation-v1`, by the new key; base64url.
    pub signature: String,
    /// Purpose `rotate`.
    pub proof: UserProof,
}

/// The owner of a phone that was not used for long.
#[derive(ToSchema)]
pub struct ReverifyRequest {
    /// Purpose `reverify`.
    pub proof: UserProof,
}

/// Another name.
#[derive(ToSchema)]
pub struct RenameRequest {
    /// One plain line.
    #[schema(max_length = 60)]
    pub name: String,
}

/// Another phone of the same owner.
#[derive(ToSchema)]
pub struct OtherPhone {
    /// Its id.
    pub device: String,
    /// The owner's name for it.
    pub name: String,
    /// Operating system or model.
    pub platform: String,
    /// Where it stands.
    pub state: DeviceState,
    /// Seconds since 1970.
    pub last_used_at: Option<i64>,
}

/// The owner's other phones.
#[derive(ToSchema)]
pub struct OtherPhones {
    /// Oldest first; without revoked ones.
    pub phones: Vec<OtherPhone>,
}

/// What happened to a phone.
#[derive(ToSchema)]
pub struct LostRequest {
    /// `lost` or `stolen`.
    pub reason: String,
    /// More, in a plain line.
    pub note: Option<String>,
}

/// A phone turned up.
#[derive(ToSchema)]
pub struct FoundRequest {
    /// Purpose `found`.
    pub proof: UserProof,
}

/// A new phone.
#[derive(ToSchema)]
pub struct MoveOffer {
    /// Operating system.
    #[schema(max_length = 60)]
    pub platform: String,
    /// Model, if told apart.
    #[schema(max_length = 60)]
    pub model: Option<String>,
}

/// The new phone's offer.
#[derive(ToSchema)]
pub struct MoveOpened {
    /// Comes back with every question about it. A secret.
    #[schema(rename = "move")]
    pub secret: String,
    /// What the old phone scans: `<issuer>/phone#m1<offer>`.
    pub url: String,
    /// That link as a QR code: SVG.
    pub svg: String,
    /// Seconds.
    pub expires_in: u32,
}

/// About which offer.
#[derive(ToSchema)]
pub struct MoveQuestion {
    /// From `/moves`.
    #[schema(rename = "move")]
    pub secret: String,
}

/// Where an offer stands.
#[derive(ToSchema)]
pub struct MoveStood {
    /// `waiting`, `claimed`, `approved` or `denied`.
    pub state: String,
    /// While `claimed`: to be typed on the old phone.
    pub number: Option<String>,
    /// Whose phone the old one is.
    pub username: Option<String>,
}

/// The new phone's offer, on the old one.
#[derive(ToSchema)]
pub struct MoveClaim {
    /// What follows `#m1` in the new phone's QR code.
    pub offer: String,
}

/// What the old phone shows of the new one.
#[derive(ToSchema)]
pub struct MoveClaimed {
    /// Operating system.
    pub platform: String,
    /// Model.
    pub model: Option<String>,
    /// Both phones come from the same network.
    pub same_network: bool,
    /// Seconds.
    pub expires_in: u32,
}

/// The owner agrees.
#[derive(ToSchema)]
pub struct MoveApproval {
    /// As claimed.
    pub offer: String,
    /// The three digits that the new phone shows.
    pub number: String,
    /// Purpose `move`.
    pub proof: UserProof,
}

/// A word to the phone's owner.
#[derive(ToSchema)]
pub struct NoticeTold {
    /// Its id.
    pub id: String,
    /// Seconds since 1970.
    pub at: i64,
    /// It was not seen before.
    pub is_new: bool,
    /// What happened: `kind` and its facts.
    pub notice: Value,
}

/// What happened lately.
#[derive(ToSchema)]
pub struct NoticesTold {
    /// Newest first.
    pub notices: Vec<NoticeTold>,
}

/// An empty object.
#[derive(ToSchema)]
pub struct Nothing {}

/// The headers of a signed request.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct SignedHeaders {
    /// The phone's id.
    #[param(rename = "lb-device")]
    pub device: String,
    /// From `/challenges`.
    #[param(rename = "lb-challenge")]
    pub challenge: String,
    /// Of `latchbolt-device-v1`; base64url.
    #[param(rename = "lb-signature")]
    pub signature: String,
}

/// A refusal (RFC 9457).
#[derive(ToSchema)]
pub struct Problem {
    /// `about:blank`.
    pub r#type: String,
    /// The status in words.
    pub title: String,
    /// The status.
    pub status: u16,
    /// The word for programs.
    pub code: String,
    /// The sentence for people.
    pub detail: String,
    /// The number under which the log knows the request.
    pub id: String,
    /// With `wrong_check_code`: tries left.
    pub left: Option<u8>,
    /// With `invalid_request`: what is wrong.
    pub field: Option<String>,
}
