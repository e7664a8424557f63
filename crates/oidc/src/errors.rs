//! OAuth error codes and the sentence that goes with them.
//!
//! Owns: the registered words. Not here: status codes and headers (`web-oidc::refusal`).

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $word:literal,)*) => {
        /// A registered error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $name,)* }

        impl ErrorCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

codes! {
    /// RFC 6749 §4.1.2.1, §5.2.
    InvalidRequest "invalid_request",
    /// RFC 6749 §4.1.2.1, §5.2.
    UnauthorizedClient "unauthorized_client",
    /// RFC 6749 §4.1.2.1.
    AccessDenied "access_denied",
    /// RFC 6749 §4.1.2.1.
    UnsupportedResponseType "unsupported_response_type",
    /// RFC 6749 §4.1.2.1.
    InvalidScope "invalid_scope",
    /// RFC 6749 §4.1.2.1.
    ServerError "server_error",
    /// RFC 6749 §4.1.2.1.
    TemporarilyUnavailable "temporarily_unavailable",
    /// RFC 6749 §5.2.
    InvalidClient "invalid_client",
    /// RFC 6749 §5.2.
    InvalidGrant "invalid_grant",
    /// RFC 6749 §5.2.
    UnsupportedGrantType "unsupported_grant_type",
    /// RFC 6750 §3.1.
    InvalidToken "invalid_token",
    /// RFC 6750 §3.1.
    InsufficientScope "insufficient_scope",
    /// RFC 8707 §2.
    InvalidTarget "invalid_target",
    /// RFC 9449 §5.
    InvalidDpopProof "invalid_dpop_proof",
    /// RFC 9449 §8.
    UseDpopNonce "use_dpop_nonce",
    /// OpenID Connect Core §3.1.2.6.
    InteractionRequired "interaction_required",
    /// OpenID Connect Core §3.1.2.6.
    LoginRequired "login_required",
    /// OpenID Connect Core §3.1.2.6.
    ConsentRequired "consent_required",
    /// OpenID Connect Core §3.1.2.6.
    RequestNotSupported "request_not_supported",
    /// OpenID Connect Core §3.1.2.6.
    RequestUriNotSupported "request_uri_not_supported",
    /// OpenID Connect Core §3.1.2.6.
    RegistrationNotSupported "registration_not_supported",
    /// OpenID Connect Core §3.1.2.6, RFC 9101 §7.
    InvalidRequestUri "invalid_request_uri",
    /// OpenID Connect Core §3.1.2.6, RFC 9101 §7.
    InvalidRequestObject "invalid_request_object",
    /// OpenID Connect Core §3.1.2.6.
    AccountSelectionRequired "account_selection_required",
    /// OpenID Connect Core Error Code unmet_authentication_requirements 1.0.
    UnmetAuthenticationRequirements "unmet_authentication_requirements",
}

/// An error that a client is told: its code and a sentence for the developer. The sentence is ours, never
/// made from input: printable ASCII without `"` and `\` (RFC 6749 §4.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}: {description}", code.as_str())]
pub struct OAuthError {
    /// The registered word.
    pub code: ErrorCode,
    /// `error_description`.
    pub description: &'static str,
}

impl OAuthError {
    /// An error with its sentence.
    #[must_use]
    pub const fn new(code: ErrorCode, description: &'static str) -> Self {
        Self { code, description }
    }

    /// `invalid_request` with a sentence.
    #[must_use]
    pub const fn invalid_request(description: &'static str) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// `invalid_grant` with a sentence.
    #[must_use]
    pub const fn invalid_grant(description: &'static str) -> Self {
        Self::new(ErrorCode::InvalidGrant, description)
    }

    /// Whether the sentence keeps to the allowed characters.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        !self.description.is_empty()
            && self.description.bytes().all(|b| matches!(b, 0x20..=0x7e) && b != b'"' && b != b'\\')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        let mut words: Vec<_> = ErrorCode::ALL.iter().map(|c| c.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), ErrorCode::ALL.len());
    }

    #[test]
    fn a_sentence_with_a_quote_or_a_line_break_is_found() {
        assert!(OAuthError::invalid_request("scope is missing").is_well_formed());
        for bad in ["", "say \"no\"", "a\\b", "a\nb", "ü"] {
            assert!(!OAuthError::invalid_request(bad).is_well_formed(), "{bad:?}");
        }
    }
}
