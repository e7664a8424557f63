//! Claims that are kept of people: which may be, and the operator's own definitions.
//!
//! Owns: checking claims, defining and removing custom ones. Not here: what a definition may be
//! (`domain::claim_definition`), who is told which claim (`oidc::claims`).

use app::{Change, Mandate, Refusal};
use domain::claim_definition::{PROTOCOL_CLAIMS, STANDARD_CLAIMS};
use domain::{AuditEntry, AuditEvent, ClaimDefinition, Outcome};
use serde_json::{Map, Value};

use crate::Registry;
use crate::groups::is_seen;

const TEXT_CLAIMS: &[&str] = &[
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "email",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
];
const LONGEST_CLAIMS: usize = 16 * 1024;
const DEEPEST_CLAIM: usize = 8;
/// Definitions at most.
const MOST_DEFINITIONS: usize = 200;

impl Registry {
    /// The claims that are defined, each with its version.
    ///
    /// # Errors
    /// The store.
    pub async fn claim_definitions(&self) -> Result<Vec<(ClaimDefinition, u32)>, Refusal> {
        Ok(self.app.store().read().await?.decided().await?.claims)
    }

    /// Defines a claim, or changes its definition in place of version `seen` (none: whatever it is). Answers its version.
    /// Values that accounts have stay, whatever they are; the next edit of one has to fit.
    ///
    /// # Errors
    /// `Invalid` names the field; `Outdated`.
    pub async fn define_claim(
        &self,
        by: &Mandate,
        definition: &ClaimDefinition,
        seen: Option<u32>,
    ) -> Result<u32, Refusal> {
        definition.check().map_err(|bad| Refusal::Invalid { field: bad.field, why: bad.why })?;
        let all = self.claim_definitions().await?;
        let before = all.iter().find(|(known, _)| known.name == definition.name);
        if before.is_none() && all.len() >= MOST_DEFINITIONS {
            return Err(Refusal::Invalid {
                field: "name",
                why: "is one claim more than the 200 that may be defined",
            });
        }
        let version = before.map_or(0, |(_, version)| *version);
        is_seen(version, seen)?;
        if before.is_some_and(|(known, _)| known == definition) {
            return Ok(version);
        }
        let now = self.app.now();
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            if !work.define_claim(definition, version, now).await? {
                return Err(outdated(&mut *work, &definition.name).await);
            }
            let entry = AuditEntry {
                detail: Some(definition.name.clone()),
                ..by.entry(AuditEvent::ClaimDefined, Outcome::Done, now)
            };
            work.audit(entry).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.app.tell(Change::Policies).await;
        tracing::info!(claim = definition.name, "Claim defined");
        Ok(version + 1)
    }

    /// Removes a claim's definition: it is told to nobody any more. Values that accounts have stay until they are edited.
    ///
    /// # Errors
    /// `NotFound`; `Outdated`.
    pub async fn remove_claim(&self, by: &Mandate, name: &str, seen: Option<u32>) -> Result<(), Refusal> {
        let all = self.claim_definitions().await?;
        let (_, version) = all.iter().find(|(known, _)| known.name == name).ok_or(Refusal::NotFound)?;
        is_seen(*version, seen)?;
        let now = self.app.now();
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            if !work.remove_claim(name, *version).await? {
                return Err(outdated(&mut *work, name).await);
            }
            let entry = AuditEntry {
                detail: Some(name.to_owned()),
                ..by.entry(AuditEvent::ClaimRemoved, Outcome::Done, now)
            };
            work.audit(entry).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.app.tell(Change::Policies).await;
        tracing::info!(claim = name, "Claim removed");
        Ok(())
    }
}

/// Asked in the unit: what made it older may not be on disk yet.
async fn outdated(work: &mut dyn store::Work, name: &str) -> Refusal {
    match work.decided().await {
        Ok(decided) => {
            let found = decided.claims.iter().find(|(known, _)| known.name == name);
            Refusal::Outdated { current: found.map_or(0, |(_, version)| i64::from(*version)) }
        }
        Err(why) => why.into(),
    }
}

