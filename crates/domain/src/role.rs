//! What administrators may do.
//!
//! Owns: the roles, the permissions, and which role has which (SEC-180). Not here: who has a role
//! (`account`, `registry::roles`), where a permission is demanded (the doors).
//!
//! Invariant: nobody is allowed what no role of theirs names; only `superadmin` has everything.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$item_doc])* #[serde(rename = $word)] $item,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$item,)*];

            /// The word kept and shown.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$item => $word,)* }
            }

            /// The one with this word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|item| item.as_str() == word)
            }
        }
    };
}

words! {
    /// A role of an administrator.
    Role {
        /// Everything.
        Superadmin "superadmin",
        /// Phones: register, let in, suspend, revoke.
        DeviceRegistrar "device_registrar",
        /// People in need: locked, lost phones, recovery.
        Helpdesk "helpdesk",
        /// Relying parties.
        ClientManager "client_manager",
        /// Looks at everything and changes nothing.
        Auditor "auditor",
    }
}

words! {
    /// One thing that an administrator may do: subject, dot, verb. Also the names of the scopes of access tokens and
    /// API keys for the admin API, there after `admin:`.
    Permission {
        /// Charts of the overview.
        StatisticsRead "statistics.read",
        /// People, without secrets.
        UsersRead "users.read",
        /// Make, import and edit people.
        UsersWrite "users.write",
        /// Disable, enable and lock down people; start a reset of their password.
        UsersLock "users.lock",
        /// Groups and their members.
        GroupsRead "groups.read",
        /// Make and edit groups and their members.
        GroupsWrite "groups.write",
        /// Give and take roles; nobody gives what they have not (SEC-181).
        RolesWrite "roles.write",
        /// Custom claims.
        ClaimsRead "claims.read",
        /// Define custom claims.
        ClaimsWrite "claims.write",
        /// Phones.
        DevicesRead "devices.read",
        /// Register, approve, restore and revoke phones.
        DevicesWrite "devices.write",
        /// Suspend phones.
        DevicesSuspend "devices.suspend",
        /// Enrolments, without their secrets.
        EnrolmentsRead "enrolments.read",
        /// Make and cancel enrolments, letters included.
        EnrolmentsWrite "enrolments.write",
        /// Recoveries.
        RecoveriesRead "recoveries.read",
        /// Open and cancel recoveries.
        RecoveriesWrite "recoveries.write",
        /// Relying parties, without secrets.
        ClientsRead "clients.read",
        /// Register, edit and delete relying parties.
        ClientsWrite "clients.write",
        /// Browser sessions.
        SessionsRead "sessions.read",
        /// End browser sessions.
        SessionsEnd "sessions.end",
        /// Consents.
        ConsentsRead "consents.read",
        /// Take consents back.
        ConsentsWithdraw "consents.withdraw",
        /// Signing keys, without their private parts.
        KeysRead "keys.read",
        /// Rotate and retire signing keys.
        KeysWrite "keys.write",
        /// The audit trail.
        AuditRead "audit.read",
        /// Policies.
        PolicyRead "policy.read",
        /// Change policies.
        PolicyWrite "policy.write",
        /// API keys, without the keys.
        ApiKeysRead "api_keys.read",
        /// Make and revoke API keys.
        ApiKeysWrite "api_keys.write",
        /// Imports and other long work.
        JobsRead "jobs.read",
        /// Start, undo and cancel long work; each row needs its own permission besides.
        JobsWrite "jobs.write",
    }
}

