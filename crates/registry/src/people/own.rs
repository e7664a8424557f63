//! What people say about themselves: custom claims whose definition lets their owner set them.
//!
//! Owns: which those are, and changing them. Not here: their forms (`web-account`), what a definition may be
//! (`domain::claim_definition`), what administrators edit (`edit`).

use app::{Change, Refusal, Visitor, audit, notices};
use domain::claim_definition::ClaimEditor;
use domain::{AccountId, Actor, AuditEntry, AuditEvent, ClaimDefinition, NoticeBy, NoticeKind, Outcome};
use serde_json::{Map, Value};

use crate::Registry;
use crate::claims::{check_claims, check_defined};
use crate::groups::is_seen;
use crate::people::edit::set;

/// What a person may set themselves.
#[derive(Debug, Clone)]
pub struct OwnClaims {
    /// The version of the account that was looked at.
    pub version: u32,
    /// Each claim, and its value where it has one.
    pub claims: Vec<(ClaimDefinition, Option<Value>)>,
    /// Claims that administrators defined and set, for their owner to see: those with a value.
    pub others: Vec<(ClaimDefinition, Value)>,
}

impl Registry {
    /// The claims that this person may set, and those that they may only see.
    ///
    /// # Errors
    /// `NotFound`; the store.
    pub async fn own_claims(&self, account: &AccountId) -> Result<OwnClaims, Refusal> {
        let definitions = &self.app.policies().now().await?.claims;
        let person = self.person(account).await?;
        let mut held = person.account.claims;
        let mut own = OwnClaims { version: person.version, claims: Vec::new(), others: Vec::new() };
        for definition in definitions.iter().cloned() {
            let value = held.remove(&definition.name);
            match (definition.edited_by, value) {
                (ClaimEditor::Owner, value) => own.claims.push((definition, value)),
                (ClaimEditor::Admin, Some(value)) => own.others.push((definition, value)),
                (ClaimEditor::Admin, None) => {}
            }
        }
        Ok(own)
    }

