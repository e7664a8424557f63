//! People as administrators find, make, edit, stop and delete them.
//!
//! Owns: these deeds, each one unit. Whoever does something to somebody with roles must hold what these allow
//! (SEC-181). Not here: roles and groups (`roles`, `groups`), what the command line does by user name (`users`),
//! passwords: an administrator neither chooses nor sees one (SEC-185).

mod delete;
mod edit;
mod names;
mod own;
mod stop;
#[cfg(test)]
mod tests;

pub use edit::PersonEdit;
pub(crate) use edit::username;
pub use own::OwnClaims;
pub use stop::LockedDown;

use app::{Mandate, Refusal};
use domain::{
    Account, AccountId, AuditEntry, AuditEvent, GroupId, Outcome, PasswordHash, PeopleFilter, PeoplePage,
    Permission, Person, Roles, Timestamp,
};
use store::Work;

use crate::Registry;
use crate::claims::check_defined;
use crate::users::{NewUser, Prepared};

/// Groups that are named when a person is made.
const MOST_GROUPS: usize = 50;

/// A person to be made by an administrator.
#[derive(Debug, Default)]
pub struct NewPerson {
    /// The account. An administrator gives no password; the operator's command line may.
    pub user: NewUser,
    /// The language of what is sent to its owner.
    pub language: Option<String>,
    /// Roles of its own.
    pub roles: Roles,
    /// Groups it is put into.
    pub groups: Vec<GroupId>,
}

/// A person ready to be added in a unit.
pub struct PreparedPerson {
    prepared: Prepared,
    groups: Vec<GroupId>,
}

impl PreparedPerson {
    /// The account, as it will be.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.prepared.account
    }
}

impl Registry {
    /// The person with this account.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn person(&self, id: &AccountId) -> Result<Person, Refusal> {
        self.app.store().read().await?.person(id).await?.ok_or(Refusal::NotFound)
    }

    /// People, sorted, in pages.
    ///
    /// # Errors
    /// The store.
    pub async fn find_people(
        &self,
        filter: &PeopleFilter,
        page: &PeoplePage<'_>,
    ) -> Result<Vec<Person>, Refusal> {
        Ok(self.app.store().read().await?.people(filter, page).await?)
    }

    /// How many accounts there are.
    ///
    /// # Errors
    /// The store.
    pub async fn count_people(&self) -> Result<u64, Refusal> {
        Ok(self.app.store().read().await?.count_people().await?)
    }

    /// Makes a person.
    ///
    /// # Errors
    /// `Invalid` names what cannot be kept; `Conflict("username")` when the name is taken; `Forbidden` for roles, or
    /// groups with roles, that the maker does not hold.
    pub async fn create_person(&self, by: &Mandate, new: NewPerson) -> Result<Person, Refusal> {
        let person = self.prepare_person(by, new).await?;
        let id = person.account().id;
        let deed = || async {
            let mut work = self.hold_people().await?;
            self.add_person(&mut *work, by, &person).await?;
            let made = work.person(&id).await?.ok_or(Refusal::NotFound)?;
            work.commit().await?;
            Ok(made)
        };
        let made = self.app.repeatable(deed).await;
        let made = match made {
            Err(refusal) => return Err(self.taken(refusal, person.account()).await),
            Ok(made) => made,
        };
        tracing::info!(account.id = %id, "Account made");
        Ok(made)
    }

    /// Checks everything about a new person that can be checked without a unit of work, and hashes the password: for
    /// imports, which add many in units of their own.
    ///
    /// # Errors
    /// As [`Registry::create_person`].
    pub async fn prepare_person(&self, by: &Mandate, new: NewPerson) -> Result<PreparedPerson, Refusal> {
        if !new.roles.is_empty() {
            by.must(Permission::RolesWrite)?;
            by.must_give(new.roles)?;
        }
        if !new.groups.is_empty() {
            by.must(Permission::GroupsWrite)?;
        }
        if new.groups.len() > MOST_GROUPS {
            return Err(Refusal::Invalid { field: "groups", why: "are more than 50" });
        }
        let decisions = self.app.policies().now().await?;
        check_defined(&new.user.claims, &decisions.claims)?;
        let language = new.language.as_deref().map(edit::language).transpose()?;
        let mut prepared = self.prepare_user(new.user).await?;
        prepared.account.roles = new.roles;
        prepared.account.language = language;
        Ok(PreparedPerson { prepared, groups: new.groups })
    }

    /// Adds a person in a unit that is open and holds people (`EditPeople::hold_people`) if it names groups. Others
    /// need not be told: nobody knows of it yet.
    ///
    /// # Errors
    /// `Conflict("username")`; `Invalid` for a group that is not there; `Forbidden` for one with roles that the maker
    /// does not hold.
    pub async fn add_person(
        &self,
        work: &mut dyn Work,
        by: &Mandate,
        person: &PreparedPerson,
    ) -> Result<(), Refusal> {
        let Prepared { account, phc } = &person.prepared;
        let (id, now) = (account.id, account.created_at);
        work.add_account(account).await?;
        if let Some(phc) = phc {
            work.set_password(&PasswordHash { account: id, phc: phc.clone(), changed_at: now }).await?;
        }
        work.audit(entry(by, AuditEvent::AccountCreated, &id, now, None)).await?;
        if !account.roles.is_empty() {
            let words: Vec<&str> = account.roles.iter().map(domain::Role::as_str).collect();
            work.audit(entry(by, AuditEvent::RoleChanged, &id, now, Some(&words.join(", ")))).await?;
        }
        for group in &person.groups {
            let Some((group, _)) = work.group(group).await? else {
                return Err(Refusal::Invalid { field: "groups", why: "names a group that is not there" });
            };
            by.must_give(group.roles)?;
            work.add_members(&group.id, &[id], now).await?;
            let detail = format!("{} {}", group.id, group.name.as_str());
            work.audit(entry(by, AuditEvent::GroupJoined, &id, now, Some(&detail))).await?;
        }
        Ok(())
    }

    /// A name that only looks like another one is told from one that is taken.
    pub(crate) async fn taken(&self, refusal: Refusal, account: &Account) -> Refusal {
        if refusal != Refusal::Conflict("username") {
            return refusal;
        }
        let found = match self.app.store().read().await {
            Ok(mut view) => view.account_by_username(account.username.key()).await,
            Err(why) => return why.into(),
        };
        match found {
            Ok(Some(other)) if other.id != account.id => refusal,
            Ok(_) => Refusal::Invalid {
                field: "username",
                why: "looks like the name of somebody else: take one that cannot be mistaken for it",
            },
            Err(why) => why.into(),
        }
    }
}

pub(crate) fn entry(
    by: &Mandate,
    event: AuditEvent,
    account: &AccountId,
    now: Timestamp,
    detail: Option<&str>,
) -> AuditEntry {
    AuditEntry {
        account: Some(*account),
        detail: detail.and_then(app::audit::detail),
        ..by.entry(event, Outcome::Done, now)
    }
}
