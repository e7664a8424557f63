//! One deed to many: the preview, the deed, and taking it back.
//!
//! What a row was when it was looked at is written down with it. A row that is something else by now fails and says so:
//! nobody's later decision is overwritten, neither by the deed nor by its undoing.

use std::time::Duration;

use app::{Change, Mandate, Refusal, notices};
use domain::{
    Account, AccountId, AccountState, AuditEntry, AuditEvent, BulkAction, BulkSubject, Device, DeviceState,
    Group, GroupId, Job, JobKind, NoticeBy, NoticeKind, Outcome, Role, RowFate, SessionEnd, SessionId,
    Timestamp, text,
};
use serde::{Deserialize, Serialize};
use store::{AccountFit, ChangeNote, DeviceFit, FoundAccount, FoundDevice, Work};

use super::runner::{Did, Pass};
use super::{Options, Planned, UNDO, permission};
use crate::Registry;
use crate::devices::change::{DeviceActor, Stop, StopAsked, held};
use crate::groups::end_enrolments;

/// Things that one bulk action is done to.
const MOST: usize = 10_000;
/// Ids that are looked for at once.
const AT_ONCE: usize = 500;
const DAY: u64 = 24 * 3600;

/// Which things; what is none does not matter.
#[derive(Debug, Clone, Default)]
pub struct BulkFilter {
    /// Where a phone stands.
    pub device_state: Option<DeviceState>,
    /// Whether a person may sign in.
    pub account_state: Option<AccountState>,
    /// Of people in the group of this name.
    pub group: Option<String>,
    /// Part of the user name.
    pub search: Option<String>,
    /// Phones that were not used for so many days.
    pub unused_days: Option<u32>,
    /// Sessions of this user name or id.
    pub user: Option<String>,
}

/// A bulk action as it is asked for.
#[derive(Debug, Clone)]
pub struct BulkAsked {
    /// What is to be done.
    pub action: BulkAction,
    /// To these; to what fits the filter where there are none.
    pub ids: Option<Vec<String>>,
    /// To what fits.
    pub filter: BulkFilter,
    /// The group, by its name or id, that people are put into or taken out of.
    pub group: Option<String>,
    /// Why, in a plain line.
    pub reason: Option<String>,
}

/// A row of a bulk action.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct BulkInput {
    id: String,
    /// What it was when it was looked at.
    before: String,
}

/// Rows that are looked at, by what they are.
struct Look {
    rows: Vec<Planned>,
}

impl Look {
    fn row(&mut self, owner: &AccountId, label: &str, (id, before): (String, &str), fate: RowFate) {
        let input = BulkInput { id, before: before.to_owned() };
        self.rows.push(Planned::new(label, fate, &input).of(owner));
    }

    fn conflict(&mut self, owner: &AccountId, label: &str, field: &str, reason: &str) {
        self.rows.push(Planned::conflict(label, field, reason).of(owner));
    }

    /// Those that were asked for and are not there, as if they did not exist.
    fn missing<'a>(&mut self, asked: &'a [String], found: impl Fn(&'a str) -> bool) {
        for id in asked {
            if !found(id) {
                self.rows.push(Planned::conflict(id, "id", "is not there"));
            }
        }
    }
}

impl Registry {
    /// Looks at what a bulk action would do, and plans it.
    ///
    /// # Errors
    /// `Forbidden`; `Invalid` for too many, for no ids and no filter, or for a group that is not there.
    pub async fn plan_bulk(&self, by: &Mandate, asked: BulkAsked) -> Result<Job, Refusal> {
        by.must(permission(JobKind::BulkAction, Some(asked.action)))?;
        let reason = asked.reason.as_deref().and_then(app::audit::detail);
        let mut options = Options { reason, ..Options::default() };
        let group = self.group_asked(&asked).await?;
        if let Some(group) = &group {
            options.needs = group.roles;
            options.group = Some(group.id);
        }
        if asked.ids.as_ref().is_some_and(|ids| ids.len() > MOST) {
            return Err(Refusal::Invalid { field: "ids", why: "are more than 10,000" });
        }
        let mut look = Look { rows: Vec::new() };
        match asked.action.subject() {
            BulkSubject::Devices => self.look_at_devices(&asked, &mut look).await?,
            BulkSubject::Users => self.look_at_users(by, &asked, group.as_ref(), &mut look).await?,
            BulkSubject::Sessions => self.look_at_sessions(&asked, &mut look).await?,
        }
        self.plan(by, JobKind::BulkAction, Some(asked.action), &options, look.rows).await
    }

