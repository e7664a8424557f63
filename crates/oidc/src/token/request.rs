//! Reading a token request.

use crate::{ErrorCode, OAuthError, Params};

/// What the client wants tokens for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchange {
    /// `authorization_code`.
    Code(CodeExchange),
}

/// An authorization code to be redeemed (RFC 6749 §4.1.3, RFC 7636 §4.5).
#[derive(Clone, PartialEq, Eq)]
pub struct CodeExchange {
    /// The code as it came.
    pub code: String,
    /// The redirect URI of the authorization request.
    pub redirect_uri: String,
    /// PKCE verifier.
    pub verifier: Option<String>,
}

impl std::fmt::Debug for CodeExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CodeExchange({})", self.redirect_uri)
    }
}

impl Exchange {
    /// Reads the request.
    ///
    /// # Errors
    /// `invalid_request` for missing or repeated parameters, `unsupported_grant_type`.
    pub fn read(params: &Params) -> Result<Self, OAuthError> {
        if params.has_repeated() {
            return Err(OAuthError::invalid_request("A parameter comes more than once"));
        }
        match params.get("grant_type") {
            Some("authorization_code") => Ok(Self::Code(CodeExchange {
                code: needed(params, "code", "code is missing")?,
                redirect_uri: needed(params, "redirect_uri", "redirect_uri is missing")?,
                verifier: params.get("code_verifier").map(str::to_owned),
            })),
            None => Err(OAuthError::invalid_request("grant_type is missing")),
            Some(_) => Err(OAuthError::new(
                ErrorCode::UnsupportedGrantType,
                "Only grant_type=authorization_code is supported",
            )),
        }
    }
}

fn needed(params: &Params, name: &str, missing: &'static str) -> Result<String, OAuthError> {
    params.get(name).map(str::to_owned).ok_or(OAuthError::invalid_request(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Exchange, ErrorCode> {
        Exchange::read(&Params::parse(text.as_bytes()).unwrap()).map_err(|e| e.code)
    }

    #[test]
    fn requests_are_read_or_refused_by_name() {
        use ErrorCode::{InvalidRequest, UnsupportedGrantType};
        assert!(read("grant_type=authorization_code&code=a&redirect_uri=b").is_ok());
        for (text, code) in [
            ("code=a&redirect_uri=b", InvalidRequest),
            ("grant_type=authorization_code&redirect_uri=b", InvalidRequest),
            ("grant_type=authorization_code&code=a", InvalidRequest),
            ("grant_type=authorization_code&code=a&code=a&redirect_uri=b", InvalidRequest),
            ("grant_type=password&username=a&password=b", UnsupportedGrantType),
            ("grant_type=refresh_token&refresh_token=a", UnsupportedGrantType),
            ("grant_type=Authorization_Code&code=a&redirect_uri=b", UnsupportedGrantType),
        ] {
            assert_eq!(read(text), Err(code), "{text}");
        }
    }
}
