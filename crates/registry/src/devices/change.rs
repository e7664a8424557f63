//! What somebody does to a phone that is there: stop, let back, rename.
//!
//! Owns: who may touch which phone, the state it must be in, and that deed, audit entry and notice are one unit.
//! Not here: a lost phone's button (`lost`), another key (`rotation`), another phone in its place (`moves`).
//!
//! The phone is held before it is looked at, so two that change it see each other.

use app::{Change, Refusal, audit, notices};
use domain::notice::{NoticeBy, NoticeKind};
use domain::{
    Account, AccountId, Actor, AuditEntry, AuditEvent, ClientAddress, Device, DeviceId, DeviceState, Outcome,
    SessionEnd, SessionId, Timestamp, text,
};
use store::{ChangeNote, Work};

use crate::Registry;

/// Who changes a phone.
#[derive(Debug, Clone)]
pub struct DeviceActor {
    /// Who.
    pub actor: Actor,
    /// From where, where that is known.
    pub address: Option<ClientAddress>,
    /// Whose phones it may touch; none: everybody's. What it may not touch is not there for it (SEC-083).
    pub owner: Option<AccountId>,
}

impl DeviceActor {
    /// The operator at the command line.
    #[must_use]
    pub const fn operator() -> Self {
        Self { actor: Actor::Operator, address: None, owner: None }
    }

    /// A person with their own phones.
    #[must_use]
    pub const fn owner(account: AccountId, address: ClientAddress) -> Self {
        Self { actor: Actor::Account(account), address: Some(address), owner: Some(account) }
    }

    /// A phone, with those of its owner.
    #[must_use]
    pub const fn device(device: &Device, address: ClientAddress) -> Self {
        Self { actor: Actor::Device(device.id), address: Some(address), owner: Some(device.account) }
    }

    /// Owners let back what they or their phones had stopped. What an administrator stopped, an administrator lets
    /// back.
    pub(crate) fn may_let_back(&self, device: &Device) -> bool {
        let Some(owner) = self.owner else { return true };
        match &device.record.changed_by {
            Some(Actor::Account(who)) => *who == owner,
            Some(Actor::Device(_)) => true,
            _ => false,
        }
    }

    /// As notices tell it.
    pub(crate) const fn notice_by(&self) -> NoticeBy {
        match (&self.actor, &self.owner) {
            (Actor::Device(_), _) => NoticeBy::Device,
            (Actor::System, _) => NoticeBy::System,
            (_, Some(_)) => NoticeBy::Owner,
            (_, None) => NoticeBy::Admin,
        }
    }

    /// As the end of a session tells it.
    pub(crate) const fn session_end(&self) -> SessionEnd {
        match (&self.actor, &self.owner) {
            (_, Some(_)) => SessionEnd::EndedByDevice,
            (_, None) => SessionEnd::EndedByAdmin,
        }
    }

    /// An entry about one of its phones.
    pub(crate) fn entry(&self, event: AuditEvent, device: &Device, now: Timestamp) -> AuditEntry {
        AuditEntry {
            account: Some(device.account),
            device: Some(device.id),
            ..audit::of(&self.actor, self.address, event, Outcome::Done, now)
        }
    }
}

/// How a phone is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// For the time being.
    Suspend,
    /// For good (SEC-081).
    Revoke,
}

/// What stopping did.
#[derive(Debug, Clone)]
pub struct Stopped {
    /// The phone as it is now.
    pub device: Device,
    /// Sessions that ended with it.
    pub ended: Vec<SessionId>,
}

/// A stop as it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct StopAsked<'a> {
    /// How.
    pub stop: Stop,
    /// Why, in a plain line.
    pub why: Option<&'a str>,
    /// End the sessions it approved, too.
    pub with_sessions: bool,
    /// The version that the caller looked at.
    pub version: Option<u32>,
}

