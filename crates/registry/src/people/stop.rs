//! Stopping a person: for a while, or at once with everything that could act for it.

use app::{Change, Mandate, Refusal, notices};
use domain::{
    AccountId, AccountState, Actor, AuditEntry, AuditEvent, DeviceId, DeviceState, NoticeBy, NoticeKind,
    Person, SessionEnd, SessionId,
};
use store::{ChangeNote, Work};

use super::entry;
use crate::Registry;
use crate::groups::keep_a_superadmin;

/// Devices that one account can have.
const MOST_DEVICES: usize = 1000;

/// What a lock-down ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedDown {
    /// The person, stopped.
    pub person: Person,
    /// Browser sessions that ended.
    pub sessions: usize,
    /// Phones that were suspended.
    pub devices: usize,
    /// Enrolments that were cancelled.
    pub enrolments: u64,
    /// API keys that were revoked.
    pub api_keys: u64,
}

impl Registry {
    /// Stops a person: every flow refuses it from now on, and its sessions and their tokens end (SEC-153). Stopping one
    /// that is stopped changes nothing but ends what sessions there are.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` when the person has roles that the caller does not hold; `Invalid` when nobody would be
    /// left who may do everything.
    pub async fn disable_person(
        &self,
        by: &Mandate,
        id: &AccountId,
        reason: Option<&str>,
    ) -> Result<Person, Refusal> {
        let reason = reason.and_then(app::audit::detail);
        let deed = || async {
            let mut work = self.hold_people().await?;
            let ended =
                self.stop_person(&mut *work, by, id, AuditEvent::AccountDisabled, reason.as_deref()).await?;
            let person = work.person(id).await?.ok_or(Refusal::NotFound)?;
            work.commit().await?;
            Ok((person, ended))
        };
        let (person, ended) = self.app.repeatable(deed).await?;
        self.tell_ended(Change::Account(*id), &ended).await;
        tracing::info!(account.id = %id, sessions = ended.len(), "Account disabled");
        Ok(person)
    }

