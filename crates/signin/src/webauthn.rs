//! The two WebAuthn ceremonies as this product uses them.
//!
//! Owns: the settings of `webauthn-rs` (user verification required, discoverable credentials), the options a
//! browser gets, and binding a challenge of ours to an assertion. Not here: who may start a ceremony, where
//! challenges are kept (`passkey`, `phone::decide`).
//!
//! A verification needs no state but the challenge: the library's state is made from a template with that
//! challenge put in ([`Passkeys::state`] is the one place that knows its form).

use std::time::Duration;

use app::Issuer;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Account, Passkey};
use serde_json::{Value, json};
use url::{Host, Url};
use uuid::Uuid;
use webauthn_rs::prelude::{
    CreationChallengeResponse, DiscoverableAuthentication, Passkey as Credential, PasskeyRegistration,
    PublicKeyCredential, RegisterPublicKeyCredential,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// A ceremony may take this long (SEC-170).
pub(crate) const CEREMONY_LIFE: Duration = Duration::from_secs(5 * 60);

/// A challenge: 32 random bytes, or the hash of facts and a nonce.
pub(crate) type Challenge = [u8; 32];

pub(crate) struct Passkeys {
    webauthn: Webauthn,
    template: Value,
    rp_id: String,
}

/// An assertion that fits.
pub(crate) struct Asserted {
    /// The credential as it is to be kept from now on, if it changed (counter, flags).
    pub changed: Option<String>,
}

/// A new credential.
pub(crate) struct Registered {
    /// Its id.
    pub credential_id: Vec<u8>,
    /// As it is kept.
    pub passkey: String,
}

impl Passkeys {
    /// `None`, with a word in the log, where the issuer's host is an IP address: WebAuthn knows names only.
    pub(crate) fn new(issuer: &Issuer, name: &str) -> Option<Self> {
        let made = Url::parse(issuer.origin()).ok().and_then(|origin| {
            let Some(Host::Domain(host)) = origin.host() else { return None };
            let webauthn = WebauthnBuilder::new(host, &origin)
                .ok()?
                .rp_name(name)
                .timeout(CEREMONY_LIFE)
                .build()
                .ok()?;
            let (_, state) = webauthn.start_discoverable_authentication().ok()?;
            let template = serde_json::to_value(&state).ok()?;
            Some(Self { template, rp_id: host.to_owned(), webauthn })
        });
        if made.is_none() {
            tracing::warn!(
                issuer = issuer.as_str(),
                "Passkeys are off: the host of the issuer must be a name, not an IP address (WebAuthn). \
                 Phones of the web kind cannot be enrolled either"
            );
        }
        made
    }

    /// Options for `navigator.credentials.get`. Without a credential: discoverable, the same for everybody
    /// (SEC-173).
    pub(crate) fn request(&self, challenge: &Challenge, credential_id: Option<&[u8]>) -> Value {
        let allowed: Vec<Value> = credential_id
            .into_iter()
            .map(|id| json!({ "type": "public-key", "id": URL_SAFE_NO_PAD.encode(id) }))
            .collect();
        json!({ "publicKey": {
            "challenge": URL_SAFE_NO_PAD.encode(challenge),
            "timeout": CEREMONY_LIFE.as_millis(),
            "rpId": self.rp_id,
            "allowCredentials": allowed,
            "userVerification": "required",
        } })
    }

    /// Verifies an assertion: type, challenge, origin, RP id, user present and verified, signature, counter,
    /// and that the credential is this one and its owner's (SEC-170, SEC-171). `None` whatever is wrong.
    pub(crate) fn verify(
        &self,
        challenge: &Challenge,
        assertion: &Assertion,
        kept: &Passkey,
        owner: &Account,
    ) -> Option<Asserted> {
        let given = &assertion.0;
        if kept.account != owner.id || kept.credential_id != assertion.credential_id() {
            return None;
        }
        if given.get_user_unique_id().is_some_and(|handle| handle != owner.webauthn_handle) {
            return None;
        }
        let mut credential: Credential = serde_json::from_str(&kept.passkey).ok()?;
        let result = self
            .webauthn
            .finish_discoverable_authentication_v2(given, self.state(challenge)?, &credential)
            .inspect_err(|error| tracing::debug!(%error, "A passkey assertion does not fit"))
            .ok()?;
        if !result.user_verified() || result.cred_id() != credential.cred_id() {
            return None;
        }
        let changed = credential.update_credential(&result)?;
        let changed = if changed { Some(serde_json::to_string(&credential).ok()?) } else { None };
        Some(Asserted { changed })
    }

    /// Options for `navigator.credentials.create`, and the state to keep until the answer comes.
    pub(crate) fn register(&self, owner: &Account, have: &[Passkey]) -> Option<(Value, String)> {
        let exclude = have.iter().map(|passkey| passkey.credential_id.clone()).collect();
        let (options, state): (CreationChallengeResponse, PasskeyRegistration) = self
            .webauthn
            .start_passkey_registration(
                Uuid::from_bytes(owner.webauthn_handle),
                owner.username.as_str(),
                owner.display_name(),
                Some(exclude),
            )
            .ok()?;
        let mut options = serde_json::to_value(options).ok()?;
        // The library discourages resident keys; without them there is nothing to discover at login.
        let selection = options.get_mut("publicKey")?.get_mut("authenticatorSelection")?.as_object_mut()?;
        selection.insert("residentKey".to_owned(), "required".into());
        selection.insert("requireResidentKey".to_owned(), true.into());
        Some((options, serde_json::to_string(&state).ok()?))
    }

    /// Verifies a registration against the kept state (SEC-172).
    pub(crate) fn registered(&self, state: &str, credential: Value) -> Option<Registered> {
        let state: PasskeyRegistration = serde_json::from_str(state).ok()?;
        let given: RegisterPublicKeyCredential = serde_json::from_value(credential).ok()?;
        if given.type_ != "public-key" || given.id != URL_SAFE_NO_PAD.encode(&given.raw_id) {
            return None;
        }
        let credential = self
            .webauthn
            .finish_passkey_registration(&given, &state)
            .inspect_err(|error| tracing::debug!(%error, "A passkey registration does not fit"))
            .ok()?;
        let passkey = serde_json::to_string(&credential).ok()?;
        Some(Registered { credential_id: credential.cred_id().to_vec(), passkey })
    }

    /// The library's state with this challenge. The names of its members are no public promise: a test
    /// holds them still.
    fn state(&self, challenge: &Challenge) -> Option<DiscoverableAuthentication> {
        let mut state = self.template.clone();
        *state.get_mut("ast")?.get_mut("challenge")? = URL_SAFE_NO_PAD.encode(challenge).into();
        serde_json::from_value(state).ok()
    }
}

/// An assertion as it came: well formed, and not yet believed.
pub(crate) struct Assertion(PublicKeyCredential);

impl Assertion {
    /// Reads it. `None` when it is malformed or names two credentials (SEC-170).
    pub(crate) fn read(value: Value) -> Option<Self> {
        let given: PublicKeyCredential = serde_json::from_value(value).ok()?;
        let is_one = given.type_ == "public-key" && given.id == URL_SAFE_NO_PAD.encode(&given.raw_id);
        is_one.then_some(Self(given))
    }

    pub(crate) fn credential_id(&self) -> &[u8] {
        self.0.get_credential_id()
    }

    /// Whether the authenticator said whose it is; a discoverable login needs that.
    pub(crate) fn names_user(&self) -> bool {
        self.0.get_user_unique_id().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passkeys(issuer: &str) -> Option<Passkeys> {
        Passkeys::new(&Issuer::parse(issuer).unwrap(), "Test")
    }

    #[test]
    fn a_name_with_any_port_will_do_and_an_address_will_not() {
        assert!(passkeys("http://localhost:8400").is_some());
        assert!(passkeys("https://id.example").is_some());
        assert!(passkeys("http://127.0.0.1:8400").is_none());
        assert!(passkeys("http://[::1]:8400").is_none());
    }

    #[test]
    fn the_library_s_state_takes_our_challenge() {
        let passkeys = passkeys("https://id.example").unwrap();
        let state = serde_json::to_value(passkeys.state(&[7; 32]).unwrap()).unwrap();
        assert_eq!(state["ast"]["challenge"], URL_SAFE_NO_PAD.encode([7; 32]));
        assert_eq!(state["ast"]["policy"], "required");
    }

    #[test]
    fn sec_173_discoverable_options_are_the_same_for_everybody() {
        let options = passkeys("https://id.example").unwrap().request(&[7; 32], None);
        assert_eq!(
            options,
            json!({"publicKey": {
                "challenge": URL_SAFE_NO_PAD.encode([7; 32]),
                "timeout": 300_000,
                "rpId": "id.example",
                "allowCredentials": [],
                "userVerification": "required",
            }})
        );
    }

    #[test]
    fn a_registration_asks_for_a_discoverable_verified_credential() {
        let passkeys = passkeys("https://id.example").unwrap();
        let (options, state) = passkeys.register(&crate::webauthn::tests::ada(), &[]).unwrap();
        let selection = &options["publicKey"]["authenticatorSelection"];
        assert_eq!(selection["residentKey"], "required");
        assert_eq!(selection["requireResidentKey"], true);
        assert_eq!(selection["userVerification"], "required");
        assert_eq!(options["publicKey"]["rp"]["id"], "id.example");
        assert!(passkeys.registered(&state, json!({})).is_none());
    }

    pub(crate) fn ada() -> Account {
        Account {
            id: domain::AccountId::from_random([1; 16]),
            username: "ada".parse().unwrap(),
            state: domain::AccountState::Active,
            claims: serde_json::Map::new(),
            webauthn_handle: [9; 16],
            roles: domain::Roles::NONE,
            groups: Vec::new(),
            language: None,
            created_at: domain::Timestamp::from_seconds(1),
            updated_at: domain::Timestamp::from_seconds(1),
        }
    }
}
