//! Roles that a person has directly.
//!
//! Owns: giving and taking them (SEC-181). Not here: what a role allows (`domain::role`), roles by groups (`groups`).

use app::{Change, Mandate, Refusal};
use domain::{AccountId, AuditEntry, AuditEvent, Outcome, Permission, Person, Role, Roles};

use crate::Registry;
use crate::groups::{end_enrolments, is_seen, keep_a_superadmin};

impl Registry {
    /// Sets the roles that an account has directly, in place of version `seen` (none: whatever it is).
    ///
    /// # Errors
    /// `NotFound`; `Outdated`; `Forbidden` when one is given or taken that the giver does not hold; `Invalid` when nobody
    /// would be left who may do everything.
    pub async fn set_roles(
        &self,
        by: &Mandate,
        id: &AccountId,
        roles: Roles,
        seen: Option<u32>,
    ) -> Result<Person, Refusal> {
        by.must(Permission::RolesWrite)?;
        let now = self.app.now();
        let deed = || async {
            let mut work = self.hold_people().await?;
            let before = work.person(id).await?.ok_or(Refusal::NotFound)?;
            is_seen(before.version, seen)?;
            let differ = Role::ALL.iter().filter(|role| before.own_roles.has(**role) != roles.has(**role));
            by.must_give(differ.copied().collect())?;
            if before.own_roles == roles {
                return Ok(before);
            }
            let admins = work.count_superadmins().await?;
            work.set_own_roles(id, roles, Some(before.version), now).await?;
            keep_a_superadmin(&mut *work, admins).await?;
            if !before.own_roles.cover(roles) {
                end_enrolments(&mut *work, &[*id], now).await?;
            }
            let words: Vec<&str> = roles.iter().map(Role::as_str).collect();
            let entry = AuditEntry {
                account: Some(*id),
                detail: app::audit::detail(&if words.is_empty() {
                    "none".to_owned()
                } else {
                    words.join(", ")
                }),
                ..by.entry(AuditEvent::RoleChanged, Outcome::Done, now)
            };
            work.audit(entry).await?;
            let after = work.person(id).await?.ok_or(Refusal::NotFound)?;
            work.commit().await?;
            Ok(after)
        };
        let person = self.app.repeatable(deed).await?;
        self.app.tell(Change::Account(*id)).await;
        tracing::info!(account.id = %id, "Roles set");
        Ok(person)
    }
}
