//! What the phone shows before its owner decides (SEC-025).
//!
//! Owns: the facts in parsed form and in words. The exact text that came is kept beside it: its hash is what
//! is signed. Unknown values are `None` and said to be unknown, never left out.

use serde::{Deserialize, Serialize};

/// Who asks for what, from where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The site that asks.
    pub client: ClientFacts,
    /// The sign-in service's own host.
    pub provider: String,
    /// The browser that waits.
    pub browser: BrowserFacts,
    /// Where it seems to be.
    pub place: PlaceFacts,
    /// `same_address`, `same_network`, `same_country`, `far` or `unknown`.
    pub proximity: String,
    /// When the browser began, in seconds since 1970.
    pub started_at: i64,
    /// What the site asks for.
    pub scopes: Vec<String>,
}

/// The site that asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientFacts {
    /// Its `client_id`; `None` for the service's own pages.
    pub id: Option<String>,
    /// What it calls itself.
    pub name: Option<String>,
    /// The host it leads back to.
    pub host: Option<String>,
    /// Whether an administrator vouches for it.
    #[serde(default)]
    pub verified: bool,
}

/// The browser that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserFacts {
    /// "Firefox on Linux".
    pub label: Option<String>,
    /// "Firefox".
    pub browser: Option<String>,
    /// "Linux".
    pub system: Option<String>,
    /// Whether this account signed in with it before.
    pub known: Option<bool>,
}

/// Where the browser seems to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct PlaceFacts {
    /// "Office Berlin", "private network".
    pub network: Option<String>,
    /// City or region.
    pub city: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
}

impl Facts {
    /// The facts as pairs of label and words, in the order in which they should be read.
    #[must_use]
    pub fn in_words(&self) -> Vec<(&'static str, String)> {
        let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
        let mut site = known(&self.client.name);
        if !self.client.verified {
            site.push_str(" (not verified)");
        }
        let place = match (&self.place.city, &self.place.country) {
            (Some(city), Some(country)) => format!("{city}, {country}"),
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => "unknown".to_owned(),
        };
        let used_before = match self.browser.known {
            Some(true) => "yes",
            Some(false) => "no, a new browser",
            None => "unknown",
        };
        let proximity = match self.proximity.as_str() {
            "same_address" => "at the same address as this phone",
            "same_network" => "in the same network as this phone",
            "same_country" => "in the same country as this phone",
            "far" => "far from this phone",
            _ => "unknown",
        };
        let scopes = if self.scopes.is_empty() {
            "nothing but who you are".to_owned()
        } else {
            self.scopes.join(", ")
        };
        vec![
            ("Site", site),
            ("Its address", known(&self.client.host)),
            ("Sign-in service", self.provider.clone()),
            ("Browser", known(&self.browser.browser)),
            ("System", known(&self.browser.system)),
            ("Used before", used_before.to_owned()),
            ("Network", known(&self.place.network)),
            ("Place", place),
            ("Distance", proximity.to_owned()),
            ("Asks for", scopes),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_025_unknown_values_are_said_to_be_unknown() {
        let text = r#"{"client":{"id":"shop","name":"Shop","host":"shop.example","verified":false},
            "provider":"id.example","browser":{"label":null,"browser":null,"system":"Linux","known":false},
            "place":{"network":null,"city":null,"country":null},"proximity":"unknown","started_at":5,"scopes":[]}"#;
        let facts: Facts = serde_json::from_str(text).unwrap();
        let words = facts.in_words();
        assert_eq!(words.len(), 10);
        assert!(words.contains(&("Site", "Shop (not verified)".to_owned())));
        assert!(words.contains(&("Browser", "unknown".to_owned())));
        assert!(words.contains(&("Network", "unknown".to_owned())));
        assert!(words.contains(&("Place", "unknown".to_owned())));
        assert!(words.contains(&("Used before", "no, a new browser".to_owned())));
    }
}
