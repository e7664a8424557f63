//! What is decided for everybody, cached for a moment: policies, the wishes of groups, custom claims.
//!
//! Owns: what holds now, and for whom. Not here: changing it (`registry::policies`), obeying it (each use case).

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use domain::{
    Account, ClaimDefinition, DevicePolicy, EnrolmentPolicy, Overrides, PasswordPolicy, Policies, Policy,
    RecoveryPolicy,
};
use store::Store;

use crate::cache::Fresh;
use crate::{Change, Refusal};

/// How long another node's change may stay unseen when its word is lost.
const LIFE: Duration = Duration::from_secs(2);

/// What is decided, as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decisions {
    /// The policies of everybody: as saved, else as configured.
    pub policies: Policies,
    /// The custom claims, by their names.
    pub claims: Vec<ClaimDefinition>,
    overrides: HashMap<String, Overrides>,
}

impl Decisions {
    /// The policy of phones for this person: its groups' wishes count, the stricter of several.
    #[must_use]
    pub fn devices_of(&self, account: &Account) -> DevicePolicy {
        let wishes = self.wishes(account);
        let policy = self.policies.devices.clone();
        DevicePolicy {
            per_user: wishes.per_user.unwrap_or(policy.per_user),
            approval: wishes.approval.unwrap_or(policy.approval),
            ..policy
        }
    }

    /// The policy of passwords for this person.
    #[must_use]
    pub fn passwords_of(&self, account: &Account) -> PasswordPolicy {
        let wishes = self.wishes(account);
        let policy = self.policies.passwords.clone();
        PasswordPolicy { second_factor: wishes.second_factor.unwrap_or(policy.second_factor), ..policy }
    }

    fn wishes(&self, account: &Account) -> Overrides {
        account
            .groups
            .iter()
            .filter_map(|group| self.overrides.get(group))
            .fold(Overrides::default(), |wishes, more| wishes.stricter(*more))
    }
}

/// What is decided for everybody.
pub struct PolicyCache {
    store: Arc<dyn Store>,
    configured: OnceLock<Policies>,
    fresh: Fresh<(), Arc<Decisions>>,
}

impl PolicyCache {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, configured: OnceLock::new(), fresh: Fresh::new(1, LIFE, |_| 1) }
    }

    /// Takes what the configuration says; counts until a policy is saved. Only the first call counts.
    pub fn configure(&self, policies: Policies) {
        let _ = self.configured.set(policies);
    }

    /// What the configuration says.
    #[must_use]
    pub fn configured(&self) -> Policies {
        self.configured.get().cloned().unwrap_or_default()
    }

    /// What is decided now: at most two seconds old, and never older than a change that this node was told of.
    ///
    /// # Errors
    /// The store is unavailable or corrupt.
    pub async fn now(&self) -> Result<Arc<Decisions>, Refusal> {
        if let Some(decisions) = self.fresh.find(&()) {
            return Ok(decisions);
        }
        let mark = self.fresh.mark();
        let decided = self.store.read().await?.decided().await?;
        let mut policies = self.configured();
        for saved in &decided.policies {
            match saved.name.as_str() {
                DevicePolicy::NAME => policies.devices = read(&saved.name, &saved.value)?,
                PasswordPolicy::NAME => policies.passwords = read(&saved.name, &saved.value)?,
                EnrolmentPolicy::NAME => policies.enrolments = read(&saved.name, &saved.value)?,
                RecoveryPolicy::NAME => policies.recovery = read(&saved.name, &saved.value)?,
                // Of a newer node.
                _ => {}
            }
        }
        let decisions = Arc::new(Decisions {
            policies,
            claims: decided.claims.into_iter().map(|(definition, _)| definition).collect(),
            overrides: decided.overrides.into_iter().collect(),
        });
        self.fresh.keep((), Arc::clone(&decisions), vec![Change::Policies], mark);
        Ok(decisions)
    }

    pub(crate) fn drop_what(&self, change: &Change) {
        match change {
            Change::Policies => self.fresh.drop_subject(change),
            Change::Missed => self.fresh.drop_all(),
            _ => {}
        }
    }
}

/// A policy as it was saved. It was checked then: what cannot be read is an alarm and no reason to be laxer.
fn read<P: Policy>(name: &str, value: &str) -> Result<P, Refusal> {
    serde_json::from_str(value).map_err(|why| Refusal::Corrupt(format!("policy {name}: {why}")))
}
