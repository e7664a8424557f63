//! Policies: what holds, and changing it.
//!
//! Owns: reading and saving a policy by its name. Not here: what the policies are (`domain::policy`), what holds for
//! whom right now (`app::policies`), obeying them (each use case).

use app::{Change, Mandate, Refusal};
use domain::{
    AuditEntry, AuditEvent, DevicePolicy, EnrolmentPolicy, Outcome, PasswordPolicy, Policies, Policy,
    RecoveryPolicy, Timestamp,
};
use serde_json::{Map, Value};

use crate::Registry;
use crate::groups::is_seen;

/// A policy as it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyNow {
    /// Its name.
    pub name: &'static str,
    /// Its fields, all of them.
    pub value: Value,
    /// Its version; 0: none was saved, it is what the configuration says.
    pub version: u32,
    /// When it was saved.
    pub changed_at: Option<Timestamp>,
}

impl Registry {
    /// All policies.
    ///
    /// # Errors
    /// The store.
    pub async fn policies(&self) -> Result<Vec<PolicyNow>, Refusal> {
        let saved = self.app.store().read().await?.decided().await?.policies;
        let configured = self.app.policies().configured();
        Policies::NAMES
            .iter()
            .copied()
            .map(|name| match saved.iter().find(|policy| policy.name == name) {
                Some(saved) => {
                    let value = serde_json::from_str(&saved.value).unwrap_or_default();
                    let value = complete(name, &value)
                        .map_err(|why| Refusal::Corrupt(format!("policy {name}: {why}")))?;
                    Ok(PolicyNow { name, value, version: saved.version, changed_at: Some(saved.changed_at) })
                }
                None => {
                    let value = configured_value(name, &configured);
                    Ok(PolicyNow { name, value, version: 0, changed_at: None })
                }
            })
            .collect()
    }

    /// The policy with this name.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn policy(&self, name: &str) -> Result<PolicyNow, Refusal> {
        let all = self.policies().await?;
        all.into_iter().find(|policy| policy.name == name).ok_or(Refusal::NotFound)
    }

    /// Changes some fields of a policy in place of its version `seen` (none: whatever it is).
    ///
    /// # Errors
    /// As [`Registry::save_policy`].
    pub async fn change_policy(
        &self,
        by: &Mandate,
        name: &str,
        some: Map<String, Value>,
        seen: Option<u32>,
    ) -> Result<PolicyNow, Refusal> {
        let before = self.policy(name).await?;
        is_seen(before.version, seen)?;
        let mut value = before.value;
        if let Value::Object(fields) = &mut value {
            fields.extend(some);
        }
        self.save_policy(by, name, &value, Some(before.version)).await
    }

    /// Saves a policy in place of its version `seen` (none: whatever it is); fields that are not said are the defaults.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` names the field that is unknown or out of its limits; `Outdated` when somebody else has
    /// changed it since.
    pub async fn save_policy(
        &self,
        by: &Mandate,
        name: &str,
        value: &Value,
        seen: Option<u32>,
    ) -> Result<PolicyNow, Refusal> {
        let before = self.policy(name).await?;
        is_seen(before.version, seen)?;
        let seen = before.version;
        let name = before.name;
        let value = complete(name, value)?;
        let text = value.to_string();
        let now = self.app.now();
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            if !work.save_policy(name, &text, seen, now).await? {
                // Asked inside: what made it older may not be on disk yet.
                let saved = work.decided().await?.policies;
                let current =
                    saved.iter().find(|policy| policy.name == name).map_or(0, |policy| policy.version);
                return Err(Refusal::Outdated { current: i64::from(current) });
            }
            let entry = AuditEntry {
                detail: Some(name.to_owned()),
                ..by.entry(AuditEvent::PolicyChanged, Outcome::Done, now)
            };
            work.audit(entry).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.app.tell(Change::Policies).await;
        tracing::info!(policy = name, "Policy changed");
        Ok(PolicyNow { name, value, version: seen + 1, changed_at: Some(now) })
    }
}

fn configured_value(name: &str, configured: &Policies) -> Value {
    let value = match name {
        DevicePolicy::NAME => serde_json::to_value(&configured.devices),
        PasswordPolicy::NAME => serde_json::to_value(&configured.passwords),
        EnrolmentPolicy::NAME => serde_json::to_value(&configured.enrolments),
        _ => serde_json::to_value(&configured.recovery),
    };
    value.unwrap_or_default()
}

/// Reads, checks and completes a policy.
fn complete(name: &str, value: &Value) -> Result<Value, Refusal> {
    fn of<P: Policy>(value: &Value) -> Result<Value, Refusal> {
        let policy = P::deserialize(value).map_err(|_| Refusal::Invalid {
            field: "policy",
            why: "has a field that it does not know, or one of the wrong kind",
        })?;
        policy.check().map_err(|bad| Refusal::Invalid { field: bad.field, why: bad.why })?;
        Ok(serde_json::to_value(&policy).unwrap_or_default())
    }
    match name {
        DevicePolicy::NAME => of::<DevicePolicy>(value),
        PasswordPolicy::NAME => of::<PasswordPolicy>(value),
        EnrolmentPolicy::NAME => of::<EnrolmentPolicy>(value),
        RecoveryPolicy::NAME => of::<RecoveryPolicy>(value),
        _ => Err(Refusal::NotFound),
    }
}