    async fn group_asked(&self, asked: &BulkAsked) -> Result<Option<Group>, Refusal> {
        let is_needed = matches!(asked.action, BulkAction::AddToGroup | BulkAction::RemoveFromGroup);
        let name = match (&asked.group, is_needed) {
            (None, false) => return Ok(None),
            (Some(_), false) => {
                return Err(Refusal::Invalid {
                    field: "group",
                    why: "is for add_to_group and remove_from_group",
                });
            }
            (None, true) => return Err(Refusal::Invalid { field: "group", why: "is missing" }),
            (Some(name), true) => name,
        };
        let found = match name.parse::<GroupId>() {
            Ok(id) => self.group(&id).await.map(|(group, _)| group),
            Err(_) => self.group_by_name(name).await,
        };
        let group = found.map_err(|refusal| match refusal {
            Refusal::NotFound => Refusal::Invalid { field: "group", why: "is not there" },
            other => other,
        })?;
        if group.roles.has(Role::Superadmin) {
            return Err(Refusal::Invalid {
                field: "group",
                why: "makes superadmins: change its members one by one",
            });
        }
        Ok(Some(group))
    }

    async fn look_at_devices(&self, asked: &BulkAsked, look: &mut Look) -> Result<(), Refusal> {
        let mut view = self.app.store().read().await?;
        let mut found: Vec<FoundDevice> = Vec::new();
        if let Some(ids) = &asked.ids {
            for ids in ids.chunks(AT_ONCE) {
                found.extend(view.devices_with_ids(ids).await?);
            }
            let known: std::collections::HashSet<String> =
                found.iter().map(|one| one.id.to_string()).collect();
            look.missing(ids, |id| known.contains(id));
        } else {
            let filter = &asked.filter;
            let search = filter.search.as_deref().map(domain::account::search_key);
            let unused = filter.unused_days.map(|days| Duration::from_secs(u64::from(days) * DAY));
            let fit = DeviceFit {
                group: filter.group.as_deref(),
                state: filter.device_state,
                search: search.as_deref(),
                unused_since: unused.map(|unused| self.app.now().before(unused)),
            };
            let mut after = String::new();
            loop {
                let page = view.devices_that_fit(fit, &after, 500).await?;
                let Some(last) = page.last() else { break };
                after = last.id.to_string();
                found.extend(page);
                within(found.len())?;
            }
        }
        for device in found {
            let label = format!("{} ({})", device.name, device.username);
            let (id, before) = (device.id.to_string(), device.state.as_str());
            match fate_of_device(asked.action, device.state) {
                Ok(fate) => look.row(&device.account, &label, (id, before), fate),
                Err(why) => look.conflict(&device.account, &label, "state", why),
            }
        }
        Ok(())
    }

