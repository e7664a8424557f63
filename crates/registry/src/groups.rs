//! Groups and their members.
//!
//! Owns: making, changing and deleting groups, and who is in them. Whoever gives or takes a group with roles must hold
//! what these allow (SEC-181). Not here: what an account has from its groups (`store::people` writes it in the same
//! unit), a person's own roles (`roles`).

use app::{Change, Mandate, Refusal};
use domain::text::plain_line;
use domain::{
    Account, AccountId, AuditEntry, AuditEvent, Cursor, Group, GroupId, GroupName, Outcome, Overrides,
    Permission, Roles, Timestamp,
};
use store::Work;

use crate::Registry;

/// Accounts named in one request.
const MOST_AT_ONCE: usize = 500;
/// Accounts that others are told of one by one; with more, everything cached is dropped.
const TOLD_ONE_BY_ONE: usize = 100;

/// A group to be made.
#[derive(Debug, Clone, Default)]
pub struct NewGroup {
    /// One plain line.
    pub name: String,
    /// One plain line, or nothing.
    pub description: String,
    /// What its members may do as administrators.
    pub roles: Roles,
    /// What it wants in place of policies.
    pub overrides: Overrides,
}

/// What is to change; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct GroupEdit {
    /// Another name.
    pub name: Option<String>,
    /// Another description.
    pub description: Option<String>,
    /// Other roles.
    pub roles: Option<Roles>,
    /// Other wishes, all of them.
    pub overrides: Option<Overrides>,
}

impl Registry {
    /// Groups in the order of their names, each with how many members it has; `text` is part of the name.
    ///
    /// # Errors
    /// The store.
    pub async fn groups(
        &self,
        text: &str,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<(Group, u32)>, Refusal> {
        let text = domain::account::search_key(text);
        Ok(self.app.store().read().await?.groups(&text, after, limit).await?)
    }

    /// A group, and how many members it has.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn group(&self, id: &GroupId) -> Result<(Group, u32), Refusal> {
        self.app.store().read().await?.group(id).await?.ok_or(Refusal::NotFound)
    }