    /// A person sets claims of their own, in place of version `seen` of the account; null takes one away. They are told:
    /// relying parties may decide by what stands there.
    ///
    /// # Errors
    /// `NotFound`; `Outdated`; `Invalid` for a claim that its owner may not set, or a value that does not fit.
    pub async fn set_own_claims(
        &self,
        account: &AccountId,
        claims: Map<String, Value>,
        seen: u32,
        visitor: &Visitor,
    ) -> Result<(), Refusal> {
        let definitions = &self.app.policies().now().await?.claims;
        let is_theirs = |name: &String| {
            definitions.iter().any(|known| known.name == *name && known.edited_by == ClaimEditor::Owner)
        };
        if !claims.keys().all(is_theirs) {
            let why = "names a claim that its owner may not set";
            return Err(Refusal::Invalid { field: "claims", why });
        }
        check_defined(claims.iter().filter(|(_, value)| !value.is_null()), definitions)?;
        let before = self.person(account).await?;
        is_seen(before.version, Some(seen))?;
        let mut changed = before.account.clone();
        for (name, value) in claims {
            set(&mut changed.claims, &name, value);
        }
        check_claims(&changed.claims)?;
        let names = super::edit::changed(&before, &changed);
        if names.is_empty() {
            return Ok(());
        }
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            if !work.edit_account(&changed, before.version, now).await? {
                // Asked inside: what made it older may not be on disk yet.
                let current = work.person(account).await?.ok_or(Refusal::NotFound)?.version;
                return Err(Refusal::Outdated { current: i64::from(current) });
            }
            let entry = audit::by(visitor, AuditEvent::AccountChanged, Outcome::Done, now);
            let detail = audit::detail(&names.join(", "));
            let actor = Some(Actor::Account(*account));
            work.audit(AuditEntry { account: Some(*account), actor, detail, ..entry }).await?;
            let kind = NoticeKind::ProfileChanged { by: NoticeBy::Owner };
            notices::post(&self.app, &mut *work, &changed, kind, now).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.app.tell(Change::Account(*account)).await;
        tracing::info!(account.id = %account, "Claims set by their owner");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use domain::{AuditFilter, ClaimKind, ClaimLimits, ClientAddress, UserAgent};
    use serde_json::json;

    use super::*;
    use crate::tests::registry;
    use crate::users::NewUser;

    fn claim(name: &str, edited_by: ClaimEditor) -> ClaimDefinition {
        ClaimDefinition {
            name: name.to_owned(),
            kind: ClaimKind::Text,
            scope: None,
            labels: std::collections::BTreeMap::new(),
            edited_by,
            limits: ClaimLimits { longest: Some(10), ..ClaimLimits::default() },
        }
    }

    fn members(value: Value) -> Map<String, Value> {
        let Value::Object(members) = value else { panic!("no object: {value}") };
        members
    }

    #[tokio::test]
    async fn owners_set_what_is_theirs_within_its_limits_and_nothing_else() {
        let registry = registry().await;
        let by = app::Mandate::operator();
        for definition in [claim("nick", ClaimEditor::Owner), claim("rank", ClaimEditor::Admin)] {
            registry.define_claim(&by, &definition, None).await.unwrap();
        }
        let claims = members(json!({"rank": "first", "nick": "Al"}));
        let ada = NewUser { username: "ada".to_owned(), claims, ..NewUser::default() };
        let ada = registry.create_user(ada).await.unwrap().id;
        let visitor = Visitor {
            browser: None,
            session: None,
            known: None,
            address: ClientAddress(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)),
            agent: UserAgent::default(),
        };
        let own = registry.own_claims(&ada).await.unwrap();
        assert_eq!(own.claims.len(), 1);
        assert_eq!((&own.claims[0].1, &own.others[0].1), (&Some(json!("Al")), &json!("first")));
        let set =
            async |claims: Value, seen| registry.set_own_claims(&ada, members(claims), seen, &visitor).await;
        for foreign in ["rank", "email", "groups", "sub", "unknown"] {
            let refused = set(json!({foreign: "x"}), own.version).await;
            assert!(
                matches!(refused, Err(Refusal::Invalid { field: "claims", .. })),
                "{foreign}: {refused:?}"
            );
        }
        for bad in [json!("longer than ten"), json!(7), json!("a\nb")] {
            let refused = set(json!({"nick": bad}), own.version).await;
            assert!(matches!(refused, Err(Refusal::Invalid { field: "claims", .. })), "{refused:?}");
        }
        set(json!({"nick": "Countess"}), own.version).await.unwrap();
        let late = set(json!({"nick": "Late"}), own.version).await;
        assert_eq!(late, Err(Refusal::Outdated { current: i64::from(own.version) + 1 }));
        let now = registry.own_claims(&ada).await.unwrap();
        assert_eq!((&now.claims[0].1, &now.others[0].1), (&Some(json!("Countess")), &json!("first")));
        // What is the same already is no change; null takes it away.
        set(json!({"nick": "Countess"}), now.version).await.unwrap();
        set(json!({"nick": null}), now.version).await.unwrap();
        assert_eq!(registry.own_claims(&ada).await.unwrap().claims[0].1, None);
        let trail = registry.audit_trail(&AuditFilter::default(), 0, 100).await.unwrap();
        let told: Vec<_> = trail
            .iter()
            .map(|kept| &kept.entry)
            .filter(|entry| entry.event == AuditEvent::AccountChanged)
            .collect();
        assert_eq!(told.len(), 2);
        assert!(
            told.iter().all(|entry| entry.account == Some(ada) && entry.detail.as_deref() == Some("nick"))
        );
        assert!(told.iter().all(|entry| entry.actor == Some(Actor::Account(ada))));
        let notices = registry.notices(&ada, None, 10).await.unwrap().items;
        let owners = NoticeKind::ProfileChanged { by: NoticeBy::Owner };
        assert_eq!(notices.iter().filter(|notice| notice.kind == owners).count(), 2);
    }
}
