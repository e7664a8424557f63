//! What a person is asked to agree to, item by item.
//!
//! Owns: the items of a request (its scopes, and claims asked for by name that no scope of it holds), which of them
//! may be left out, and whether what was agreed to before is enough. Not here: remembering it (`provider`), the page
//! (`web-login`).
//!
//! An item is a text: a scope, or `claim name`. No scope holds a space, so the two cannot be mistaken for each other.

use domain::Client;

use super::request::Request;
use crate::claims::{OFFLINE_ACCESS, scope_of};

const CLAIM: &str = "claim ";

/// The claim that an item is about; none for a scope.
#[must_use]
pub fn claim_of(item: &str) -> Option<&str> {
    item.strip_prefix(CLAIM)
}

/// Whether who agreed to these items agreed to this one: a scope stands for its claims.
#[must_use]
pub fn covers(agreed: &[String], item: &str) -> bool {
    let has = |wanted: &str| agreed.iter().any(|known| known == wanted);
    has(item) || claim_of(item).and_then(scope_of).is_some_and(has)
}

impl Request {
    /// All that is asked for.
    #[must_use]
    pub fn items(&self) -> Vec<String> {
        let mut all = self.scopes.clone();
        for claim in self.id_token_claims.iter().chain(&self.userinfo_claims) {
            let item = format!("{CLAIM}{claim}");
            let is_held = scope_of(claim).is_none_or(|scope| self.scopes.iter().any(|asked| asked == scope));
            if !is_held && !all.contains(&item) {
                all.push(item);
            }
        }
        all
    }

    /// Whether a person may leave this out and agree to the rest: what the client registered as such, access while
    /// the person is away, and claims that are not essential (OpenID Connect Core §5.5.1).
    #[must_use]
    pub fn is_optional(&self, item: &str, client: &Client) -> bool {
        match claim_of(item) {
            Some(claim) => !self.essential_claims.iter().any(|essential| essential == claim),
            None if item == "openid" => false,
            None => {
                item == OFFLINE_ACCESS || client.metadata.optional_scopes.iter().any(|scope| scope == item)
            }
        }
    }

    /// Whether the person has to be asked. `settled` are the items that were agreed to, or left out, before.
    #[must_use]
    pub fn consent_is_due(&self, client: &Client, settled: Option<&[String]>) -> bool {
        if !self.may_remember(client) {
            return true;
        }
        if client.skips_consent {
            return false;
        }
        let Some(settled) = settled else { return true };
        !self.items().iter().all(|item| covers(settled, item))
    }

    /// Leaves out all that is not among what was agreed to (SEC-108).
    pub fn keep_to(&mut self, agreed: &[String]) {
        self.scopes.retain(|scope| scope == "openid" || covers(agreed, scope));
        // What a scope of the request holds goes with that scope.
        let (scopes, held) = (&self.scopes, |claim: &str| covers(agreed, &format!("{CLAIM}{claim}")));
        for claims in [&mut self.id_token_claims, &mut self.userinfo_claims] {
            claims.retain(|claim| {
                scope_of(claim).is_some_and(|scope| scopes.iter().any(|kept| kept == scope)) || held(claim)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::{check, client};

    fn texts(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn asked(scope: &str, claims: &str) -> Request {
        check(&[("scope", scope), ("claims", claims)]).unwrap().request
    }

    const BOTH: &str = r#"{"userinfo":{"name":{"essential":true},"nickname":null,"email":null},
                           "id_token":{"nickname":null}}"#;

    #[test]
    fn claims_are_items_where_no_scope_holds_them() {
        let mut found = asked("openid email", BOTH).items();
        found.sort();
        assert_eq!(found, ["claim name", "claim nickname", "email", "openid"]);
        assert_eq!(asked("openid email profile", BOTH).items(), ["openid", "profile", "email"]);
    }

    #[test]
    fn what_may_be_left_out() {
        let mut client = client();
        client.metadata.optional_scopes = texts(&["email", "openid"]);
        let request = asked("openid email", BOTH);
        for (item, is_optional) in [
            ("openid", false),
            ("email", true),
            ("profile", false),
            (OFFLINE_ACCESS, true),
            ("claim name", false),
            ("claim nickname", true),
        ] {
            assert_eq!(request.is_optional(item, &client), is_optional, "{item}");
        }
    }

    #[test]
    fn a_scope_stands_for_its_claims_and_not_the_other_way_round() {
        assert!(covers(&texts(&["profile"]), "claim name") && covers(&texts(&["claim name"]), "claim name"));
        assert!(
            !covers(&texts(&["claim name"]), "profile") && !covers(&texts(&["claim name"]), "claim nickname")
        );
        assert!(!covers(&texts(&["email"]), "claim name") && !covers(&[], "openid"));
    }

    #[test]
    fn sec_108_only_what_was_agreed_to_is_kept() {
        for (agreed, scopes, id_token, userinfo) in [
            (&["openid", "email", "claim name", "claim nickname"][..], &["openid", "email"][..], 1, 3),
            (&["openid", "email", "claim name"], &["openid", "email"], 0, 2),
            (&["openid", "claim name", "claim nickname"], &["openid"], 1, 2),
            (&["openid", "claim email"], &["openid"], 0, 1),
            (&["openid"], &["openid"], 0, 0),
            (&[], &["openid"], 0, 0),
        ] {
            let mut request = asked("openid email", BOTH);
            request.keep_to(&texts(agreed));
            assert_eq!(request.scopes, scopes, "{agreed:?}");
            let claims = (request.id_token_claims.len(), request.userinfo_claims.len());
            assert_eq!(claims, (id_token, userinfo), "{agreed:?}");
        }
    }

    #[test]
    fn sec_108_claims_agreed_to_by_name_are_no_consent_to_their_scope() {
        let mut client = client();
        client.auth_method = domain::ClientAuthMethod::ClientSecretBasic;
        client.skips_consent = false;
        let by_name = asked("openid", r#"{"userinfo":{"name":null}}"#);
        let settled = by_name.items();
        assert!(!by_name.consent_is_due(&client, Some(&settled)));
        assert!(asked("openid profile", "{}").consent_is_due(&client, Some(&settled)));
        assert!(!by_name.consent_is_due(&client, Some(&texts(&["openid", "profile"]))));
        assert!(by_name.consent_is_due(&client, Some(&texts(&["openid"]))));
        assert!(by_name.consent_is_due(&client, None));
    }
}