    async fn look_at_users(
        &self,
        by: &Mandate,
        asked: &BulkAsked,
        group: Option<&Group>,
        look: &mut Look,
    ) -> Result<(), Refusal> {
        let mut view = self.app.store().read().await?;
        let mut found: Vec<FoundAccount> = Vec::new();
        if let Some(ids) = &asked.ids {
            for ids in ids.chunks(AT_ONCE) {
                found.extend(view.accounts_with_ids(ids).await?);
            }
            let known: std::collections::HashSet<String> =
                found.iter().map(|one| one.account.id.to_string()).collect();
            look.missing(ids, |id| known.contains(id));
        } else {
            let search = asked.filter.search.as_deref().map(domain::account::search_key);
            let fit = AccountFit {
                group: asked.filter.group.as_deref(),
                state: asked.filter.account_state,
                search: search.as_deref(),
                without_device: false,
            };
            let mut after = String::new();
            loop {
                let page = view.accounts_that_fit(fit, &after, 500).await?;
                let Some(last) = page.last() else { break };
                after = last.account.id.to_string();
                found.extend(page);
                within(found.len())?;
            }
        }
        for FoundAccount { account, .. } in found {
            let label = account.username.as_str();
            match fate_of_user(by, asked.action, &account, group) {
                Ok(fate) => {
                    let looked_at = (account.id.to_string(), state_word(account.state));
                    look.row(&account.id, label, looked_at, fate);
                }
                Err((field, why)) => look.conflict(&account.id, label, field, why),
            }
        }
        Ok(())
    }

    async fn look_at_sessions(&self, asked: &BulkAsked, look: &mut Look) -> Result<(), Refusal> {
        let now = self.app.now();
        let ids = match (&asked.ids, &asked.filter.user) {
            (Some(ids), _) => ids.clone(),
            (None, Some(user)) => {
                let account = self.named(user).await?;
                let mut view = self.app.store().read().await?;
                let alive = view.sessions_of_account(&account.id, now, 500).await?;
                alive.iter().map(|session| session.id.to_string()).collect()
            }
            (None, None) => {
                return Err(Refusal::Invalid { field: "filter", why: "names no user, and there are no ids" });
            }
        };
        let mut view = self.app.store().read().await?;
        let mut known = std::collections::HashSet::new();
        for ids in ids.chunks(AT_ONCE) {
            for session in view.sessions_with_ids(ids, now).await? {
                let looked_at = (session.id.to_string(), "alive");
                look.row(&session.account, &session.username, looked_at, RowFate::Change);
                known.insert(session.id.to_string());
            }
        }
        look.missing(&ids, |id| known.contains(id));
        Ok(())
    }

    /// A row of a bulk action, in a unit that is open.
    #[expect(clippy::too_many_arguments, reason = "a unit, who, what, and which way")]
    pub(super) async fn do_bulk(
        &self,
        work: &mut dyn Work,
        by: &Mandate,
        job: &Job,
        options: &Options,
        pass: Pass,
        input: &BulkInput,
        now: Timestamp,
    ) -> Result<Did, Refusal> {
        let action = job.action.ok_or(Refusal::Conflict("row"))?;
        match action.subject() {
            BulkSubject::Devices => self.do_device(work, by, (action, pass), input, options, now).await,
            BulkSubject::Users => self.do_user(work, by, (job, action, pass), input, options, now).await,
            BulkSubject::Sessions => {
                let id: SessionId = input.id.parse().map_err(|_| Refusal::NotFound)?;
                let session = work.session(&id).await?.ok_or(Refusal::NotFound)?;
                if !work.end_session(&id, SessionEnd::EndedByAdmin, now).await? {
                    return Err(Refusal::Gone);
                }
                work.audit(AuditEntry {
                    account: Some(session.account),
                    session: Some(id),
                    ..by.entry(AuditEvent::SessionEnded, Outcome::Done, now)
                })
                .await?;
                Ok(Did { subject: Some(input.id.clone()), ended: vec![id], ..Did::default() })
            }
        }
    }

