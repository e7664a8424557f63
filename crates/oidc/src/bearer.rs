//! Bearer tokens in requests to a protected resource (RFC 6750).
//!
//! Owns: finding the one token. Not here: whether it is good (`provider::userinfo`).

use crate::{OAuthError, Params};

/// Finds the access token of a request to userinfo: in the `Authorization` header, or in a form body. A
/// token in the query is refused (RFC 9700 §4.3.2), so is more than one.
///
/// # Errors
/// `invalid_request` for a token in a wrong or in two places. No token at all is `Ok(None)`: the answer to
/// that names no error (RFC 6750 §3.1).
pub fn token<'r>(
    authorization: Option<&'r str>,
    query: &Params,
    body: Option<&'r Params>,
) -> Result<Option<&'r str>, OAuthError> {
    if query.is_repeated("access_token") || query.get("access_token").is_some() {
        return Err(OAuthError::invalid_request("An access token does not belong in the query"));
    }
    let header = match authorization {
        None => None,
        Some(value) => match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token.trim()),
            _ => return Err(OAuthError::invalid_request("The authorization scheme is not Bearer")),
        },
    };
    if body.is_some_and(|body| body.is_repeated("access_token")) {
        return Err(OAuthError::invalid_request("access_token comes more than once"));
    }
    let form = body.and_then(|body| body.get("access_token"));
    match (header, form) {
        (Some(_), Some(_)) => Err(OAuthError::invalid_request("The access token comes in two places")),
        (Some(token), None) | (None, Some(token)) if is_b64token(token) => Ok(Some(token)),
        (None, None) => Ok(None),
        _ => Err(OAuthError::invalid_request("The access token is malformed")),
    }
}

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
        assert_eq!(token(Some("Bearer a.b"), &none, None), Ok(Some("a.b")));
        assert_eq!(token(Some("bEARER a.b"), &none, Some(&none)), Ok(Some("a.b")));
        assert_eq!(token(None, &none, Some(&form)), Ok(Some("form")));
        assert_eq!(token(None, &none, None), Ok(None));
        assert!(token(Some("Bearer a"), &none, Some(&form)).is_err());
        assert!(token(None, &form, None).is_err());
        assert!(token(Some("Basic abc"), &none, None).is_err());
        assert!(token(Some("Bearer"), &none, None).is_err());
        assert!(token(Some("Bearer a b"), &none, None).is_err());
        assert!(token(Some("Bearer ="), &none, None).is_err());
    }
}
