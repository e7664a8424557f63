//! The WebAuthn part of an enrolment: a passkey that verifies the phone's owner.
//!
//! Owns: the options, their kept state, and reading the answer. User verification is required and the key
//! must be discoverable. A phone that holds a passkey of the account already (made for signing in, or synced
//! from another phone) proves that one instead: authenticators keep one passkey a person, and a second would
//! displace it.

use app::{Issuer, Refusal};
use domain::{Account, AttestationWish, CredentialId, DevicePolicy, Passkey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use webauthn_rs::prelude as wa;

/// Passkeys that can be named in the options.
const MOST_NAMED: usize = 20;

/// What was asked, as kept between the steps.
#[derive(Serialize, Deserialize)]
pub(super) struct Ceremony {
    registration: wa::PasskeyRegistration,
    existing: Option<wa::PasskeyAuthentication>,
}

/// What the phone is asked.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) create: Option<Value>,
    pub(super) get: Option<Value>,
}

/// What the phone proved.
pub(super) enum Proven {
    /// A new passkey: its credential id and what to keep.
    New { credential_id: Vec<u8>, passkey: String, vouched: Option<String> },
    /// One that is known, with its new state if that changed.
    Known { id: CredentialId, passkey: String },
}

/// WebAuthn at this issuer; `None` where its host can be no RP id (an IP address).
fn at(issuer: &Issuer) -> Result<Option<wa::Webauthn>, Refusal> {
    let origin = url::Url::parse(issuer.origin()).map_err(|error| Refusal::Corrupt(error.to_string()))?;
    if origin.domain().is_none() {
        return Ok(None);
    }
    let built = wa::WebauthnBuilder::new(issuer.host(), &origin)
        .map(|builder| builder.rp_name(issuer.host()))
        .and_then(wa::WebauthnBuilder::build);
    built.map(Some).map_err(|error| Refusal::Corrupt(format!("WebAuthn: {error}")))
}

/// The options for both ways, and the state to keep.
pub(super) fn begin(
    issuer: &Issuer,
    account: &Account,
    passkeys: &[Passkey],
    wish: AttestationWish,
) -> Result<Option<(Ceremony, Asked)>, Refusal> {
    let Some(webauthn) = at(issuer)? else { return Ok(None) };
    let failed = |error: wa::WebauthnError| Refusal::Corrupt(format!("WebAuthn: {error}"));
    let known: Vec<wa::Passkey> =
        passkeys.iter().rev().take(MOST_NAMED).map(kept).collect::<Result<_, _>>()?;
    let exclude = known.iter().map(|passkey| passkey.cred_id().clone()).collect();
    let (create, registration) = webauthn
        .start_passkey_registration(
            wa::Uuid::from_bytes(account.webauthn_handle),
            account.username.as_str(),
            account.display_name(),
            Some(exclude),
        )
        .map_err(failed)?;
    // Nobody vouches for a passkey that was made earlier.
    let (get, existing) = if known.is_empty() || wish == AttestationWish::Required {
        (None, None)
    } else {
        let (get, state) = webauthn.start_passkey_authentication(&known).map_err(failed)?;
        (Some(to_value(&get)?), Some(state))
    };
    let mut create = to_value(&create)?;
    // webauthn-rs discourages discoverable keys; approvals name their key, but the same passkey shall be able
    // to sign its owner in.
    create["publicKey"]["authenticatorSelection"]["residentKey"] = json!("required");
    create["publicKey"]["authenticatorSelection"]["requireResidentKey"] = json!(true);
    if wish != AttestationWish::None {
        create["publicKey"]["attestation"] = json!("direct");
    }
    Ok(Some((Ceremony { registration, existing }, Asked { create: Some(create), get })))
}

