//! `[tokens]`: how long codes and tokens live.

use std::time::Duration;

use super::section::section;
use super::source::Fault;

section! {
    /// How long codes and tokens live.
    "tokens" {
        /// Seconds within which a relying party has to redeem an authorization code; at most 60.
        code_seconds: u32 = 60;
        /// Seconds that an access token is good. A revoked one ends within five seconds all the same.
        access_token_seconds: u32 = 600;
        /// Seconds that an ID token is good: the time to hand it over, not the time of being signed in.
        id_token_seconds: u32 = 600;
    }
}

/// Lives of what the provider issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Of authorization codes.
    pub code: Duration,
    /// Of access tokens.
    pub access_token: Duration,
    /// Of ID tokens.
    pub id_token: Duration,
}

impl Given {
    /// What it means.
    ///
    /// # Errors
    /// A life of nothing, or longer than is safe (SEC-112).
    pub fn resolve(&self) -> Result<Settings, Fault> {
        let within = |key: &'static str, seconds: u32, most: u32| {
            if (1..=most).contains(&seconds) {
                Ok(Duration::from_secs(u64::from(seconds)))
            } else {
                Err(Fault::new(key, format!("Take a number of seconds from 1 to {most}.")))
            }
        };
        Ok(Settings {
            code: within("code_seconds", self.code_seconds, 60)?,
            access_token: within("access_token_seconds", self.access_token_seconds, 24 * 3600)?,
            id_token: within("id_token_seconds", self.id_token_seconds, 24 * 3600)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_ones_of_the_crate_that_uses_them() {
        let (ours, theirs) = (Given::default().resolve().unwrap(), provider::Settings::default());
        assert_eq!(
            (ours.code, ours.access_token, ours.id_token),
            (theirs.code_life, theirs.access_token_life, theirs.id_token_life)
        );
    }

    #[test]
    fn sec_112_a_code_lives_a_minute_at_most() {
        assert!(Given { code_seconds: 61, ..Given::default() }.resolve().is_err());
        assert!(Given { code_seconds: 0, ..Given::default() }.resolve().is_err());
    }
}
