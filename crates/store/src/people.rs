//! Groups, roles, custom claims, policies, and people as an administrator finds them.

use async_trait::async_trait;
use domain::{
    Account, AccountId, ClaimDefinition, Cursor, Group, GroupId, Overrides, PeopleFilter, PeoplePage, Person,
    Roles, Timestamp,
};

use crate::Result;

/// A policy as it was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedPolicy {
    /// Its name.
    pub name: String,
    /// Its JSON.
    pub value: String,
    /// Rises with each change; the first is 1.
    pub version: u32,
    /// When.
    pub changed_at: Timestamp,
}

/// What is decided for everybody: everything that is cached together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decided {
    /// The saved policies.
    pub policies: Vec<SavedPolicy>,
    /// The claims, by their names, each with its version.
    pub claims: Vec<(ClaimDefinition, u32)>,
    /// What groups want, by the group's name; groups that want nothing are left out.
    pub overrides: Vec<(String, Overrides)>,
}

/// Reads.
#[async_trait]
pub trait People: Send {
    /// What is decided for everybody.
    async fn decided(&mut self) -> Result<Decided>;

    /// The person with this account.
    async fn person(&mut self, id: &AccountId) -> Result<Option<Person>>;

    /// People, sorted, in pages.
    async fn people(&mut self, filter: &PeopleFilter, page: &PeoplePage<'_>) -> Result<Vec<Person>>;

    /// How many accounts there are.
    async fn count_people(&mut self) -> Result<u64>;

    /// The group with this id, and how many members it has.
    async fn group(&mut self, id: &GroupId) -> Result<Option<(Group, u32)>>;

    /// The group with this folded name.
    async fn group_by_name(&mut self, name_key: &str) -> Result<Option<Group>>;

    /// Groups whose folded names hold `text`, with how many members each has, in the order of those names; the
    /// cursor's key is that name.
    async fn groups(&mut self, text: &str, after: Option<&Cursor>, limit: u32) -> Result<Vec<(Group, u32)>>;

    /// The groups of an account in the order of their folded names, at most 500.
    async fn groups_of(&mut self, account: &AccountId) -> Result<Vec<Group>>;

    /// A group's members in the order of their folded user names; the cursor's key is that name.
    async fn group_members(
        &mut self,
        group: &GroupId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<Account>>;
}

/// Writes.
#[async_trait]
pub trait EditPeople: People {
    /// Saves a policy in place of its version `version` (0: of none): `false`, and nothing is changed, when it has
    /// another one.
    async fn save_policy(&mut self, name: &str, value: &str, version: u32, now: Timestamp) -> Result<bool>;

    /// Keeps a claim's definition in place of its version `version` (0: of none); `false` when it has another one.
    async fn define_claim(
        &mut self,
        definition: &ClaimDefinition,
        version: u32,
        now: Timestamp,
    ) -> Result<bool>;

    /// Removes version `version` of a claim's definition; `false` when it has another one. Values that accounts have
    /// stay.
    async fn remove_claim(&mut self, name: &str, version: u32) -> Result<bool>;

    /// Waits until no other unit gives or takes roles, changes groups or their members, and keeps them out until this
    /// one ends. To be called first by whoever does so.
    async fn hold_people(&mut self) -> Result<()>;

    /// How many active accounts are superadmins.
    async fn count_superadmins(&mut self) -> Result<u64>;

    /// Changes user name, claims and language of version `version` of an account: `false`, and nothing is changed,
    /// when it has another one. `Conflict("username")` as for a new account.
    async fn edit_account(&mut self, account: &Account, version: u32, now: Timestamp) -> Result<bool>;

    /// Notes what the names of accounts look like and what they are found by, where that was never noted: they are from
    /// before it was. At most `limit` of them; answers how many it were. Names that look alike already stay.
    async fn index_names(&mut self, limit: u32) -> Result<u32>;

    /// Sets the roles that an account has itself; what it has by groups is added. `false` when its version is another
    /// than `version`, if one is given.
    async fn set_own_roles(
        &mut self,
        id: &AccountId,
        roles: Roles,
        version: Option<u32>,
        now: Timestamp,
    ) -> Result<bool>;

    /// Deletes an account and everything that belongs to it but its audit entries; rows of long work about it keep its
    /// id alone. What has to end with it is ended before. `false` when there is none.
    async fn delete_account(&mut self, id: &AccountId) -> Result<bool>;

    /// Adds a group. `Conflict("group")` when the folded name is taken.
    async fn add_group(&mut self, group: &Group) -> Result<()>;

    /// Changes a group of version `version`, and what its members have from it; `None`, and nothing is changed, when
    /// it has another one. Answers whose accounts changed.
    async fn edit_group(&mut self, group: &Group, version: u32) -> Result<Option<Vec<AccountId>>>;

    /// Deletes version `version` of a group, and what its members have from it; `None`, and nothing is changed, when
    /// it has another one. Answers whose accounts changed.
    async fn delete_group(
        &mut self,
        id: &GroupId,
        version: u32,
        now: Timestamp,
    ) -> Result<Option<Vec<AccountId>>>;

    /// Adds accounts to a group; those that are in it or do not exist are left alone. Answers whose accounts changed.
    async fn add_members(
        &mut self,
        group: &GroupId,
        accounts: &[AccountId],
        now: Timestamp,
    ) -> Result<Vec<AccountId>>;

    /// Takes accounts out of a group. Answers whose accounts changed.
    async fn remove_members(
        &mut self,
        group: &GroupId,
        accounts: &[AccountId],
        now: Timestamp,
    ) -> Result<Vec<AccountId>>;
}