impl Role {
    /// What this role allows.
    #[must_use]
    pub const fn permissions(self) -> &'static [Permission] {
        use Permission as P;
        match self {
            Self::Superadmin => Permission::ALL,
            Self::DeviceRegistrar => &[
                P::StatisticsRead,
                P::UsersRead,
                P::GroupsRead,
                P::DevicesRead,
                P::DevicesWrite,
                P::DevicesSuspend,
                P::EnrolmentsRead,
                P::EnrolmentsWrite,
                P::JobsRead,
                P::JobsWrite,
            ],
            Self::Helpdesk => &[
                P::UsersRead,
                P::UsersLock,
                P::GroupsRead,
                P::DevicesRead,
                P::DevicesSuspend,
                P::EnrolmentsRead,
                P::RecoveriesRead,
                P::RecoveriesWrite,
                P::SessionsRead,
                P::SessionsEnd,
            ],
            Self::ClientManager => &[P::StatisticsRead, P::ClientsRead, P::ClientsWrite, P::ConsentsRead],
            Self::Auditor => &[
                P::StatisticsRead,
                P::UsersRead,
                P::GroupsRead,
                P::ClaimsRead,
                P::DevicesRead,
                P::EnrolmentsRead,
                P::RecoveriesRead,
                P::ClientsRead,
                P::SessionsRead,
                P::ConsentsRead,
                P::KeysRead,
                P::AuditRead,
                P::PolicyRead,
                P::ApiKeysRead,
                P::JobsRead,
            ],
        }
    }
}

/// The roles somebody has, their own and those of their groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles(u8);

impl Roles {
    /// None: a person like any other.
    pub const NONE: Self = Self(0);

    /// With one more.
    #[must_use]
    pub const fn with(self, role: Role) -> Self {
        Self(self.0 | 1 << role as u8)
    }

    /// Without one.
    #[must_use]
    pub const fn without(self, role: Role) -> Self {
        Self(self.0 & !(1 << role as u8))
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether this role is among them.
    #[must_use]
    pub const fn has(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// One after another.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.iter().copied().filter(move |role| self.has(*role))
    }

    /// Whether one of them allows this.
    #[must_use]
    pub fn allow(self, permission: Permission) -> bool {
        self.iter().any(|role| role.permissions().contains(&permission))
    }

    /// Whether everything that `others` allow is allowed by these: who may give away those (SEC-181).
    #[must_use]
    pub fn cover(self, others: Self) -> bool {
        others.iter().all(|role| {
            (role != Role::Superadmin || self.has(Role::Superadmin))
                && role.permissions().iter().all(|permission| self.allow(*permission))
        })
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        roles.into_iter().fold(Self::NONE, Self::with)
    }
}

impl Serialize for Roles {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Role>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_180_nothing_is_allowed_without_a_role() {
        for permission in Permission::ALL {
            assert!(!Roles::NONE.allow(*permission), "{permission:?}");
            assert!(Roles::NONE.with(Role::Superadmin).allow(*permission), "{permission:?}");
        }
    }

    #[test]
    fn sec_180_an_auditor_changes_nothing() {
        let auditor = Roles::NONE.with(Role::Auditor);
        for permission in Permission::ALL {
            assert_eq!(
                auditor.allow(*permission),
                permission.as_str().ends_with(".read"),
                "{}",
                permission.as_str()
            );
        }
    }

    #[test]
    fn sec_181_roles_cover_only_what_they_hold() {
        let of = |roles: &[Role]| roles.iter().copied().collect::<Roles>();
        let all = of(Role::ALL);
        for role in Role::ALL {
            let one = of(&[*role]);
            assert!(one.cover(one) && one.cover(Roles::NONE) && of(&[Role::Superadmin]).cover(one));
            assert_eq!(one.cover(all), *role == Role::Superadmin, "{role:?}");
            assert!(!Roles::NONE.cover(one));
        }
        assert!(!all.without(Role::Superadmin).cover(of(&[Role::Superadmin])), "all the others together");
    }

    #[test]
    fn words_lead_back_and_roles_survive_their_text() {
        for role in Role::ALL {
            assert_eq!(Role::from_word(role.as_str()), Some(*role));
        }
        for permission in Permission::ALL {
            assert_eq!(Permission::from_word(permission.as_str()), Some(*permission));
        }
        let roles = Roles::NONE.with(Role::Helpdesk).with(Role::Auditor);
        let text = serde_json::to_string(&roles).unwrap();
        assert_eq!(text, r#"["helpdesk","auditor"]"#);
        assert_eq!(serde_json::from_str::<Roles>(&text).unwrap(), roles);
        assert!(serde_json::from_str::<Roles>(r#"["root"]"#).is_err());
    }
}
