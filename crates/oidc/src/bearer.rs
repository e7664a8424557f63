//! Bearer tokens in requests to a protected resource (RFC 6750).
//!
//! Owns: finding the one token. Not here: whether it is good (`provider::userinfo`).

use crate::{OAuthError, Params};

/// How a token was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 6750: whoever has it.
    Bearer,
    /// RFC 9449 §7.1: with a proof.
    Dpop,
}

/// A token as it was presented.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Presented<'r> {
    /// The token.
    pub token: &'r str,
    /// How.
    pub scheme: Scheme,
}

impl std::fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Presented({:?})", self.scheme)
    }
}

/// Finds the access token of a request to userinfo: in the `Authorization` header, or in a form body. A
/// token in the query is refused (RFC 9700 §4.3.2), so is more than one. Schemes compare without case
/// (RFC 9110 §11.1).
///
/// # Errors
/// `invalid_request` for a token in a wrong or in two places. No token at all is `Ok(None)`: the answer to
/// that names no error (RFC 6750 §3.1).
pub fn token<'r>(
    authorization: Option<&'r str>,
    query: &Params,
    body: Option<&'r Params>,
) -> Result<Option<Presented<'r>>, OAuthError> {
    if query.is_repeated("access_token") || query.get("access_token").is_some() {
        return Err(OAuthError::invalid_request("An access token does not belong in the query"));
    }
    let header = match authorization {
        None => None,
        Some(value) => {
            let (scheme, token) = value.split_once(' ').ok_or(NO_SCHEME)?;
            let scheme = match scheme {
                bearer if bearer.eq_ignore_ascii_case("bearer") => Scheme::Bearer,
                dpop if dpop.eq_ignore_ascii_case("dpop") => Scheme::Dpop,
                _ => return Err(NO_SCHEME),
            };
            Some(Presented { token: token.trim(), scheme })
        }
    };
    if body.is_some_and(|body| body.is_repeated("access_token")) {
        return Err(OAuthError::invalid_request("access_token comes more than once"));
    }
    let form = body.and_then(|body| body.get("access_token"));
    let form = form.map(|token| Presented { token, scheme: Scheme::Bearer });
    match (header, form) {
        (Some(_), Some(_)) => Err(OAuthError::invalid_request("The access token comes in two places")),
        (Some(one), None) | (None, Some(one)) if is_b64token(one.token) => Ok(Some(one)),
        (None, None) => Ok(None),
        _ => Err(OAuthError::invalid_request("The access token is malformed")),
    }
}

const NO_SCHEME: OAuthError =
    OAuthError::invalid_request("The authorization scheme is neither Bearer nor DPoP");

/// `b64token` of RFC 6750 §2.1.
fn is_b64token(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    !body.is_empty()
        && body
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_from_one_place() {
        let none = Params::default();
        let form: Params = [("access_token", "form")].into_iter().collect();
        let by = |token, scheme| Ok(Some(Presented { token, scheme }));
        assert_eq!(token(Some("Bearer a.b"), &none, None), by("a.b", Scheme::Bearer));
        assert_eq!(token(Some("bEARER a.b"), &none, Some(&none)), by("a.b", Scheme::Bearer));
        for scheme in ["DPoP", "dpop", "DPOP"] {
            assert_eq!(token(Some(&format!("{scheme} a.b")), &none, None), by("a.b", Scheme::Dpop));
        }
        assert_eq!(token(None, &none, Some(&form)), by("form", Scheme::Bearer));
        assert_eq!(token(None, &none, None), Ok(None));
        assert!(token(Some("Bearer a"), &none, Some(&form)).is_err());
        assert!(token(None, &form, None).is_err());
        assert!(token(Some("Basic abc"), &none, None).is_err());
        assert!(token(Some("Bearer"), &none, None).is_err());
        assert!(token(Some("Bearer a b"), &none, None).is_err());
        assert!(token(Some("Bearer ="), &none, None).is_err());
    }
}
