//! What people say about themselves: custom claims whose definition lets their owner set them.
//!
//! Owns: which those are, and changing them. Not here: their forms (`web-account`), what a definition may be
//! (`domain::claim_definition`), what administrators edit (`edit`).

use app::{Change, Refusal, Visitor, audit, notices};
use domain::claim_definition::ClaimEditor;
use domain::{AccountId, AuditEntry, AuditEvent, ClaimDefinition, NoticeBy, NoticeKind, Outcome};
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
            work.audit(AuditEntry { account: Some(*account), detail, ..entry }).await?;
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
