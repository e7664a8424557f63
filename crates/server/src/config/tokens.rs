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
        /// Days after which a refresh token ends that was not used.
        refresh_idle_days: u32 = 30;
        /// Days after which refreshing ends, however often it was done: the person has to come again.
        refresh_life_days: u32 = 180;
        /// Seconds within which a refresh token that was just used is answered once more with the same successor,
        /// for a relying party that lost the answer; 0 = never. After them its use ends the whole family.
        refresh_grace_seconds: u32 = 60;
        /// Proofs of possession (DPoP) have to hold a nonce of this server, so that none can be made in advance.
        dpop_nonce: bool = true;
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
    /// Of refresh tokens that are not used.
    pub refresh_idle: Duration,
    /// Of all refresh tokens of one authorization.
    pub refresh_life: Duration,
    /// How long a used refresh token is answered with the same successor.
    pub refresh_grace: Duration,
    /// Proofs of possession need a nonce.
    pub dpop_nonce: bool,
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
        let days = |key: &'static str, days: u32| {
            if (1..=3_650).contains(&days) {
                Ok(Duration::from_secs(u64::from(days) * 24 * 3_600))
            } else {
                Err(Fault::new(key, "Take a number of days from 1 to 3650.".to_owned()))
            }
        };
        if self.refresh_grace_seconds > 300 {
            let why = "Take a number of seconds from 0 to 300: so long a stolen token goes unnoticed.";
            return Err(Fault::new("refresh_grace_seconds", why.to_owned()));
        }
        Ok(Settings {
            code: within("code_seconds", self.code_seconds, 60)?,
            access_token: within("access_token_seconds", self.access_token_seconds, 24 * 3600)?,
            id_token: within("id_token_seconds", self.id_token_seconds, 24 * 3600)?,
            refresh_idle: days("refresh_idle_days", self.refresh_idle_days)?,
            refresh_life: days("refresh_life_days", self.refresh_life_days)?,
            refresh_grace: Duration::from_secs(u64::from(self.refresh_grace_seconds)),
            dpop_nonce: self.dpop_nonce,
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
        assert_eq!(
            (ours.refresh_idle, ours.refresh_life, ours.refresh_grace, ours.dpop_nonce),
            (theirs.refresh_idle, theirs.refresh_life, theirs.refresh_grace, theirs.dpop_nonce)
        );
    }

    #[test]
    fn sec_112_a_code_lives_a_minute_at_most() {
        assert!(Given { code_seconds: 61, ..Given::default() }.resolve().is_err());
        assert!(Given { code_seconds: 0, ..Given::default() }.resolve().is_err());
    }

    #[test]
    fn sec_122_a_family_has_an_end_and_its_grace_is_short() {
        assert!(Given { refresh_life_days: 0, ..Given::default() }.resolve().is_err());
        assert!(Given { refresh_idle_days: 3_651, ..Given::default() }.resolve().is_err());
        assert!(Given { refresh_grace_seconds: 301, ..Given::default() }.resolve().is_err());
        assert!(Given { refresh_grace_seconds: 0, ..Given::default() }.resolve().is_ok());
    }
}
