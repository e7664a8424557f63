//! Reading a token request.

use crate::{ErrorCode, OAuthError, Params};

/// Resource indicators in one request at most.
const MAX_RESOURCES: usize = 10;

/// What the client wants tokens for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchange {
    /// `authorization_code`.
    Code(CodeExchange),
    /// `refresh_token`.
    Refresh(RefreshExchange),
    /// `client_credentials`.
    Client(ClientExchange),
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
    /// Resource indicators (RFC 8707 §2.2).
    pub resources: Vec<String>,
}

/// A refresh token to be spent (RFC 6749 §6).
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshExchange {
    /// The token as it came.
    pub token: String,
    /// Fewer scopes.
    pub scope: Option<String>,
    /// Fewer resources.
    pub resources: Vec<String>,
}

/// The client for itself (RFC 6749 §4.4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientExchange {
    /// Scopes.
    pub scope: Option<String>,
    /// Resources.
    pub resources: Vec<String>,
}

impl std::fmt::Debug for CodeExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CodeExchange({})", self.redirect_uri)
    }
}

impl std::fmt::Debug for RefreshExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshExchange(…)")
    }
}

impl Exchange {
    /// Reads the request.
    ///
    /// # Errors
    /// `invalid_request` for missing or repeated parameters, `unsupported_grant_type`, `invalid_target`.
    pub fn read(params: &Params) -> Result<Self, OAuthError> {
        // RFC 8707 §2: the one parameter that may come several times.
        if params.has_repeated_but("resource") {
            return Err(OAuthError::invalid_request("A parameter comes more than once"));
        }
        match params.get("grant_type") {
            Some("authorization_code") => Ok(Self::Code(CodeExchange {
                code: needed(params, "code", "code is missing")?,
                redirect_uri: needed(params, "redirect_uri", "redirect_uri is missing")?,
                verifier: params.get("code_verifier").map(str::to_owned),
                resources: resources(params)?,
            })),
            Some("refresh_token") => Ok(Self::Refresh(RefreshExchange {
                token: needed(params, "refresh_token", "refresh_token is missing")?,
                scope: params.get("scope").map(str::to_owned),
                resources: resources(params)?,
            })),
            Some("client_credentials") => Ok(Self::Client(ClientExchange {
                scope: params.get("scope").map(str::to_owned),
                resources: resources(params)?,
            })),
            None => Err(OAuthError::invalid_request("grant_type is missing")),
            Some(_) => {
                Err(OAuthError::new(ErrorCode::UnsupportedGrantType, "This grant_type is not supported"))
            }
        }
    }
}

fn needed(params: &Params, name: &str, missing: &'static str) -> Result<String, OAuthError> {
    params.get(name).map(str::to_owned).ok_or(OAuthError::invalid_request(missing))
}

/// The resource indicators of a request, each once.
fn resources(params: &Params) -> Result<Vec<String>, OAuthError> {
    let mut resources: Vec<String> = Vec::new();
    for resource in params.all("resource") {
        if !resources.iter().any(|known| known == resource) {
            resources.push(resource.to_owned());
        }
    }
    if resources.len() > MAX_RESOURCES {
        return Err(OAuthError::new(ErrorCode::InvalidTarget, "There are too many resources"));
    }
    Ok(resources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Exchange, ErrorCode> {
        Exchange::read(&Params::parse(text.as_bytes()).unwrap()).map_err(|e| e.code)
    }

    #[test]
    fn requests_are_read_or_refused_by_name() {
        use ErrorCode::{InvalidRequest, InvalidTarget, UnsupportedGrantType};
        assert!(read("grant_type=authorization_code&code=a&redirect_uri=b").is_ok());
        assert!(read("grant_type=refresh_token&refresh_token=a").is_ok());
        assert!(read("grant_type=client_credentials").is_ok());
        let many: String = (0..11).map(|n| format!("&resource=https://{n}.example")).collect();
        for (text, code) in [
            ("code=a&redirect_uri=b", InvalidRequest),
            ("grant_type=authorization_code&redirect_uri=b", InvalidRequest),
            ("grant_type=authorization_code&code=a", InvalidRequest),
            ("grant_type=authorization_code&code=a&code=a&redirect_uri=b", InvalidRequest),
            ("grant_type=refresh_token", InvalidRequest),
            ("grant_type=refresh_token&refresh_token=a&scope=a&scope=a", InvalidRequest),
            ("grant_type=password&username=a&password=b", UnsupportedGrantType),
            ("grant_type=Authorization_Code&code=a&redirect_uri=b", UnsupportedGrantType),
            (&format!("grant_type=client_credentials{many}"), InvalidTarget),
        ] {
            assert_eq!(read(text), Err(code), "{text}");
        }
    }

    #[test]
    fn resources_come_several_times_and_count_once() {
        let text = "grant_type=client_credentials&resource=https://a.example&resource=&resource=https://b.example\
                    &resource=https://a.example";
        let Ok(Exchange::Client(asked)) = read(text) else { panic!("not read") };
        assert_eq!(asked.resources, ["https://a.example", "https://b.example"]);
    }

    proptest! {
        /// Whatever is sent, what comes out is what was sent, or nothing.
        #[test]
        fn a_request_is_read_as_it_was_sent(
            fields in proptest::collection::vec(
                ("grant_type|code|redirect_uri|refresh_token|scope|code_verifier|resource",
                 "authorization_code|refresh_token|client_credentials|[ -~]{0,20}"), 0..8)
        ) {
            let params: Params = fields.iter().cloned().collect();
            let sent = |name: &str| fields.iter().filter(|(n, _)| n == name).count();
            let value = |name: &str| params.get(name).map(str::to_owned);
            match Exchange::read(&params) {
                Ok(Exchange::Code(asked)) => {
                    prop_assert_eq!(Some(asked.code), value("code"));
                    prop_assert_eq!(Some(asked.redirect_uri), value("redirect_uri"));
                    prop_assert_eq!(asked.verifier, value("code_verifier"));
                }
                Ok(Exchange::Refresh(asked)) => {
                    prop_assert_eq!(Some(asked.token), value("refresh_token"));
                    prop_assert_eq!(asked.scope, value("scope"));
                }
                Ok(Exchange::Client(asked)) => prop_assert_eq!(asked.scope, value("scope")),
                Err(error) => prop_assert!(error.is_well_formed()),
            }
            if ["grant_type", "code", "scope"].iter().any(|name| sent(name) > 1) {
                prop_assert!(Exchange::read(&params).is_err());
            }
        }
    }
}
