//! What may be a password.
//!
//! Owns: the rule for length and the one form in which a password is hashed. Not here: hashing
//! (`app::hashing`), trying a password (`signin::password`).

use app::Refusal;
use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;

/// More is refused before it is hashed (SEC-166).
pub const LONGEST_BYTES: usize = 1024;

/// The password in the form that is hashed: Unicode NFC, nothing else changed (SEC-161).
///
/// # Errors
/// It is shorter than `shortest` characters, longer than [`LONGEST_BYTES`], or holds a NUL.
pub fn to_hash(password: &SecretString, shortest: usize) -> Result<SecretString, Refusal> {
    let text = password.expose_secret();
    if text.len() > LONGEST_BYTES {
        return Err(Refusal::Invalid { field: "password", why: "at most 1024 bytes" });
    }
    if text.contains('\0') {
        return Err(Refusal::Invalid { field: "password", why: "holds a NUL character" });
    }
    let normal: String = text.nfc().collect();
    if normal.chars().count() < shortest {
        return Err(Refusal::Invalid { field: "password", why: "is too short" });
    }
    Ok(SecretString::from(normal))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_out(text: &str) -> Option<String> {
        to_hash(&SecretString::from(text.to_owned()), 8).ok().map(|p| p.expose_secret().to_owned())
    }

    #[test]
    fn length_is_counted_in_characters_and_bounded_in_bytes() {
        assert!(try_out("1234567").is_none());
        assert!(try_out("12345678").is_some());
        assert!(try_out("éééééééé").is_some());
        assert!(try_out(&"x".repeat(1024)).is_some());
        assert!(try_out(&"x".repeat(1025)).is_none());
    }

    #[test]
    fn both_spellings_of_a_letter_are_one_password() {
        assert_eq!(try_out("cafe\u{301} noir"), try_out("caf\u{e9} noir"));
        assert_ne!(try_out("Password1"), try_out("password1"));
    }
}
