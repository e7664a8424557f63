//! What the phone shows before its owner decides (SEC-025).
//!
//! Owns: the facts as one JSON text, its hash, and the WebAuthn challenge that binds a passkey to it.
//! Not here: finding the facts out (`signin::phone::claim`, `signin::place`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Place, Proximity};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Who asks for the sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asker {
    /// `client_id`; none for the provider's own pages.
    pub id: Option<String>,
    /// Its name: one plain line.
    pub name: String,
    /// The host the browser is sent to afterwards.
    pub host: String,
    /// An administrator vouches for the name (SEC-026).
    pub verified: bool,
}

/// The browser that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserFacts {
    /// "Firefox on Linux".
    pub label: String,
    /// "Firefox"; null when unknown.
    pub browser: Option<String>,
    /// "Linux"; null when unknown.
    pub system: Option<String>,
    /// This account has signed in with this browser before.
    pub known: bool,
}

/// All of it. What is unknown is null, never left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Who asks.
    pub client: Asker,
    /// The provider's own host.
    pub provider: String,
    /// Which browser.
    pub browser: BrowserFacts,
    /// Where it is.
    pub place: Place,
    /// How near it is to the phone (SEC-027). A hint.
    pub proximity: Proximity,
    /// When the sign-in began: seconds since 1970.
    pub started_at: i64,
    /// What the relying party will get.
    pub scopes: Vec<String>,
}

impl Facts {
    /// The one text of them. Its exact bytes are hashed and signed; the phone parses these and no others.
    ///
    /// # Errors
    /// None in practice: all members have a JSON form.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// base64url of the SHA-256 of the facts' text.
#[must_use]
pub fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

/// The WebAuthn challenge of an approval: a passkey that answers it has seen these facts, this once.
#[must_use]
pub fn passkey_challenge(facts_hash: &str, nonce: &str) -> [u8; 32] {
    let mut sha = Sha256::new();
    sha.update(b"latchbolt-facts-v1\n");
    sha.update(facts_hash.as_bytes());
    sha.update(b"\n");
    sha.update(nonce.as_bytes());
    sha.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_025_unknown_facts_are_null_and_never_left_out() {
        let facts = Facts {
            client: Asker { id: None, name: "Shop".into(), host: "shop.example".into(), verified: false },
            provider: "id.example".into(),
            browser: BrowserFacts {
                label: "unknown browser".into(),
                browser: None,
                system: None,
                known: false,
            },
            place: Place::default(),
            proximity: Proximity::Unknown,
            started_at: 7,
            scopes: vec!["openid".into()],
        };
        assert_eq!(
            facts.to_text().unwrap(),
            r#"{"client":{"id":null,"name":"Shop","host":"shop.example","verified":false},"provider":"id.example","browser":{"label":"unknown browser","browser":null,"system":null,"known":false},"place":{"network":null,"city":null,"country":null},"proximity":"unknown","started_at":7,"scopes":["openid"]}"#
        );
    }

    #[test]
    fn the_challenge_changes_with_facts_and_nonce() {
        let one = passkey_challenge(&hash("facts"), "nonce");
        assert_ne!(one, passkey_challenge(&hash("factt"), "nonce"));
        assert_ne!(one, passkey_challenge(&hash("facts"), "noncf"));
        assert_eq!(hash(""), "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
    }
}
