//! What a person authorized a client to do.

use domain::{AccountId, Acr, ClientId, GrantId, SessionId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::OAuthError;
use crate::claims::OFFLINE_ACCESS;

/// What a person authorized: all that tokens say. Short names, because codes hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// The grant that tokens hang on.
    #[serde(rename = "g")]
    pub grant: GrantId,
    /// To whom.
    #[serde(rename = "c")]
    pub client: ClientId,
    /// Who signed in.
    #[serde(rename = "a")]
    pub account: AccountId,
    /// In which browser session.
    #[serde(rename = "s")]
    pub session: SessionId,
    /// When they proved who they are.
    #[serde(rename = "t")]
    pub auth_time: Timestamp,
    /// How well.
    #[serde(rename = "l")]
    pub acr: Acr,
    /// By which methods.
    #[serde(rename = "m")]
    pub amr: Vec<String>,
    /// Granted scopes, space-separated.
    #[serde(rename = "o")]
    pub scope: String,
    /// Claims asked for in the ID token.
    #[serde(rename = "i", default, skip_serializing_if = "Vec::is_empty")]
    pub id_token_claims: Vec<String>,
    /// Claims asked for from userinfo beyond the scopes.
    #[serde(rename = "u", default, skip_serializing_if = "Vec::is_empty")]
    pub userinfo_claims: Vec<String>,
    /// Resource indicators (RFC 8707) that tokens may be for; none: the issuer itself.
    #[serde(rename = "x", default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
}

impl Authorization {
    /// Whether this scope was granted.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|granted| granted == scope)
    }

    /// Whether refresh tokens belong to it.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.has_scope(OFFLINE_ACCESS)
    }

    /// The same with less: these scopes (all when none is named) and these resources (all when none is named). Both can
    /// only shrink (RFC 6749 §6, RFC 8707 §2.2, SEC-125). The order of granted scopes stays.
    ///
    /// # Errors
    /// `invalid_scope` and `invalid_target` for more than was granted.
    pub fn narrowed(&self, scope: Option<&str>, resources: &[String]) -> Result<Self, OAuthError> {
        let mut narrowed = self.clone();
        if let Some(wanted) = scope {
            if !wanted.split(' ').filter(|word| !word.is_empty()).all(|word| self.has_scope(word)) {
                return Err(super::MORE_SCOPE);
            }
            let kept = self.scope.split(' ').filter(|granted| wanted.split(' ').any(|word| word == *granted));
            narrowed.scope = kept.collect::<Vec<_>>().join(" ");
            if narrowed.scope.is_empty() {
                return Err(super::NO_SCOPE);
            }
        }
        if !resources.is_empty() {
            if !resources.iter().all(|wanted| self.resources.contains(wanted)) {
                return Err(super::MORE_TARGETS);
            }
            narrowed.resources.retain(|granted| resources.contains(granted));
        }
        Ok(narrowed)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::ErrorCode;

    pub(crate) fn authorization() -> Authorization {
        Authorization {
            grant: GrantId::from_random([1; 16]),
            client: "shop".parse().unwrap(),
            account: AccountId::from_random([2; 16]),
            session: SessionId::from_random([3; 16]),
            auth_time: Timestamp::from_seconds(900),
            acr: Acr::Qr,
            amr: vec!["pwd".to_owned()],
            scope: "openid".to_owned(),
            id_token_claims: Vec::new(),
            userinfo_claims: Vec::new(),
            resources: Vec::new(),
        }
    }

    #[test]
    fn sec_125_scope_and_resources_only_shrink() {
        let all = Authorization {
            scope: "openid email offline_access".to_owned(),
            resources: vec!["https://a.example".to_owned(), "https://b.example".to_owned()],
            ..authorization()
        };
        assert!(all.is_offline());
        let scope = |wanted| all.narrowed(wanted, &[]).map(|less| less.scope).map_err(|e| e.code);
        assert_eq!(scope(None).unwrap(), all.scope);
        assert_eq!(scope(Some("email openid")).unwrap(), "openid email");
        assert_eq!(scope(Some(" email")).unwrap(), "email");
        for more in ["openid profile", "openid Email", "emai", " "] {
            assert_eq!(scope(Some(more)), Err(ErrorCode::InvalidScope), "{more}");
        }
        let targets = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|w| (*w).to_owned()).collect();
            all.narrowed(None, &wanted).map(|less| less.resources).map_err(|e| e.code)
        };
        assert_eq!(targets(&[]).unwrap(), all.resources);
        assert_eq!(targets(&["https://b.example"]).unwrap(), ["https://b.example"]);
        assert_eq!(targets(&["https://c.example"]), Err(ErrorCode::InvalidTarget));
        assert_eq!(targets(&["https://a.example", "https://a.example/"]), Err(ErrorCode::InvalidTarget));
    }
}
