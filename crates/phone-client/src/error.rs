//! What can go wrong, in words a person can act on.
//!
//! Owns: [`PhoneError`] and how a refusal of the service becomes one.

use std::time::Duration;

use serde::Deserialize;

/// Something did not work. The sentence says what, and where it can, what to do.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// The address is no address of a sign-in service.
    #[error("{0} is not the address of a sign-in service: {1}")]
    BadAddress(String, &'static str),
    /// The service cannot be reached or does not answer.
    #[error("the sign-in service cannot be reached: {0}")]
    Unreachable(String),
    /// The service answered something this program does not understand.
    #[error("the sign-in service gave an answer that makes no sense: {0}")]
    Nonsense(String),
    /// The service says it is another one than the one asked.
    #[error("this service calls itself {said}, not {expected}: nothing was sent to it")]
    AnotherIssuer {
        /// What it was asked as.
        expected: String,
        /// What it calls itself.
        said: String,
    },
    /// The QR code or link is not one of ours.
    #[error("this is not a sign-in code: {0}")]
    NotASignInCode(&'static str),
    /// The code belongs to another sign-in service (SEC-059, SEC-061).
    #[error("this code belongs to {found}; this phone is enrolled at {own}: do not use it")]
    ForeignCode {
        /// Where this phone is enrolled.
        own: String,
        /// Where the code leads.
        found: String,
    },
    /// No QR code was found in a picture.
    #[error("no QR code was found in the picture")]
    NoCodeInPicture,
    /// The picture cannot be read.
    #[error("the picture cannot be read: {0}")]
    BadPicture(String),
    /// The owner has not agreed to sign-ins by QR code.
    #[error("the owner of the phone must agree to sign-ins by QR code first")]
    NotAgreed,
    /// A text that is sent along is not one plain line.
    #[error("the {0} must be one line of plain text of at most 60 characters")]
    BadText(&'static str),
    /// The check code is not three digits.
    #[error("the check code is the three digits shown in the browser")]
    NotACheckCode,
    /// The check code was wrong.
    #[error("the check code is wrong; {left} more tries")]
    WrongCheckCode {
        /// How many tries are left before the sign-in is denied.
        left: u8,
    },
    /// The sign-in is over: expired, finished, denied, or claimed by another phone.
    #[error("this sign-in is over; let the browser show a new code")]
    Gone,
    /// Too many tries, or the service is busy.
    #[error("too many tries; wait {} seconds", .retry_after.as_secs())]
    TooMany {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The service refused for another reason.
    #[error("{title}{}", .detail.as_deref().map(|d| format!(": {d}")).unwrap_or_default())]
    Refused {
        /// HTTP status.
        status: u16,
        /// The word for machines.
        code: String,
        /// The sentence for people.
        title: String,
        /// What else is to say.
        detail: Option<String>,
    },
    /// The key of the phone is unusable.
    #[error("the phone's key is unusable: {0}")]
    BadKey(&'static str),
    /// The state file is unusable.
    #[error("{path}: {why}")]
    BadState {
        /// Which file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Result of this library.
pub type Result<T, E = PhoneError> = std::result::Result<T, E>;

/// RFC 9457 with our two additions.
#[derive(Debug, Deserialize)]
struct Problem {
    #[serde(default)]
    title: String,
    #[serde(default)]
    code: String,
    detail: Option<String>,
    left: Option<u8>,
}

/// Makes the error that a refusal means. `retry_after` is the header of that name in seconds.
pub(crate) fn refusal(status: u16, retry_after: Option<u64>, body: &[u8]) -> PhoneError {
    let problem: Problem = serde_json::from_slice(body).unwrap_or(Problem {
        title: format!("the sign-in service refused (status {status})"),
        code: String::new(),
        detail: None,
        left: None,
    });
    if let (422, "wrong_check_code", Some(left)) = (status, problem.code.as_str(), problem.left) {
        return PhoneError::WrongCheckCode { left };
    }
    match status {
        409 | 410 if problem.code == "gone" => PhoneError::Gone,
        429 | 503 => PhoneError::TooMany { retry_after: Duration::from_secs(retry_after.unwrap_or(5)) },
        _ => PhoneError::Refused { status, code: problem.code, title: problem.title, detail: problem.detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_become_sentences() {
        let wrong = refusal(422, None, br#"{"code":"wrong_check_code","left":2,"title":"x"}"#);
        assert_eq!(wrong.to_string(), "the check code is wrong; 2 more tries");
        assert!(matches!(refusal(410, None, br#"{"code":"gone"}"#), PhoneError::Gone));
        let busy = refusal(429, Some(7), b"");
        assert_eq!(busy.to_string(), "too many tries; wait 7 seconds");
        let other = refusal(403, None, br#"{"code":"forbidden","title":"No","detail":"because"}"#);
        assert_eq!(other.to_string(), "No: because");
        assert!(refusal(500, None, b"<html>").to_string().contains("500"));
    }
}
