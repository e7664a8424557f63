//! Keys for programs that call the admin API.
//!
//! Owns: the key without its secret, and its text form: `lbk_`, 26 characters of its id, `_`, its secret. Scanners for
//! leaked secrets know it by `lbk_`. Not here: making and checking (`registry::api_keys`).

use serde::{Deserialize, Serialize};

use crate::{AccountId, ApiKeyId, ClientAddress, Network, Permissions, Timestamp};

/// How the text of every key begins.
pub const PREFIX: &str = "lbk_";

/// An API key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id, which is part of its text.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// Who made it: it may no more than they may. None: the operator of the server.
    pub account: Option<AccountId>,
    /// What it may.
    pub permissions: Permissions,
    /// From where it may be used; empty: from anywhere.
    pub networks: Vec<Network>,
    /// Made.
    pub created_at: Timestamp,
    /// Ends by itself.
    pub expires_at: Timestamp,
    /// Last used (kept coarse: written at most once a minute).
    pub last_used_at: Option<Timestamp>,
    /// From where it was last used.
    pub last_address: Option<String>,
    /// Taken back.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether it opens anything at this time, from this address.
    #[must_use]
    pub fn is_good(&self, now: Timestamp, address: ClientAddress) -> bool {
        let is_listed =
            self.networks.is_empty() || self.networks.iter().any(|network| network.contains(address.0));
        self.revoked_at.is_none() && now < self.expires_at && is_listed
    }
}

/// The text of a key: shown once.
#[must_use]
pub fn text(id: &ApiKeyId, secret: &str) -> String {
    let id = id.to_string();
    let id = id.split_once('_').map_or(id.as_str(), |(_, id)| id);
    format!("{PREFIX}{id}_{secret}")
}

/// The id and the secret in the text of a key.
#[must_use]
pub fn parse(text: &str) -> Option<(ApiKeyId, &str)> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    Some((format!("key_{id}").parse().ok()?, secret))
}

/// An API key, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedApiKey {
    /// The key.
    pub key: ApiKey,
    /// The user name of its maker; none for the operator's.
    pub username: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_184_a_key_is_known_by_its_prefix() {
        let id = ApiKeyId::from_random([9; 16]);
        let whole = text(&id, "a_b-c");
        assert!(whole.starts_with("lbk_") && whole.len() == 4 + 26 + 1 + 5, "{whole}");
        assert_eq!(parse(&whole), Some((id, "a_b-c")));
        for bad in ["", "lbk_", "lbk_x_y", "key_aaaaaaaaaaaaaaaaaaaaaaaaaa_y", &whole[1..]] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn sec_184_a_key_ends_and_is_bound_to_its_networks() {
        let at = Timestamp::from_seconds;
        let mut key = ApiKey {
            id: ApiKeyId::from_random([1; 16]),
            name: "backup".to_owned(),
            account: None,
            permissions: Permissions::NONE,
            networks: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            created_at: at(1),
            expires_at: at(100),
            last_used_at: None,
            last_address: None,
            revoked_at: None,
        };
        let from = |text: &str| ClientAddress(text.parse().unwrap());
        assert!(key.is_good(at(99), from("192.0.2.7")) && key.is_good(at(99), from("2001:db8::1")));
        assert!(!key.is_good(at(100), from("192.0.2.7")), "over");
        assert!(!key.is_good(at(99), from("192.0.3.7")), "from elsewhere");
        key.networks.clear();
        assert!(key.is_good(at(99), from("192.0.3.7")));
        key.revoked_at = Some(at(50));
        assert!(!key.is_good(at(99), from("192.0.3.7")), "revoked");
    }
}
