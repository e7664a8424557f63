//! The button for a lost phone.
//!
//! Owns: what it does, wherever it is pressed: on another phone of the same owner, on the account page, in the
//! console, at the command line. Not here: the proof that its owner is there (doors demand it for "found").
//!
//! ```text
//! lost ──▶ suspended ──found (strong proof of the owner, or an administrator)──▶ active
//! stolen ──▶ revoked
//! ```
//! In one unit: the phone is stopped, the sessions it approved end (the store leaves the notices to their relying
//! parties), the reason is kept, and its owner is told on every channel.

use app::{Change, Refusal, audit};
use domain::{Actor, AuditEntry, AuditEvent, Device, DeviceId, DeviceState};
use store::ChangeNote;

use crate::Registry;
use crate::devices::change::{DeviceActor, Stop, StopAsked, Stopped, held};

/// What happened to the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostReason {
    /// It may turn up again.
    Lost,
    /// It is in somebody else's hands.
    Stolen,
}

impl LostReason {
    /// The word kept and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Stolen => "stolen",
        }
    }

    /// The reason with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Lost, Self::Stolen].into_iter().find(|reason| reason.as_str() == word)
    }

    const fn stop(self) -> Stop {
        match self {
            Self::Lost => Stop::Suspend,
            Self::Stolen => Stop::Revoke,
        }
    }
}

impl Registry {
    /// Stops a lost or stolen phone and ends the sessions that it approved. Pressing twice does no harm, and a lost
    /// phone may be reported stolen later.
    ///
    /// # Errors
    /// `NotFound`; `Conflict("device_state")` when a lost phone is pending or revoked already.
    pub async fn lost_device(
        &self,
        by: &DeviceActor,
        id: &DeviceId,
        reason: LostReason,
        note: Option<&str>,
    ) -> Result<Stopped, Refusal> {
        let words = match note.and_then(audit::detail) {
            Some(note) => format!("{}: {note}", reason.as_str()),
            None => reason.as_str().to_owned(),
        };
        let why = audit::detail(&words);
        let asked =
            StopAsked { stop: reason.stop(), why: why.as_deref(), with_sessions: true, version: None };
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let device = held(&mut *work, by, id, None).await?;
            let entry = by.entry(AuditEvent::DeviceLost, &device, now);
            work.audit(AuditEntry { detail: why.clone(), ..entry }).await?;
            if reason == LostReason::Lost && device.state == DeviceState::Suspended {
                // It was stopped for something else, which may be taken back: this may not with it.
                // Who had stopped it stays the one who lets it back.
                let stopped_by = match &device.record.changed_by {
                    _ if by.may_let_back(&device) => &by.actor,
                    Some(other) => other,
                    None => &Actor::System,
                };
                let note = ChangeNote { by: stopped_by, why: why.as_deref() };
                work.note_device_change(id, &note, now).await?;
            }
            let stopped = self.stop(&mut *work, by, device, asked, why.as_deref(), now).await?;
            work.commit().await?;
            Ok(stopped)
        };
        let stopped = self.app.repeatable(deed).await?;
        self.tell_ended(Change::Device(*id), &stopped.ended).await;
        tracing::info!(device.id = %id, reason = reason.as_str(), sessions = stopped.ended.len(), "Device lost");
        Ok(stopped)
    }

    /// The phone turned up: it may act again. Its owner has to have proven that strongly before; a phone that was
    /// stolen never comes back (SEC-081).
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` when an administrator had stopped it; `Conflict("device_state")` when it is not
    /// suspended.
    pub async fn found_device(&self, by: &DeviceActor, id: &DeviceId) -> Result<Device, Refusal> {
        self.let_device_back(by, id, None).await
    }
}
