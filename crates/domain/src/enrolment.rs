//! Enrolments: permission to register one phone for one account.
//!
//! Owns: the record, its states, and the code that people type. Not here: the ceremony
//! (`registry::enrolment`), how tries are counted (`app::throttle`).
//!
//! ```text
//! open ──the secret is shown──▶ begun ──a phone is kept──▶ completed
//!   ├── cancelled ── replaced by a newer one ── expired by the clock
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{AccountId, DeviceId, EnrolmentId, JobId, SecretHash, SessionId, Timestamp};

/// Who made the enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnrolmentOrigin {
    /// The owner's signed-in desktop browser, freshly re-authenticated.
    Desktop,
    /// An administrator.
    Admin,
}

impl EnrolmentOrigin {
    /// The word kept and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Admin => "admin",
        }
    }
}

/// How its secret reaches the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnrolmentKind {
    /// A link or QR on a screen: at most 10 minutes.
    Link,
    /// A code that is typed, shown on a screen: at most 10 minutes.
    Code,
    /// On paper, as QR and code: days.
    Letter,
}

impl EnrolmentKind {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Link, Self::Code, Self::Letter];

    /// The word kept and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Code => "code",
            Self::Letter => "letter",
        }
    }

    /// The one with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }

    /// Whether it is on paper. Of those on paper, and of those on a screen, an account has one open.
    #[must_use]
    pub const fn is_letter(self) -> bool {
        matches!(self, Self::Letter)
    }
}

/// What became of an enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnrolmentOutcome {
    /// Its secret was shown; the phone has not finished.
    Begun,
    /// A phone was kept.
    Completed,
    /// Taken back.
    Cancelled,
    /// A newer one of the same account took its place.
    Replaced,
}

impl EnrolmentOutcome {
    /// The word kept and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Replaced => "replaced",
        }
    }
}

/// Where an enrolment stands at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EnrolmentState {
    /// Its secret is good.
    Open,
    /// Over by the clock, unused.
    Expired,
    /// Over by what happened.
    Ended(EnrolmentOutcome),
}

impl EnrolmentState {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Open,
        Self::Expired,
        Self::Ended(EnrolmentOutcome::Begun),
        Self::Ended(EnrolmentOutcome::Completed),
        Self::Ended(EnrolmentOutcome::Cancelled),
        Self::Ended(EnrolmentOutcome::Replaced),
    ];

    /// The word shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Expired => "expired",
            Self::Ended(outcome) => outcome.as_str(),
        }
    }

    /// The one with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.as_str() == word)
    }
}

/// A single-use permission to register one phone (SEC-071). Kept after its end, so that it can be told what
/// became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// Its id.
    pub id: EnrolmentId,
    /// For whom: taken from here and never from a request (SEC-090).
    pub account: AccountId,
    /// How its secret reaches the phone.
    pub kind: EnrolmentKind,
    /// SHA-256 of the token in the link or QR.
    pub token_hash: SecretHash,
    /// MAC of the account and the code that is typed; none where there is no code.
    pub code_hash: Option<SecretHash>,
    /// Who made it.
    pub origin: EnrolmentOrigin,
    /// The browser session that asked for it.
    pub session: Option<SessionId>,
    /// The long work that made it.
    pub job: Option<JobId>,
    /// Made.
    pub created_at: Timestamp,
    /// Good until.
    pub expires_at: Timestamp,
    /// What became of it; none while nothing has.
    pub outcome: Option<EnrolmentOutcome>,
    /// When that was.
    pub ended_at: Option<Timestamp>,
    /// The phone that was kept.
    pub device: Option<DeviceId>,
}

impl Enrolment {
    /// Where it stands.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> EnrolmentState {
        match self.outcome {
            Some(outcome) => EnrolmentState::Ended(outcome),
            None if now < self.expires_at => EnrolmentState::Open,
            None => EnrolmentState::Expired,
        }
    }
}

/// A code that people type, of an alphabet without look-alikes: 49 bits in ten characters. It is good only together
/// with the user name that it was made for, and tries are counted.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentCode(String);

impl EnrolmentCode {
    /// No `0 O 1 I L U`.
    const ALPHABET: &'static [u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";
    /// Characters of a code, hyphens aside.
    const LENGTHS: std::ops::RangeInclusive<usize> = 8..=24;
    /// Characters that stand together.
    const GROUP: usize = 4;

    /// A code of so many characters from random bytes; what would favour some letters is passed over, so that
    /// `None` asks for more bytes.
    #[must_use]
    pub fn from_random(bytes: &[u8], length: usize) -> Option<Self> {
        // 240 is the largest multiple of 30 that fits into a byte.
        let fair = bytes.iter().filter(|byte| **byte < 240).take(length);
        let code: String = fair.map(|byte| char::from(Self::ALPHABET[usize::from(*byte % 30)])).collect();
        (code.len() == length && Self::LENGTHS.contains(&length)).then_some(Self(code))
    }

    /// Reads what somebody typed: in either case, with blanks and hyphens anywhere.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > 100 {
            return None;
        }
        let mut code = String::with_capacity(24);
        for c in typed.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}')) {
            let letter = u8::try_from(c.to_ascii_uppercase()).ok().filter(|c| Self::ALPHABET.contains(c))?;
            code.push(char::from(letter));
        }
        Self::LENGTHS.contains(&code.len()).then_some(Self(code))
    }

    /// As it is shown: `ABCD-EFGH-JKLM`.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.0.len() + 6);
        for (at, letter) in self.0.chars().enumerate() {
            if at > 0 && at % Self::GROUP == 0 {
                text.push('-');
            }
            text.push(letter);
        }
        text
    }

    /// The letters alone: what is hashed.
    #[must_use]
    pub fn letters(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnrolmentCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_071_a_code_is_read_however_it_is_typed_and_never_guessed_at() {
        let code = EnrolmentCode::from_random(&[0, 1, 2, 255, 3, 4, 5, 6, 7, 8, 239], 10).unwrap();
        assert_eq!(code.text(), "2345-6789-AZ");
        for typed in ["2345-6789-AZ", "23456789az", " 23456 – 789aZ ", "2-3-4-5-6-7-8-9-a-z"] {
            assert_eq!(EnrolmentCode::parse(typed), Some(code.clone()), "{typed}");
        }
        for typed in
            ["", "2345678", "O3456-789AZ", "l3456-789AZ", "é3456-789AZ", &"-".repeat(99), &"A".repeat(25)]
        {
            assert_eq!(EnrolmentCode::parse(typed), None, "{typed}");
        }
        assert_eq!(EnrolmentCode::from_random(&[255; 100], 10), None);
        assert_eq!(EnrolmentCode::from_random(&[7; 100], 7), None);
        assert!(!format!("{code:?}").contains('2'));
    }

    #[test]
    fn words_lead_back() {
        for kind in EnrolmentKind::ALL {
            assert_eq!(EnrolmentKind::from_word(kind.as_str()), Some(*kind));
        }
        for state in EnrolmentState::ALL {
            assert_eq!(EnrolmentState::from_word(state.as_str()), Some(*state));
        }
    }
}