    async fn do_device(
        &self,
        work: &mut dyn Work,
        by: &Mandate,
        (action, pass): (BulkAction, Pass),
        input: &BulkInput,
        options: &Options,
        now: Timestamp,
    ) -> Result<Did, Refusal> {
        use BulkAction as A;
        use DeviceState as S;
        let why = options.reason.as_deref();
        let id = input.id.parse().map_err(|_| Refusal::NotFound)?;
        let actor = DeviceActor { actor: by.actor.clone(), address: by.address, owner: None };
        let device = held(work, &actor, &id, None).await?;
        let stop = |stop, with_sessions| StopAsked { stop, why, with_sessions, version: None };
        let mut did =
            Did { subject: Some(input.id.clone()), change: Some(Change::Device(id)), ..Did::default() };
        if pass == Pass::Do && device.state.as_str() != input.before {
            return Err(Refusal::Conflict("device_state"));
        }
        let was_active = input.before == S::Active.as_str();
        let (from, to) = match (action, pass) {
            (A::SuspendDevices, Pass::Do) => {
                self.stop(work, &actor, device, stop(Stop::Suspend, false), why, now).await?;
                return Ok(did);
            }
            (A::RevokeDevices, Pass::Do) => {
                if was_active {
                    self.stop(work, &actor, device, stop(Stop::Suspend, false), why, now).await?;
                }
                return Ok(did);
            }
            (A::RevokeDevices, Pass::Finalise) => {
                // Somebody who let it act again meanwhile has decided otherwise.
                if device.state == S::Active {
                    return Err(Refusal::Conflict("device_state"));
                }
                did.ended = self.stop(work, &actor, device, stop(Stop::Revoke, true), why, now).await?.ended;
                return Ok(did);
            }
            (A::RevokeDevices, Pass::Undo) if !was_active => return Ok(did),
            (A::RejectDevices, Pass::Do | Pass::Undo) => return Ok(did),
            (A::RejectDevices, Pass::Finalise) => (S::Pending, S::Revoked),
            (A::RestoreDevices, Pass::Do) | (A::SuspendDevices | A::RevokeDevices, Pass::Undo) => {
                (S::Suspended, S::Active)
            }
            (A::RestoreDevices, Pass::Undo) => (S::Active, S::Suspended),
            (A::ApproveDevices, Pass::Do) => (S::Pending, S::Active),
            (A::ApproveDevices, Pass::Undo) => (S::Active, S::Pending),
            _ => return Err(Refusal::Conflict("row")),
        };
        let record = &device.record;
        if pass == Pass::Undo
            && (record.changed_by != options.done_by || record.changed_why != options.reason)
        {
            // Lost, or its owner locked down, since: it is stopped for another reason by now.
            return Err(Refusal::Conflict("device_state"));
        }
        self.move_waiting(work, by, &device, (from, to), why, now).await?;
        Ok(did)
    }

    /// Moves a phone that is held, with its audit entry and notice.
    pub(crate) async fn move_waiting(
        &self,
        work: &mut dyn Work,
        by: &Mandate,
        device: &Device,
        (from, to): (DeviceState, DeviceState),
        why: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        use DeviceState as S;
        if to == S::Active {
            // A phone that acts is a way in: nobody opens one to somebody who may do more (SEC-181).
            let owner = work.account(&device.account).await?.ok_or(Refusal::NotFound)?;
            by.must_hold(owner.roles)?;
        }
        if device.state != from || !work.move_device(&device.id, None, &[from], to, now).await? {
            return Err(Refusal::Conflict("device_state"));
        }
        let (id, name) = (device.id, text::shown(&device.name, 60));
        let (event, kind) = match (from, to) {
            (S::Pending, S::Active) => {
                (AuditEvent::DeviceApproved, Some(NoticeKind::DeviceApproved { device: id, name }))
            }
            (S::Pending, _) => (AuditEvent::DeviceRejected, Some(NoticeKind::DeviceRejected { name })),
            (S::Suspended, _) => {
                let by = NoticeBy::Admin;
                (AuditEvent::DeviceRestored, Some(NoticeKind::DeviceRestored { device: id, name, by }))
            }
            (_, S::Suspended) => {
                let reason = why.map(str::to_owned);
                let kind = NoticeKind::DeviceSuspended { device: id, name, by: NoticeBy::Admin, reason };
                (AuditEvent::DeviceSuspended, Some(kind))
            }
            _ => (AuditEvent::DeviceChanged, None),
        };
        work.note_device_change(&id, &ChangeNote { by: &by.actor, why }, now).await?;
        work.audit(AuditEntry {
            account: Some(device.account),
            device: Some(id),
            detail: why.map(str::to_owned),
            ..by.entry(event, Outcome::Done, now)
        })
        .await?;
        match kind {
            Some(kind) => self.post(work, &device.account, kind, now).await,
            None => Ok(()),
        }
    }