impl Registry {
    /// Stops a phone (SEC-079): when this answers, that is durable (SEC-080), and whoever waits for its decision
    /// is told at once. Stopping one that is stopped so already changes nothing more, but ends its sessions where
    /// that is asked for.
    ///
    /// # Errors
    /// `NotFound`; `Conflict("device_state")` when a phone to be suspended is pending or revoked; `Outdated`.
    pub async fn stop_device(
        &self,
        by: &DeviceActor,
        id: &DeviceId,
        asked: StopAsked<'_>,
    ) -> Result<Stopped, Refusal> {
        let why = asked.why.and_then(audit::detail);
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let held = held(&mut *work, by, id, asked.version).await?;
            let stopped = self.stop(&mut *work, by, held, asked, why.as_deref(), now).await?;
            work.commit().await?;
            Ok(stopped)
        };
        let stopped = self.app.repeatable(deed).await?;
        self.tell_ended(Change::Device(*id), &stopped.ended).await;
        tracing::info!(
            device.id = %id, state = stopped.device.state.as_str(), sessions = stopped.ended.len(), "Device stopped"
        );
        Ok(stopped)
    }

    /// Its owner removes a phone that they have no use for, unless nothing would be left to sign in with (SEC-174). Who
    /// lost one says that instead ([`Registry::lost_device`]).
    ///
    /// # Errors
    /// `NotFound`; `Conflict("last_factor")`; `Conflict("device_state")`.
    pub async fn remove_device(
        &self,
        owner: &AccountId,
        address: ClientAddress,
        id: &DeviceId,
    ) -> Result<Stopped, Refusal> {
        let by = DeviceActor::owner(*owner, address);
        let asked = StopAsked { stop: Stop::Revoke, why: None, with_sessions: true, version: None };
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            // Of two that remove the last two at the same time one waits, and finds the other gone.
            work.hold_account(owner).await?;
            let held = held(&mut *work, &by, id, None).await?;
            // An app made for CAS lets nobody in by itself: its owner has a password besides.
            let was_way_in = held.is_active() && held.key.is_some();
            let stopped = self.stop(&mut *work, &by, held, asked, None, now).await?;
            let left = work.factors_held(owner).await?.ok_or(Refusal::NotFound)?;
            if was_way_in && left.ways_in() == 0 {
                return Err(Refusal::Conflict("last_factor"));
            }
            work.commit().await?;
            Ok(stopped)
        };
        let stopped = self.app.repeatable(deed).await?;
        self.tell_ended(Change::Device(*id), &stopped.ended).await;
        tracing::info!(device.id = %id, sessions = stopped.ended.len(), "Device removed by its owner");
        Ok(stopped)
    }

    /// The same in a unit that is open. The caller tells the change after its commit.
    pub(crate) async fn stop(
        &self,
        work: &mut dyn Work,
        by: &DeviceActor,
        device: Device,
        asked: StopAsked<'_>,
        why: Option<&str>,
        now: Timestamp,
    ) -> Result<Stopped, Refusal> {
        use DeviceState as S;
        let (from, to, event): (&[S], S, AuditEvent) = match asked.stop {
            Stop::Suspend => (&[S::Active], S::Suspended, AuditEvent::DeviceSuspended),
            Stop::Revoke => (&[S::Pending, S::Active, S::Suspended], S::Revoked, AuditEvent::DeviceRevoked),
        };
        let mut device = device;
        if device.state != to {
            if !work.move_device(&device.id, None, from, to, now).await? {
                return Err(Refusal::Conflict("device_state"));
            }
            work.note_device_change(&device.id, &ChangeNote { by: &by.actor, why }, now).await?;
            work.audit(AuditEntry { detail: why.map(str::to_owned), ..by.entry(event, &device, now) })
                .await?;
            let (name, who) = (text::shown(&device.name, 60), by.notice_by());
            let reason = why.map(str::to_owned);
            let kind = match asked.stop {
                Stop::Suspend => NoticeKind::DeviceSuspended { device: device.id, name, by: who, reason },
                Stop::Revoke => NoticeKind::DeviceRevoked { name, by: who, reason },
            };
            self.post(work, &device.account, kind, now).await?;
            device = work.device(&device.id).await?.ok_or(Refusal::NotFound)?;
        }
        let ended = if asked.with_sessions {
            work.end_sessions_of_device(&device.id, by.session_end(), now).await?
        } else {
            Vec::new()
        };
        for session in &ended {
            let entry = by.entry(AuditEvent::SessionEnded, &device, now);
            let detail = audit::detail(by.session_end().as_str());
            work.audit(AuditEntry { session: Some(*session), detail, ..entry }).await?;
        }
        Ok(Stopped { device, ended })
    }

    /// Lets a suspended phone act again. Whoever is its owner has to have proven that strongly before (the door
    /// demands it).
    ///
    /// # Errors
    /// `NotFound`; `Conflict("device_state")` when it is not suspended; `Outdated`.
    pub async fn let_device_back(
        &self,
        by: &DeviceActor,
        id: &DeviceId,
        version: Option<u32>,
    ) -> Result<Device, Refusal> {
        let from = [DeviceState::Suspended];
        self.activate(by, id, &from, version).await
    }

    pub(crate) async fn activate(
        &self,
        by: &DeviceActor,
        id: &DeviceId,
        from: &[DeviceState],
        version: Option<u32>,
    ) -> Result<Device, Refusal> {
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let device = held(&mut *work, by, id, version).await?;
            if !by.may_let_back(&device) {
                return Err(Refusal::Forbidden);
            }
            if !work.move_device(id, None, from, DeviceState::Active, now).await? {
                return Err(Refusal::Conflict("device_state"));
            }
            work.note_device_change(id, &ChangeNote { by: &by.actor, why: None }, now).await?;
            let name = text::shown(&device.name, 60);
            // One that waited was not let back but let in: the audit trail and its owner are told the same.
            let (event, kind) = if device.state == DeviceState::Pending {
                (AuditEvent::DeviceApproved, NoticeKind::DeviceApproved { device: *id, name })
            } else {
                let by = by.notice_by();
                (AuditEvent::DeviceRestored, NoticeKind::DeviceRestored { device: *id, name, by })
            };
            work.audit(by.entry(event, &device, now)).await?;
            self.post(&mut *work, &device.account, kind, now).await?;
            let device = work.device(id).await?.ok_or(Refusal::NotFound)?;
            work.commit().await?;
            Ok(device)
        };
        let device = self.app.repeatable(deed).await?;
        self.app.tell(Change::Device(*id)).await;
        tracing::info!(device.id = %id, "Device is active");
        Ok(device)
    }

    /// Gives a phone another name.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for the name; `Conflict("device_state")` for a revoked one; `Outdated`.
    pub async fn rename_device(
        &self,
        by: &DeviceActor,
        id: &DeviceId,
        name: &str,
        version: Option<u32>,
    ) -> Result<Device, Refusal> {
        let name = super::plain("name", name)?;
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let device = held(&mut *work, by, id, version).await?;
            if device.name == name {
                return Ok(device);
            }
            if !work.rename_device(id, &name).await? {
                return Err(Refusal::Conflict("device_state"));
            }
            work.note_device_change(id, &ChangeNote { by: &by.actor, why: Some("renamed") }, now).await?;
            work.audit(by.entry(AuditEvent::DeviceRenamed, &device, now)).await?;
            let kind =
                NoticeKind::DeviceChanged { device: *id, name: text::shown(&name, 60), by: by.notice_by() };
            self.post(&mut *work, &device.account, kind, now).await?;
            let device = work.device(id).await?.ok_or(Refusal::NotFound)?;
            work.commit().await?;
            Ok(device)
        };
        let device = self.app.repeatable(deed).await?;
        self.app.tell(Change::Device(*id)).await;
        Ok(device)
    }

    /// A notice to the phone's owner, in the unit of the deed (SEC-078).
    pub(crate) async fn post(
        &self,
        work: &mut dyn Work,
        owner: &AccountId,
        kind: NoticeKind,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let Some(account): Option<Account> = work.account(owner).await? else { return Ok(()) };
        notices::post(&self.app, work, &account, kind, now).await
    }
}

/// The phone, held, if it is the actor's to touch and still as it was looked at.
pub(crate) async fn held(
    work: &mut dyn Work,
    by: &DeviceActor,
    id: &DeviceId,
    version: Option<u32>,
) -> Result<Device, Refusal> {
    let device = work.hold_device(id).await?.ok_or(Refusal::NotFound)?;
    if by.owner.is_some_and(|owner| owner != device.account) {
        return Err(Refusal::NotFound);
    }
    match version {
        Some(seen) if seen != device.record.version => {
            Err(Refusal::Outdated { current: i64::from(device.record.version) })
        }
        _ => Ok(device),
    }
}