    /// The group with this name, in any spelling.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn group_by_name(&self, name: &str) -> Result<Group, Refusal> {
        let name = GroupName::parse(name).map_err(|_| Refusal::NotFound)?;
        self.app.store().read().await?.group_by_name(name.key()).await?.ok_or(Refusal::NotFound)
    }

    /// The groups of an account.
    ///
    /// # Errors
    /// `NotFound` when there is no such account.
    pub async fn groups_of(&self, account: &AccountId) -> Result<Vec<Group>, Refusal> {
        let mut view = self.app.store().read().await?;
        view.account(account).await?.ok_or(Refusal::NotFound)?;
        Ok(view.groups_of(account).await?)
    }

    /// A group's members in the order of their user names.
    ///
    /// # Errors
    /// `NotFound` when there is no such group.
    pub async fn members(
        &self,
        group: &GroupId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<Account>, Refusal> {
        let mut view = self.app.store().read().await?;
        view.group(group).await?.ok_or(Refusal::NotFound)?;
        Ok(view.group_members(group, after, limit).await?)
    }

    /// Makes a group.
    ///
    /// # Errors
    /// `Invalid` names the field; `Conflict("name")`; `Forbidden` for roles that the maker does not hold.
    pub async fn create_group(&self, by: &Mandate, new: NewGroup) -> Result<Group, Refusal> {
        let now = self.app.now();
        let group = Group {
            id: self.app.entropy().id(),
            name: name(&new.name)?,
            description: description(&new.description)?,
            roles: new.roles,
            overrides: wishes(new.overrides)?,
            version: 1,
            created_at: now,
            changed_at: now,
        };
        may_set(by, Roles::NONE, Overrides::default(), &group)?;
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            work.add_group(&group).await.map_err(name_is_taken)?;
            work.audit(entry(by, AuditEvent::GroupCreated, &group, now)).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.app.tell(Change::Policies).await;
        tracing::info!(group.id = %group.id, "Group made");
        Ok(group)
    }

    /// Changes version `seen` of a group (none: whatever it is).
    ///
    /// # Errors
    /// `NotFound`; `Outdated` when it was changed since; `Forbidden` for roles that the editor does not hold; `Invalid`;
    /// `Conflict("name")`.
    pub async fn edit_group(
        &self,
        by: &Mandate,
        id: &GroupId,
        edit: GroupEdit,
        seen: Option<u32>,
    ) -> Result<(Group, u32), Refusal> {
        let (before, members) = self.group(id).await?;
        is_seen(before.version, seen)?;
        let now = self.app.now();
        let mut group = before.clone();
        if let Some(text) = &edit.name {
            group.name = name(text)?;
        }
        if let Some(text) = &edit.description {
            group.description = description(text)?;
        }
        group.roles = edit.roles.unwrap_or(group.roles);
        group.overrides = edit.overrides.map_or(Ok(group.overrides), wishes)?;
        may_set(by, before.roles, before.overrides, &group)?;
        if group == before {
            return Ok((before, members));
        }
        group.changed_at = now;
        let deed = || async {
            let mut work = self.hold_people().await?;
            let admins = work.count_superadmins().await?;
            let changed = work.edit_group(&group, before.version).await.map_err(name_is_taken)?;
            let Some(changed) = changed else { return Err(outdated(&mut *work, id).await) };
            keep_a_superadmin(&mut *work, admins).await?;
            work.audit(entry(by, AuditEvent::GroupChanged, &group, now)).await?;
            if group.roles != before.roles {
                work.audit(entry(by, AuditEvent::RoleChanged, &group, now)).await?;
            }
            if !before.roles.cover(group.roles) {
                end_enrolments(&mut *work, &changed, now).await?;
            }
            work.commit().await?;
            Ok(changed)
        };
        let changed = self.app.repeatable(deed).await?;
        self.tell_people(&changed, true).await;
        group.version = before.version + 1;
        Ok((group, members))
    }

    /// Deletes version `seen` of a group (none: whatever it is). Its members stay, without what they had from it.
    ///
    /// # Errors
    /// `NotFound`; `Outdated`; `Forbidden` when it has roles that the deleter does not hold.
    pub async fn delete_group(&self, by: &Mandate, id: &GroupId, seen: Option<u32>) -> Result<(), Refusal> {
        let (group, _) = self.group(id).await?;
        is_seen(group.version, seen)?;
        by.must_give(group.roles)?;
        let now = self.app.now();
        let deed = || async {
            let mut work = self.hold_people().await?;
            let admins = work.count_superadmins().await?;
            let Some(changed) = work.delete_group(id, group.version, now).await? else {
                return Err(outdated(&mut *work, id).await);
            };
            keep_a_superadmin(&mut *work, admins).await?;
            work.audit(entry(by, AuditEvent::GroupDeleted, &group, now)).await?;
            work.commit().await?;
            Ok(changed)
        };
        let changed = self.app.repeatable(deed).await?;
        self.tell_people(&changed, true).await;
        tracing::info!(group.id = %id, "Group deleted");
        Ok(())
    }

    /// Puts accounts into a group and takes others out; those that are not there are left alone. Answers how many were
    /// added and how many removed.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` when the group has roles that the editor does not hold; `Invalid` for too many at once,
    /// or where no superadmin would be left.
    pub async fn change_members(
        &self,
        by: &Mandate,
        id: &GroupId,
        add: &[AccountId],
        remove: &[AccountId],
    ) -> Result<(usize, usize), Refusal> {
        if add.len() > MOST_AT_ONCE || remove.len() > MOST_AT_ONCE {
            return Err(Refusal::Invalid { field: "members", why: "are more than 500 at once" });
        }
        let now = self.app.now();
        let deed = || async {
            let mut work = self.hold_people().await?;
            let (group, _) = work.group(id).await?.ok_or(Refusal::NotFound)?;
            // Asked inside: the group may have got roles just now.
            by.must_give(group.roles)?;
            let admins = work.count_superadmins().await?;
            let joined = work.add_members(id, add, now).await?;
            let left = work.remove_members(id, remove, now).await?;
            keep_a_superadmin(&mut *work, admins).await?;
            if !group.roles.is_empty() {
                end_enrolments(&mut *work, &joined, now).await?;
            }
            for (event, accounts) in [(AuditEvent::GroupJoined, &joined), (AuditEvent::GroupLeft, &left)] {
                for account in accounts {
                    work.audit(AuditEntry { account: Some(*account), ..entry(by, event, &group, now) })
                        .await?;
                }
            }
            work.commit().await?;
            Ok((joined, left))
        };
        let (joined, left) = self.app.repeatable(deed).await?;
        self.tell_people(&[&joined[..], &left[..]].concat(), false).await;
        Ok((joined.len(), left.len()))
    }

    /// A unit that no other one changes roles, groups or members beside.
    pub(crate) async fn hold_people(&self) -> Result<Box<dyn Work>, Refusal> {
        let mut work = self.app.store().begin().await?;
        work.hold_people().await?;
        Ok(work)
    }

    /// Tells that accounts changed, and groups' names or wishes.
    async fn tell_people(&self, accounts: &[AccountId], groups_too: bool) {
        if accounts.len() > TOLD_ONE_BY_ONE {
            return self.app.tell(Change::Missed).await;
        }
        let mut changes: Vec<Change> = accounts.iter().copied().map(Change::Account).collect();
        if groups_too {
            changes.push(Change::Policies);
        }
        self.app.tell_all(&changes).await;
    }
}