    async fn do_user(
        &self,
        work: &mut dyn Work,
        by: &Mandate,
        (job, action, pass): (&Job, BulkAction, Pass),
        input: &BulkInput,
        options: &Options,
        now: Timestamp,
    ) -> Result<Did, Refusal> {
        use BulkAction as A;
        let id: AccountId = input.id.parse().map_err(|_| Refusal::NotFound)?;
        let account = work.account(&id).await?.ok_or(Refusal::NotFound)?;
        // Asked before anything is written: a row is done as a whole or not at all.
        by.must_hold(account.roles)?;
        let mut did =
            Did { subject: Some(input.id.clone()), change: Some(Change::Account(id)), ..Did::default() };
        match (action, pass) {
            (A::DisableUsers, Pass::Do) | (A::EnableUsers, Pass::Undo) => {
                if account.roles.has(Role::Superadmin) {
                    return Err(Refusal::Invalid {
                        field: "roles",
                        why: "hold superadmin: disable them one by one",
                    });
                }
                if account.state != AccountState::Active {
                    return Err(Refusal::Conflict("state"));
                }
                let (event, reason) = (AuditEvent::AccountDisabled, options.reason.as_deref());
                did.ended = self.stop_person(work, by, &id, event, reason).await?;
            }
            (A::EnableUsers, Pass::Do) | (A::DisableUsers, Pass::Undo) => {
                let since = job.undo_until.map(|until| until.before(UNDO));
                if pass == Pass::Undo && since.is_some_and(|since| account.updated_at > since) {
                    // Locked down, or changed otherwise, since.
                    return Err(Refusal::Conflict("state"));
                }
                if !work.set_account_state(&id, AccountState::Active, now).await? {
                    return Err(Refusal::Conflict("state"));
                }
                work.audit(crate::people::entry(by, AuditEvent::AccountEnabled, &id, now, None)).await?;
                notices::post(&self.app, work, &account, NoticeKind::AccountEnabled, now).await?;
            }
            (A::EndUserSessions, Pass::Do) => {
                did.ended = work.end_sessions_of_account(&id, SessionEnd::EndedByAdmin, now).await?;
                for session in &did.ended {
                    let entry = crate::people::entry(by, AuditEvent::SessionEnded, &id, now, None);
                    work.audit(AuditEntry { session: Some(*session), ..entry }).await?;
                }
            }
            (A::AddToGroup, Pass::Do) | (A::RemoveFromGroup, Pass::Undo) => {
                self.change_one_member(work, by, options, (&id, true), now).await?;
            }
            (A::RemoveFromGroup, Pass::Do) | (A::AddToGroup, Pass::Undo) => {
                self.change_one_member(work, by, options, (&id, false), now).await?;
            }
            _ => return Err(Refusal::Conflict("row")),
        }
        Ok(did)
    }

