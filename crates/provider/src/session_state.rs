//! `session_state`: what a client's page compares in a frame of ours to learn that its person's state changed
//! (OpenID Connect Session Management §2).
//!
//! Owns: the value in authorization responses. Not here: the browser's half of it, which is a cookie
//! (`App::browser_state`), and the frame (`web-oidc`).

use app::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Client, SessionId};
use sha2::{Digest, Sha256};
use url::Url;

use crate::Provider;

impl Provider {
    /// The `session_state` of a response to this redirect URI: `hash.salt`, the hash over client, origin, browser
    /// state and salt, with blanks between.
    ///
    /// # Errors
    /// The lasting key is not loaded.
    pub(crate) fn session_state(
        &self,
        client: &Client,
        redirect_uri: &str,
        session: &SessionId,
    ) -> Result<String, Refusal> {
        let state = self.app().browser_state(session)?;
        let salt = URL_SAFE_NO_PAD.encode(self.app().entropy().bytes::<12>());
        // Where a redirect URI has no origin (apps), no frame can ask either.
        let origin =
            Url::parse(redirect_uri).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        Ok(computed(client.id.as_str(), &origin, &state, &salt))
    }
}

/// The same is computed in `themes/default/assets/check-session.js`.
fn computed(client: &str, origin: &str, state: &str, salt: &str) -> String {
    let hash = Sha256::digest(format!("{client} {origin} {state} {salt}"));
    format!("{}.{salt}", URL_SAFE_NO_PAD.encode(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_hash_and_salt_of_exactly_these_four() {
        let value = computed("shop", "https://shop.example", "abc", "salt");
        // printf '%s' 'shop https://shop.example abc salt' | openssl dgst -sha256 -binary | basenc --base64url
        assert_eq!(value, "GyGgzCYnuJEFRBlMnZzEegwjuVJFgMSGgzaG8k8j3tc.salt");
        for other in [
            computed("shop2", "https://shop.example", "abc", "salt"),
            computed("shop", "https://shop.example:8443", "abc", "salt"),
            computed("shop", "https://shop.example", "abd", "salt"),
        ] {
            assert_ne!(other, value);
        }
    }
}
