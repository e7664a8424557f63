//! Who does something to things that are not only their own, and what they may.
//!
//! Owns: the mandate that an administrator's use case is given. Not here: how it was proven (`web-admin`), which
//! permission a route demands (there too), how the audit trail names who acted (`domain::Actor`).

use domain::{
    AccountId, Actor, AuditEntry, AuditEvent, ClientAddress, Outcome, Permission, Permissions, Role, Roles,
    Timestamp,
};

use crate::{App, Refusal, audit};

/// Who acts, and what they may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mandate {
    /// As the audit trail names them.
    pub actor: Actor,
    /// Whose session, token or key it is; none for the operator and for clients that act for themselves.
    pub account: Option<AccountId>,
    /// What they may: no more than their account may.
    pub permissions: Permissions,
    /// From where; none on the command line.
    pub address: Option<ClientAddress>,
    /// Whether a passkey was shown a moment ago (`strength::FRESH`), where a session is what they act by; what is made
    /// for acting without one (keys, tokens, the command line) always counts.
    pub is_fresh: bool,
}

impl Mandate {
    /// The command line of this server: whoever has that has everything already.
    #[must_use]
    pub fn operator() -> Self {
        Self {
            actor: Actor::Operator,
            account: None,
            permissions: Permissions::all(),
            address: None,
            is_fresh: true,
        }
    }

    /// Whether they may.
    #[must_use]
    pub const fn may(&self, permission: Permission) -> bool {
        self.permissions.has(permission)
    }

    /// Refuses when they may not: for what depends on the thing and not on the route alone.
    ///
    /// # Errors
    /// `Forbidden`.
    pub const fn must(&self, permission: Permission) -> Result<(), Refusal> {
        if self.may(permission) { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    /// Refuses when they give or take a role that allows more than they may themselves (SEC-181).
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn must_hold(&self, roles: Roles) -> Result<(), Refusal> {
        let holds = |role: Role| self.permissions.may_give(role);
        if roles.iter().all(holds) { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    /// Refuses when they give or take such roles, themselves or by a group, without holding them (SEC-181) or without
    /// a fresh proof (SEC-182).
    ///
    /// # Errors
    /// `Forbidden`; `StepUpNeeded`.
    pub fn must_give(&self, roles: Roles) -> Result<(), Refusal> {
        self.must_hold(roles)?;
        if roles.is_empty() || self.is_fresh { Ok(()) } else { Err(Refusal::StepUpNeeded) }
    }

    /// An entry about what they did; fill in whose account, device… it was done to.
    #[must_use]
    pub fn entry(&self, event: AuditEvent, outcome: Outcome, now: Timestamp) -> AuditEntry {
        audit::of(&self.actor, self.address, event, outcome, now)
    }
}

impl App {
    /// Writes an entry down by itself: for what was refused before anything was done.
    ///
    /// # Errors
    /// The store.
    pub async fn write_down(&self, entry: AuditEntry) -> Result<(), Refusal> {
        let deed = || async {
            let mut work = self.store().begin().await?;
            work.audit(entry.clone()).await?;
            Ok(work.commit().await?)
        };
        self.repeatable(deed).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(role: Role) -> Mandate {
        Mandate { permissions: Permissions::of(Roles::NONE.with(role)), ..Mandate::operator() }
    }

    #[test]
    fn a_mandate_allows_what_it_holds() {
        let helpdesk = with(Role::Helpdesk);
        assert!(helpdesk.must(Permission::UsersLock).is_ok());
        assert_eq!(helpdesk.must(Permission::UsersWrite), Err(Refusal::Forbidden));
    }

    #[test]
    fn sec_181_nobody_gives_what_they_do_not_hold() {
        for role in Role::ALL {
            let one = Roles::NONE.with(*role);
            assert!(with(*role).must_hold(one).is_ok());
            assert_eq!(with(*role).must_hold(one.with(Role::Superadmin)).is_ok(), *role == Role::Superadmin);
        }
    }
}