    async fn change_one_member(
        &self,
        work: &mut dyn Work,
        by: &Mandate,
        options: &Options,
        (id, joins): (&AccountId, bool),
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let group = options.group.ok_or(Refusal::NotFound)?;
        let (group, _) = work.group(&group).await?.ok_or(Refusal::NotFound)?;
        // It may have got roles since this was started.
        if !options.needs.cover(group.roles) || group.roles.has(Role::Superadmin) {
            return Err(Refusal::Forbidden);
        }
        let (changed, event) = if joins {
            (work.add_members(&group.id, &[*id], now).await?, AuditEvent::GroupJoined)
        } else {
            (work.remove_members(&group.id, &[*id], now).await?, AuditEvent::GroupLeft)
        };
        if changed.is_empty() {
            return Err(Refusal::Conflict("state"));
        }
        if joins && !group.roles.is_empty() {
            end_enrolments(work, &changed, now).await?;
        }
        let detail = format!("{} {}", group.id, group.name.as_str());
        work.audit(crate::people::entry(by, event, id, now, Some(&detail))).await?;
        Ok(())
    }
}

fn within(rows: usize) -> Result<(), Refusal> {
    if rows > MOST {
        return Err(Refusal::Invalid { field: "filter", why: "fits more than 10,000: narrow it" });
    }
    Ok(())
}

const fn state_word(state: AccountState) -> &'static str {
    match state {
        AccountState::Active => "active",
        AccountState::Disabled => "disabled",
    }
}

/// What a bulk action would do to a phone in this state.
fn fate_of_device(action: BulkAction, state: DeviceState) -> Result<RowFate, &'static str> {
    use BulkAction as A;
    use DeviceState as S;
    match (action, state) {
        (A::SuspendDevices, S::Active)
        | (A::RestoreDevices, S::Suspended)
        | (A::RevokeDevices, S::Pending | S::Active | S::Suspended)
        | (A::ApproveDevices | A::RejectDevices, S::Pending) => Ok(RowFate::Change),
        (A::SuspendDevices, S::Suspended)
        | (A::RestoreDevices | A::ApproveDevices, S::Active)
        | (A::RevokeDevices | A::RejectDevices, S::Revoked) => Ok(RowFate::Unchanged),
        (_, S::Revoked) => Err("is revoked, which is for good"),
        (_, S::Pending) => Err("waits for approval: approve or reject it"),
        (A::ApproveDevices | A::RejectDevices, _) => Err("does not wait for approval"),
        _ => Err("does not allow that"),
    }
}

fn fate_of_user(
    by: &Mandate,
    action: BulkAction,
    account: &Account,
    group: Option<&Group>,
) -> Result<RowFate, (&'static str, &'static str)> {
    use BulkAction as A;
    if by.must_hold(account.roles).is_err() {
        return Err(("roles", "allow more than you may yourself"));
    }
    let is_member = group.is_some_and(|group| account.groups.iter().any(|name| name == group.name.as_str()));
    let is_so = match action {
        A::DisableUsers => {
            if account.roles.has(Role::Superadmin) {
                return Err(("roles", "hold superadmin: disable them one by one"));
            }
            !account.is_active()
        }
        A::EnableUsers => account.is_active(),
        A::AddToGroup => is_member,
        A::RemoveFromGroup => !is_member,
        _ => false,
    };
    Ok(if is_so { RowFate::Unchanged } else { RowFate::Change })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_fate_and_revoked_is_for_good() {
        use DeviceState as S;
        for action in BulkAction::ALL.iter().filter(|action| action.subject() == BulkSubject::Devices) {
            for state in [S::Pending, S::Active, S::Suspended, S::Revoked] {
                let fate = fate_of_device(*action, state);
                let changes = fate == Ok(RowFate::Change);
                assert!(!(changes && state == S::Revoked), "{action:?} {state:?}");
            }
        }
        assert_eq!(fate_of_device(BulkAction::SuspendDevices, S::Active), Ok(RowFate::Change));
        assert_eq!(fate_of_device(BulkAction::ApproveDevices, S::Pending), Ok(RowFate::Change));
        assert!(fate_of_device(BulkAction::ApproveDevices, S::Suspended).is_err());
        assert!(fate_of_device(BulkAction::RestoreDevices, S::Pending).is_err());
    }
}
