//! Refresh tokens: their text, and what a family holds.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::GrantId;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::Authorization;

const NAMED: usize = 16 + 4;
const MAC: usize = 32;

/// What all tokens of a family say; kept with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyContent {
    /// What the person authorized.
    #[serde(flatten)]
    pub who: Authorization,
    /// The key that must prove every use: public clients with DPoP (RFC 9449 §5).
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<String>,
}

/// A refresh token taken apart: base64url of grant, generation and a MAC over both. The same generation has always
/// the same text, so that a graced retry gets the very successor that the first answer held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshToken {
    /// Its family.
    pub grant: GrantId,
    /// Its place in the family.
    pub generation: u32,
    mac: [u8; MAC],
}

impl RefreshToken {
    /// What the MAC is over.
    #[must_use]
    pub fn named(grant: &GrantId, generation: u32) -> [u8; NAMED] {
        let mut named = [0; NAMED];
        named[..16].copy_from_slice(grant.as_bytes());
        named[16..].copy_from_slice(&generation.to_be_bytes());
        named
    }

    /// The token with this MAC over [`RefreshToken::named`].
    #[must_use]
    pub const fn new(grant: GrantId, generation: u32, mac: [u8; MAC]) -> Self {
        Self { grant, generation, mac }
    }

    /// Takes a text apart. Nothing of it is believed before [`RefreshToken::is_right`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; NAMED + MAC] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (grant, rest) = bytes.split_first_chunk::<16>()?;
        let (generation, mac) = rest.split_first_chunk::<4>()?;
        let mac: [u8; MAC] = mac.try_into().ok()?;
        Some(Self { grant: GrantId::from_random(*grant), generation: u32::from_be_bytes(*generation), mac })
    }

    /// Whether its MAC is this one; in constant time.
    #[must_use]
    pub fn is_right(&self, mac: &[u8; MAC]) -> bool {
        bool::from(self.mac.ct_eq(mac))
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut bytes = [0; NAMED + MAC];
        bytes[..NAMED].copy_from_slice(&Self::named(&self.grant, self.generation));
        bytes[NAMED..].copy_from_slice(&self.mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::authorization::tests::authorization;
    use proptest::prelude::*;

    #[test]
    fn a_family_survives_being_kept() {
        for jkt in [None, Some("key".to_owned())] {
            let family = FamilyContent { who: authorization(), jkt };
            let text = serde_json::to_string(&family).unwrap();
            assert_eq!(serde_json::from_str::<FamilyContent>(&text).unwrap(), family);
        }
    }

    proptest! {
        #[test]
        fn a_token_survives_its_text(grant: [u8; 16], generation: u32, mac: [u8; 32], other: [u8; 32]) {
            let token = RefreshToken::new(GrantId::from_random(grant), generation, mac);
            let read = RefreshToken::parse(&token.text()).unwrap();
            prop_assert_eq!(read, token);
            prop_assert!(read.is_right(&mac));
            prop_assert_eq!(read.is_right(&other), mac == other);
        }

        #[test]
        fn any_other_text_is_none_or_another_token(text in "\\PC{0,100}") {
            if let Some(token) = RefreshToken::parse(&text) {
                prop_assert_eq!(token.text(), text);
            }
        }
    }
}
