//! Sets of permissions.
//!
//! Owns: the set, and what roles amount to as one. Not here: the permissions themselves and which role has which
//! (`role`).

use serde::{Deserialize, Serialize};

use crate::{Permission, Role, Roles};

/// Some of the permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(u64);

impl Permissions {
    /// None.
    pub const NONE: Self = Self(0);

    /// All there are.
    #[must_use]
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// What these roles allow together.
    #[must_use]
    pub fn of(roles: Roles) -> Self {
        roles.iter().flat_map(Role::permissions).copied().collect()
    }

    /// With one more.
    #[must_use]
    pub const fn with(self, permission: Permission) -> Self {
        Self(self.0 | (1 << permission as u64))
    }

    /// Those that are in both.
    #[must_use]
    pub const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether this one is among them.
    #[must_use]
    pub const fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u64) != 0
    }

    /// Whether all of these are among them.
    #[must_use]
    pub const fn contain(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// One after another, in the order of their list.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.has(*permission))
    }

    /// Whether whoever has these may give away that role: everything it allows is among them; the role that has
    /// everything also later is for those who have everything now (SEC-181).
    #[must_use]
    pub fn may_give(self, role: Role) -> bool {
        self.contain(Self::of(Roles::NONE.with(role)))
    }

    /// The scopes of OAuth among these words that name permissions: `admin:users.read`, `admin` for all.
    #[must_use]
    pub fn of_scopes(scope: &str) -> Self {
        scope.split(' ').fold(Self::NONE, |found, word| match word.strip_prefix("admin") {
            Some("") => Self::all(),
            Some(rest) => {
                let permission = rest.strip_prefix(':').and_then(Permission::from_word);
                permission.map_or(found, |permission| found.with(permission))
            }
            None => found,
        })
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        permissions.into_iter().fold(Self::NONE, Self::with)
    }
}

impl Serialize for Permissions {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Permission>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        assert!(Permission::ALL.len() <= 64);
        for permission in Permission::ALL {
            let one = Permissions::NONE.with(*permission);
            assert!(one.has(*permission) && one.iter().eq([*permission]) && !one.is_empty());
            assert!(Permissions::all().contain(one) && !one.contain(Permissions::all()));
        }
        let text = serde_json::to_string(&Permissions::of(Roles::NONE.with(Role::ClientManager))).unwrap();
        assert_eq!(
            serde_json::from_str::<Permissions>(&text).unwrap(),
            Permissions::of(Roles::NONE.with(Role::ClientManager))
        );
        assert!(serde_json::from_str::<Permissions>(r#"["everything"]"#).is_err());
    }

    #[test]
    fn sec_181_only_who_has_everything_of_a_role_may_give_it() {
        for role in Role::ALL {
            let its = Permissions::of(Roles::NONE.with(*role));
            assert!(
                its.may_give(*role)
                    && Permissions::all().may_give(*role)
                    && !Permissions::NONE.may_give(*role)
            );
            assert_eq!(its.may_give(Role::Superadmin), *role == Role::Superadmin);
        }
    }

    #[test]
    fn scopes_name_permissions_and_nothing_else_does() {
        let of = Permissions::of_scopes;
        assert_eq!(of("openid admin:users.read profile"), Permissions::NONE.with(Permission::UsersRead));
        assert_eq!(of("admin"), Permissions::all());
        for none in ["", "openid", "administrator", "admin:", "admin:root", "admin.users.read", "users.read"]
        {
            assert_eq!(of(none), Permissions::NONE, "{none}");
        }
    }
}
