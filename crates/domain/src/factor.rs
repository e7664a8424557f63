//! What an account can prove itself with beside its password: an authenticator app's codes, recovery codes; and what
//! it holds in all.
//!
//! Owns: the records, and which ways in are left ([`Held`]). Not here: passkeys and passwords (`credential`), phones
//! (`device`), checking a code (`signin`), when a second factor is asked for (`journey`).

use serde::{Deserialize, Serialize};

use crate::{AccountId, Timestamp};

/// An authenticator app (TOTP, RFC 6238): SHA-1, six digits, thirty seconds, which every app can do.
#[derive(Clone, PartialEq, Eq)]
pub struct Totp {
    /// Whose; one an account.
    pub account: AccountId,
    /// The shared secret, sealed.
    pub sealed: Vec<u8>,
    /// The newest step whose code was taken: no code counts twice (RFC 6238 §5.2).
    pub last_step: i64,
    /// Set up: its first code was right.
    pub confirmed_at: Timestamp,
}

impl std::fmt::Debug for Totp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Totp({})", self.account)
    }
}

/// Everything an account can prove itself with, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Held {
    /// When the password was set; none: there is none.
    pub password_since: Option<Timestamp>,
    /// Wrong passwords and codes in a row since the last right sign-in.
    pub wrong_in_a_row: u32,
    /// When an authenticator app was set up.
    pub totp_since: Option<Timestamp>,
    /// Recovery codes that were not used.
    pub recovery_codes: u32,
    /// Passkeys that sign in: those of stopped phones do not.
    pub passkeys: u32,
    /// Active phones.
    pub phones: u32,
    /// Since when there is something beside the password: the oldest app, unused recovery code, passkey or phone. Phones
    /// that were stopped count as well: whoever knows the password can call a phone lost, and must not thereby become
    /// somebody whose password is all there is (SEC-070, SEC-086). Those that wait for approval do not.
    pub other_since: Option<Timestamp>,
}

impl Held {
    /// Whether there is a password.
    #[must_use]
    pub const fn has_password(&self) -> bool {
        self.password_since.is_some()
    }

    /// Whether there is anything beside the password that a stranger with the password would lack (SEC-070). Recovery
    /// codes count: they are made for the day when all else is lost.
    #[must_use]
    pub const fn has_other_factor(&self) -> bool {
        self.totp_since.is_some() || self.recovery_codes > 0 || self.passkeys > 0 || self.phones > 0
    }

    /// Whether a password that was proven then was all there was: nothing stood beside it yet.
    #[must_use]
    pub fn was_password_all(&self, proven_at: Timestamp) -> bool {
        self.other_since.is_none_or(|since| proven_at <= since)
    }

    /// Whether the password is followed by a code.
    #[must_use]
    pub const fn asks_for_code(&self) -> bool {
        self.totp_since.is_some()
    }

    /// How many ways in there are: the password, each passkey, each phone. The last may not be removed without
    /// another in its place (SEC-174).
    #[must_use]
    pub const fn ways_in(&self) -> u32 {
        self.has_password() as u32 + self.passkeys + self.phones
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_174_each_way_in_counts_and_codes_alone_are_none() {
        let since = Some(Timestamp::from_seconds(1));
        let codes = Held { totp_since: since, recovery_codes: 10, ..Held::default() };
        assert_eq!(codes.ways_in(), 0, "codes follow a password; they sign nobody in");
        assert!(codes.has_other_factor());
        let all = Held { password_since: since, passkeys: 2, phones: 1, ..codes };
        assert_eq!(all.ways_in(), 4);
        assert!(!Held { password_since: since, ..Held::default() }.has_other_factor());
        for held in [
            Held { totp_since: since, ..Held::default() },
            Held { recovery_codes: 1, ..Held::default() },
            Held { passkeys: 1, ..Held::default() },
            Held { phones: 1, ..Held::default() },
        ] {
            assert!(held.has_other_factor(), "{held:?}");
        }
    }
}