    /// Lets a person sign in again. Phones that were suspended stay so until each is restored.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` when the person has roles that the caller does not hold.
    pub async fn enable_person(&self, by: &Mandate, id: &AccountId) -> Result<Person, Refusal> {
        let now = self.app.now();
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            let before = work.person(id).await?.ok_or(Refusal::NotFound)?;
            by.must_hold(before.account.roles)?;
            if work.set_account_state(id, AccountState::Active, now).await? {
                work.audit(entry(by, AuditEvent::AccountEnabled, id, now, None)).await?;
                notices::post(&self.app, &mut *work, &before.account, NoticeKind::AccountEnabled, now)
                    .await?;
            }
            let after = work.person(id).await?.ok_or(Refusal::NotFound)?;
            work.commit().await?;
            Ok(after)
        };
        let person = self.app.repeatable(deed).await?;
        self.app.tell(Change::Account(*id)).await;
        tracing::info!(account.id = %id, "Account enabled");
        Ok(person)
    }

    /// Locks a person down: no sign-in, all sessions and grants ended, all phones suspended, enrolments cancelled, API
    /// keys revoked, in one unit. What is undone is undone by hand: [`Registry::enable_person`], then each phone.
    ///
    /// # Errors
    /// As [`Registry::disable_person`].
    pub async fn lock_down(
        &self,
        by: &Mandate,
        id: &AccountId,
        reason: Option<&str>,
    ) -> Result<LockedDown, Refusal> {
        let reason = reason.and_then(app::audit::detail);
        let deed = || async {
            let mut work = self.hold_people().await?;
            let ended = self
                .stop_person(&mut *work, by, id, AuditEvent::AccountLockedDown, reason.as_deref())
                .await?;
            let devices = self.suspend_devices_of(&mut *work, by, id).await?;
            let now = self.app.now();
            // Somebody who was stopped before is changed too: what stopped them may be taken back, this may not with it.
            let stopped = work.person(id).await?.ok_or(Refusal::NotFound)?;
            work.edit_account(&stopped.account, stopped.version, now).await?;
            let enrolments = work.cancel_enrolments_of(id, now).await?;
            let api_keys = work.revoke_api_keys_of(id, now).await?;
            let person = work.person(id).await?.ok_or(Refusal::NotFound)?;
            work.commit().await?;
            let done =
                LockedDown { person, sessions: ended.len(), devices: devices.len(), enrolments, api_keys };
            Ok((done, ended, devices))
        };
        let (done, ended, devices) = self.app.repeatable(deed).await?;
        for device in devices {
            self.app.tell(Change::Device(device)).await;
        }
        self.tell_ended(Change::Account(*id), &ended).await;
        tracing::info!(account.id = %id, sessions = done.sessions, devices = done.devices, "Account locked down");
        Ok(done)
    }

    pub(crate) async fn stop_person(
        &self,
        work: &mut dyn Work,
        by: &Mandate,
        id: &AccountId,
        event: AuditEvent,
        reason: Option<&str>,
    ) -> Result<Vec<SessionId>, Refusal> {
        let now = self.app.now();
        let before = work.person(id).await?.ok_or(Refusal::NotFound)?;
        by.must_hold(before.account.roles)?;
        let admins = work.count_superadmins().await?;
        let changed = work.set_account_state(id, AccountState::Disabled, now).await?;
        keep_a_superadmin(work, admins).await?;
        let is_owner = by.actor == Actor::Account(*id);
        let why = if is_owner { SessionEnd::SignedOut } else { SessionEnd::EndedByAdmin };
        let ended = work.end_sessions_of_account(id, why, now).await?;
        if changed || event == AuditEvent::AccountLockedDown {
            work.audit(entry(by, event, id, now, reason)).await?;
            let told_by = if is_owner { NoticeBy::Owner } else { NoticeBy::Admin };
            let kind = NoticeKind::AccountLocked { by: told_by, reason: reason.map(str::to_owned) };
            notices::post(&self.app, work, &before.account, kind, now).await?;
        }
        // Links that would give somebody a hold on the account end with it: they may be why it is stopped.
        for kind in [notices::CONFIRM_EMAIL, notices::PASSWORD_RESET] {
            work.void_notices(id, kind, now).await?;
        }
        let open = store::RecoveryFilter { account: Some(*id), open_at: Some(now) };
        for found in work.recoveries(&open, None, 1).await? {
            if work.cancel_recovery(&found.recovery.id, &by.actor, now).await? {
                work.audit(entry(by, AuditEvent::RecoveryCancelled, id, now, reason)).await?;
            }
        }
        for session in &ended {
            let who = if is_owner { "by the owner" } else { "by an administrator" };
            let told = entry(by, AuditEvent::SessionEnded, id, now, Some(who));
            work.audit(AuditEntry { session: Some(*session), ..told }).await?;
        }
        Ok(ended)
    }

    async fn suspend_devices_of(
        &self,
        work: &mut dyn Work,
        by: &Mandate,
        id: &AccountId,
    ) -> Result<Vec<DeviceId>, Refusal> {
        let now = self.app.now();
        let mut suspended = Vec::new();
        for device in work.devices_of(id).await?.into_iter().take(MOST_DEVICES) {
            if device.state == DeviceState::Suspended {
                // It was stopped for something else, which may be taken back: this may not with it.
                let note = ChangeNote { by: &by.actor, why: Some("the account was locked down") };
                work.note_device_change(&device.id, &note, now).await?;
            } else if work
                .move_device(&device.id, Some(id), &[DeviceState::Active], DeviceState::Suspended, now)
                .await?
            {
                let note = ChangeNote { by: &by.actor, why: Some("the account was locked down") };
                work.note_device_change(&device.id, &note, now).await?;
                let told =
                    entry(by, AuditEvent::DeviceSuspended, id, now, Some("the account was locked down"));
                work.audit(AuditEntry { device: Some(device.id), ..told }).await?;
                suspended.push(device.id);
            }
        }
        Ok(suspended)
    }
}