/// Whether the claims named in `touched` are of OpenID Connect or defined, with a value that fits: for what is set from
/// outside. What an account has from earlier is not looked at.
pub(crate) fn check_defined<'a>(
    touched: impl IntoIterator<Item = (&'a String, &'a Value)>,
    definitions: &[ClaimDefinition],
) -> Result<(), Refusal> {
    for (name, value) in touched {
        if name == "groups" {
            return refuse("names groups, which come from the groups that the person is in");
        }
        if STANDARD_CLAIMS.contains(&name.as_str()) || PROTOCOL_CLAIMS.contains(&name.as_str()) {
            continue;
        }
        let definition = definitions.iter().find(|known| known.name == *name);
        let Some(definition) = definition else { return refuse("names a claim that is not defined") };
        if let Err(why) = definition.check_value(value) {
            return refuse(why);
        }
    }
    Ok(())
}

fn refuse<T>(why: &'static str) -> Result<T, Refusal> {
    Err(Refusal::Invalid { field: "claims", why })
}

/// Whether these claims may be kept of an account.
pub(crate) fn check_claims(claims: &Map<String, Value>) -> Result<(), Refusal> {
    for (name, value) in claims {
        if PROTOCOL_CLAIMS.contains(&name.as_str()) {
            return refuse("names a claim that only the provider makes, such as sub or iss");
        }
        if name.is_empty() || name.len() > 100 || !name.chars().all(domain::text::is_plain) {
            return refuse("has a claim name that is empty, too long or not plain");
        }
        if depth(value) > DEEPEST_CLAIM {
            return refuse("is nested too deeply");
        }
        if TEXT_CLAIMS.contains(&name.as_str()) && !value.as_str().is_some_and(is_showable) {
            return refuse("has a claim that has to be one line of text and is not");
        }
        if matches!(name.as_str(), "email_verified" | "phone_number_verified") && !value.is_boolean() {
            return refuse("has email_verified or phone_number_verified that is neither true nor false");
        }
        if name == "address" && !value.is_object() {
            return refuse("has an address that is not an object (OpenID Connect Core §5.1.1)");
        }
    }
    if let Some(email) = claims.get("email").and_then(Value::as_str)
        && !is_email(email)
    {
        return Err(Refusal::Invalid { field: "email", why: "is no mail address" });
    }
    let size = serde_json::to_vec(claims).map_or(usize::MAX, |bytes| bytes.len());
    if size > LONGEST_CLAIMS {
        return refuse("is larger than 16 kB");
    }
    Ok(())
}

fn is_showable(text: &str) -> bool {
    domain::text::plain_line(text, 1000).is_ok()
}

fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    text.len() <= 254
        && !local.is_empty()
        && local.len() <= 64
        && !host.is_empty()
        && !text.contains(char::is_whitespace)
        && text.chars().all(domain::text::is_plain)
        && !host.starts_with('.')
        && !host.ends_with('.')
        && !local.contains('@')
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: &Value) -> Result<(), Refusal> {
        check_claims(value.as_object().unwrap())
    }

    #[test]
    fn sec_127_an_account_cannot_hold_protocol_claims() {
        for name in PROTOCOL_CLAIMS {
            let mut claims = Map::new();
            claims.insert((*name).to_owned(), json!("x"));
            assert!(check_claims(&claims).is_err(), "{name}");
        }
    }

    #[test]
    fn claims_have_the_types_of_the_specification() {
        assert!(check(&json!({"name": "Ada", "email": "ada@example.org", "email_verified": true})).is_ok());
        assert!(check(&json!({"groups": ["a", "b"], "address": {"locality": "Berlin"}})).is_ok());
        for bad in [
            json!({"name": 7}),
            json!({"name": "a\u{202E}b"}),
            json!({"email": "nobody"}),
            json!({"email": "a b@example.org"}),
            json!({"email_verified": "yes"}),
            json!({"address": "Berlin"}),
            json!({"": 1}),
            json!({"x": [[[[[[[[1]]]]]]]]}),
            json!({"x": "y".repeat(17_000)}),
        ] {
            assert!(check(&bad).is_err(), "{bad}");
        }
    }
}