/// Refuses what would leave nobody who may do everything, where there was somebody. To be called in the unit, after the
/// deed; `before` was counted in it before the deed, with others held off.
pub(crate) async fn keep_a_superadmin(work: &mut dyn Work, before: u64) -> Result<(), Refusal> {
    if before > 0 && work.count_superadmins().await? == 0 {
        return Err(Refusal::Invalid {
            field: "roles",
            why: "would leave no active superadmin: make another one first",
        });
    }
    Ok(())
}

/// Ends what would let a phone in for people who have just got roles: it was made by somebody who may hold less than
/// they do now, and may know it (SEC-181). To be called in the unit of the deed.
pub(crate) async fn end_enrolments(
    work: &mut dyn Work,
    accounts: &[AccountId],
    now: Timestamp,
) -> Result<(), Refusal> {
    for account in accounts {
        work.cancel_enrolments_of(account, now).await?;
    }
    Ok(())
}

/// Asked in the unit: what made it older may not be on disk yet.
async fn outdated(work: &mut dyn Work, id: &GroupId) -> Refusal {
    match work.group(id).await {
        Ok(Some((group, _))) => Refusal::Outdated { current: i64::from(group.version) },
        Ok(None) => Refusal::NotFound,
        Err(why) => why.into(),
    }
}

pub(crate) fn is_seen(version: u32, seen: Option<u32>) -> Result<(), Refusal> {
    match seen {
        Some(seen) if seen != version => Err(Refusal::Outdated { current: i64::from(version) }),
        _ => Ok(()),
    }
}

/// Whether this mandate may make a group what it is to be.
fn may_set(by: &Mandate, roles: Roles, overrides: Overrides, group: &Group) -> Result<(), Refusal> {
    if group.roles != roles {
        by.must(Permission::RolesWrite)?;
    }
    if group.overrides != overrides {
        by.must(Permission::PolicyWrite)?;
    }
    by.must_give(roles)?;
    by.must_give(group.roles)
}