/// Reads the registration of a new passkey.
pub(super) fn registered(
    issuer: &Issuer,
    ceremony: &Ceremony,
    answer: Value,
    policy: &DevicePolicy,
) -> Result<Proven, Refusal> {
    let answer: wa::RegisterPublicKeyCredential = serde_json::from_value(answer).map_err(|_| refused())?;
    let webauthn = at(issuer)?.ok_or_else(refused)?;
    let passkey = webauthn.finish_passkey_registration(&answer, &ceremony.registration).map_err(|error| {
        tracing::info!(%error, "Passkey of a phone refused");
        refused()
    })?;
    let vouched = match policy.attestation {
        AttestationWish::None => None,
        AttestationWish::Wanted | AttestationWish::Required => {
            vouched_for(&webauthn, ceremony, &answer, &policy.attestation_roots)
        }
    };
    let credential_id: &[u8] = passkey.cred_id().as_ref();
    Ok(Proven::New { credential_id: credential_id.to_vec(), passkey: to_text(&passkey)?, vouched })
}

/// Whether the statement in this registration leads to one of the roots (WebAuthn Level 3 §7.1, steps 21 to 24): its
/// signature over our challenge and the new key, the chain, and the times of the certificates. `none` and statements
/// that a key makes about itself lead nowhere.
fn vouched_for(
    webauthn: &wa::Webauthn,
    ceremony: &Ceremony,
    answer: &wa::RegisterPublicKeyCredential,
    roots: &[String],
) -> Option<String> {
    let mut trusted = wa::AttestationCaList::default();
    for root in roots {
        trusted.union(&wa::AttestationCaList::try_from(root.as_bytes()).ok()?);
    }
    if trusted.is_empty() {
        return None;
    }
    // The library keeps both ways of registering in one form: what was asked, and here whom to trust besides.
    let asked = serde_json::to_value(&ceremony.registration).ok()?;
    let state = json!({ "rs": asked.get("rs")?, "ca_list": serde_json::to_value(&trusted).ok()? });
    let state: wa::AttestedPasskeyRegistration = serde_json::from_value(state).ok()?;
    webauthn
        .finish_attested_passkey_registration(answer, &state)
        .inspect_err(|error| tracing::info!(%error, "Nobody vouches for a phone's passkey"))
        .ok()?;
    Some("WebAuthn".to_owned())
}

/// Reads the proof of a passkey that the account has already.
pub(super) fn asserted(
    issuer: &Issuer,
    ceremony: &Ceremony,
    answer: Value,
    passkeys: &[Passkey],
) -> Result<Proven, Refusal> {
    let answer: wa::PublicKeyCredential = serde_json::from_value(answer).map_err(|_| refused())?;
    let state = ceremony.existing.as_ref().ok_or_else(refused)?;
    let webauthn = at(issuer)?.ok_or_else(refused)?;
    let result = webauthn.finish_passkey_authentication(&answer, state).map_err(|error| {
        tracing::info!(%error, "Passkey of a phone refused");
        refused()
    })?;
    if !result.user_verified() {
        return Err(refused());
    }
    let used: &[u8] = result.cred_id().as_ref();
    // Read again: it may have been removed since the options were made.
    let known = passkeys.iter().find(|passkey| passkey.credential_id == used).ok_or_else(refused)?;
    let mut passkey = kept(known)?;
    passkey.update_credential(&result);
    Ok(Proven::Known { id: known.id, passkey: to_text(&passkey)? })
}

/// One answer for everything that is wrong with it.
fn refused() -> Refusal {
    Refusal::Invalid { field: "credential", why: "does not prove that the owner was verified" }
}

fn kept(passkey: &Passkey) -> Result<wa::Passkey, Refusal> {
    serde_json::from_str(&passkey.passkey)
        .map_err(|error| Refusal::Corrupt(format!("passkeys.passkey, id {}: {error}", passkey.id)))
}

fn to_value<T: Serialize>(value: &T) -> Result<Value, Refusal> {
    serde_json::to_value(value).map_err(|error| Refusal::Corrupt(error.to_string()))
}

fn to_text<T: Serialize>(value: &T) -> Result<String, Refusal> {
    serde_json::to_string(value).map_err(|error| Refusal::Corrupt(error.to_string()))
}
