//! Questions about tokens, and tokens given back (RFC 7662, RFC 7009, RFC 9701): the wire.
//!
//! Owns: reading the token of such a request, and the members of the answer. Not here: whether a token is good and
//! who may know (`provider::introspection`).

use serde::Serialize;
use serde_json::{Value, json};

use crate::claims::{AccessToken, Audience, Confirmation};
use crate::{OAuthError, Params};

/// The media type of signed answers (RFC 9701 §4).
pub const MEDIA_TYPE: &str = "application/token-introspection+jwt";
/// Their `typ` (RFC 9701 §5).
pub const TYPE: &str = "token-introspection+jwt";

/// The token that a request is about. `token_type_hint` is only a hint and not needed.
///
/// # Errors
/// `invalid_request` when it is missing, or a parameter comes twice.
pub fn token(params: &Params) -> Result<&str, OAuthError> {
    if params.has_repeated() {
        return Err(OAuthError::invalid_request("A parameter comes more than once"));
    }
    params.get("token").ok_or(OAuthError::invalid_request("token is missing"))
}

/// What is told of a token that is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Issuer.
    pub iss: String,
    /// Subject, as the token's client knows it.
    pub sub: String,
    /// Where it is taken.
    pub aud: Audience,
    /// For whom it was made.
    pub client_id: String,
    /// Scopes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// How it is presented: `Bearer` or `DPoP`; absent for refresh tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<&'static str>,
    /// Ends, in seconds since 1970.
    pub exp: i64,
    /// Made, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The person proved who they are, in seconds since 1970 (RFC 9470 §6.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// Class (RFC 9470 §6.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// The key it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            iss: String::new(),
            sub: String::new(),
            aud: Audience::Many(Vec::new()),
            client_id: String::new(),
            scope: String::new(),
            token_type: None,
            exp: 0,
            iat: None,
            jti: None,
            auth_time: None,
            acr: None,
            cnf: None,
        }
    }
}

impl Told {
    /// What an access token says of itself.
    #[must_use]
    pub fn of_access(claims: &AccessToken) -> Self {
        Self {
            iss: claims.iss.clone(),
            sub: claims.sub.clone(),
            aud: claims.aud.clone(),
            client_id: claims.client_id.clone(),
            scope: claims.scope.clone(),
            token_type: Some(if claims.cnf.is_some() { "DPoP" } else { "Bearer" }),
            exp: claims.exp,
            iat: Some(claims.iat),
            jti: Some(claims.jti.clone()),
            auth_time: claims.auth_time,
            acr: claims.acr.clone(),
            cnf: claims.cnf.clone(),
        }
    }
}

#[derive(Serialize)]
struct Active<'a> {
    active: bool,
    #[serde(flatten)]
    told: &'a Told,
}

/// The answer (RFC 7662 §2.2); of a token that is not good nothing is told but that.
#[must_use]
pub fn answer(told: Option<&Told>) -> Value {
    told.and_then(|told| serde_json::to_value(Active { active: true, told }).ok())
        .unwrap_or_else(|| json!({ "active": false }))
}

/// The claims of a signed answer (RFC 9701 §5).
#[must_use]
pub fn signed(issuer: &str, to: &str, now: i64, told: Option<&Told>) -> Value {
    json!({ "iss": issuer, "aud": to, "iat": now, "token_introspection": answer(told) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_token_that_is_not_good_nothing_is_told() {
        assert_eq!(answer(None), json!({"active": false}));
        assert_eq!(
            signed("https://id.example", "api", 9, None),
            json!({"iss": "https://id.example", "aud": "api", "iat": 9,
                   "token_introspection": {"active": false}})
        );
    }

    #[test]
    fn what_is_told_is_what_the_token_says() {
        let told = Told {
            iss: "https://id.example".to_owned(),
            sub: "acc".to_owned(),
            aud: Audience::One("https://api.example".to_owned()),
            client_id: "shop".to_owned(),
            exp: 5,
            cnf: Some(Confirmation { jkt: "k".to_owned() }),
            ..Told::default()
        };
        assert_eq!(
            answer(Some(&told)),
            json!({"active": true, "iss": "https://id.example", "sub": "acc", "aud": "https://api.example",
                   "client_id": "shop", "exp": 5, "cnf": {"jkt": "k"}})
        );
    }

    #[test]
    fn a_request_is_about_one_token() {
        let params: Params = [("token", "a"), ("token_type_hint", "nonsense")].into_iter().collect();
        assert_eq!(token(&params), Ok("a"));
        let twice: Params = [("token", "a"), ("token", "a")].into_iter().collect();
        assert!(token(&twice).is_err() && token(&Params::default()).is_err());
    }
}