fn name(text: &str) -> Result<GroupName, Refusal> {
    GroupName::parse(text)
        .map_err(|_| Refusal::Invalid { field: "name", why: "is no plain line of 1 to 100 characters" })
}

fn description(text: &str) -> Result<String, Refusal> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    plain_line(text, 300).map_err(|_| Refusal::Invalid {
        field: "description",
        why: "is no plain line of at most 300 characters",
    })
}

fn wishes(overrides: Overrides) -> Result<Overrides, Refusal> {
    overrides.check().map_err(|bad| Refusal::Invalid { field: bad.field, why: bad.why })?;
    Ok(overrides)
}

fn name_is_taken(error: store::StoreError) -> Refusal {
    match Refusal::from(error) {
        Refusal::Conflict("group") => Refusal::Conflict("name"),
        other => other,
    }
}

fn entry(by: &Mandate, event: AuditEvent, group: &Group, now: Timestamp) -> AuditEntry {
    let roles: Vec<&str> = group.roles.iter().map(domain::Role::as_str).collect();
    let detail = if roles.is_empty() {
        format!("{} {}", group.id, group.name.as_str())
    } else {
        format!("{} {}: {}", group.id, group.name.as_str(), roles.join(", "))
    };
    AuditEntry { detail: app::audit::detail(&detail), ..by.entry(event, Outcome::Done, now) }
}

#[cfg(test)]
mod tests {
    use domain::{EnrolmentKind, EnrolmentState, Permissions, Role};

    use super::*;
    use crate::tests::registry;
    use crate::users::NewUser;

    fn of(roles: &[Role]) -> Roles {
        roles.iter().copied().collect()
    }

    /// A registrar's letter for somebody ordinary does not wait until they are somebody.
    #[tokio::test]
    async fn sec_181_who_gets_roles_has_no_enrolment_of_before() {
        let registry = registry().await;
        let registrar =
            Mandate { permissions: Permissions::of(of(&[Role::DeviceRegistrar])), ..Mandate::operator() };
        let boss =
            NewGroup { name: "Boss".to_owned(), roles: of(&[Role::Superadmin]), ..NewGroup::default() };
        let boss = registry.create_group(&Mandate::operator(), boss).await.unwrap().id;
        let team = NewGroup { name: "Team".to_owned(), ..NewGroup::default() };
        let team = registry.create_group(&Mandate::operator(), team).await.unwrap().id;
        let mut made_before = Vec::new();
        for name in ["ada", "bob", "cy", "dan"] {
            let user = NewUser { username: name.to_owned(), ..NewUser::default() };
            let account = registry.create_user(user).await.unwrap().id;
            let offered = registry.make_enrolment(&registrar, name, EnrolmentKind::Link).await.unwrap();
            made_before.push((account, offered.enrolment.id));
        }
        let [(ada, _), (bob, _), (cy, _), (dan, _)] = made_before[..] else { panic!("four") };
        registry.set_roles(&Mandate::operator(), &ada, of(&[Role::Auditor]), None).await.unwrap();
        registry.change_members(&Mandate::operator(), &boss, &[bob], &[]).await.unwrap();
        registry.change_members(&Mandate::operator(), &team, &[cy, dan], &[]).await.unwrap();
        registry.change_members(&Mandate::operator(), &team, &[], &[dan]).await.unwrap();
        let roles = GroupEdit { roles: Some(of(&[Role::Helpdesk])), ..GroupEdit::default() };
        registry.edit_group(&Mandate::operator(), &team, roles, None).await.unwrap();
        let mut states = Vec::new();
        for (_, id) in &made_before {
            let (enrolment, _) = registry.enrolment_shown(id).await.unwrap();
            states.push(enrolment.state(registry.now()));
        }
        let over = EnrolmentState::Ended(domain::EnrolmentOutcome::Cancelled);
        assert_eq!(states, [over, over, over, EnrolmentState::Open], "dan left before there were roles");
    }
}
