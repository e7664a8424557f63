//! People as administrators see and find them.
//!
//! Owns: a person with what hangs on the account, and what may be asked of a list of people. Not here: the account
//! itself (`account`), finding (`store::People`), who may ask (doors).

use crate::{Account, AccountState, Cursor, GroupId, Role, Roles};

/// An account as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The account.
    pub account: Account,
    /// The roles that were given to it directly.
    pub own_roles: Roles,
    /// Rises with each edit.
    pub version: u32,
    /// Phones that are not revoked.
    pub devices: u32,
    /// Passkeys that belong to no phone.
    pub passkeys: u32,
    /// Whether it has a password.
    pub has_password: bool,
}

/// Which people: all that is said has to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeopleFilter {
    /// Part of the user name, name or mail address, folded (`domain::account::search_key`).
    pub text: String,
    /// Whether they may sign in.
    pub state: Option<AccountState>,
    /// Members of this group.
    pub group: Option<GroupId>,
    /// Who have this role, their own or a group's.
    pub role: Option<Role>,
    /// Who have, or have not, a phone that is not revoked.
    pub has_device: Option<bool>,
    /// Who have, or have not, a passkey that belongs to no phone.
    pub has_passkey: Option<bool>,
}

/// What people are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PeopleOrder {
    /// Their folded user names: the cursor's key.
    #[default]
    Username,
    /// When the account was made: the cursor's key in milliseconds.
    CreatedAt,
}

/// A page of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeoplePage<'a> {
    /// Sorted by this.
    pub order: PeopleOrder,
    /// The largest first.
    pub descending: bool,
    /// Where the page before ended.
    pub after: Option<&'a Cursor>,
    /// At most this many; capped at 500.
    pub limit: u32,
}
