//! The queue of phones that wait for an administrator (SEC-075).
//!
//! Owns: finding and deciding them. Not here: which phones have to wait (`enrolment`, by the policy of the owner's
//! groups), what a waiting phone may do: ask for its state, and nothing else (`signin`).

use app::{Change, Mandate, Refusal};
use domain::{Cursor, DeviceId, DeviceSort, DeviceState, ListedDevice, Permission};
use store::DeviceFilter;

use crate::Registry;
use crate::devices::change::{DeviceActor, held};

/// Phones decided at once.
const MOST: usize = 200;

/// What an administrator decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The phone may act.
    Approve,
    /// It is refused for good: its key never works.
    Reject,
}

/// What became of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// As decided.
    Done,
    /// There is no such phone.
    NotFound,
    /// It does not wait (any more).
    NotPending,
}

impl Decided {
    /// The word shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotFound => "not_found",
            Self::NotPending => "not_pending",
        }
    }
}

impl Registry {
    /// Phones that wait, the longest first.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list.
    pub async fn approvals(
        &self,
        search: Option<&str>,
        after: Option<&Cursor>,
        rows: u32,
    ) -> Result<Vec<ListedDevice>, Refusal> {
        crate::enrolments::numbered(after)?;
        let filter =
            DeviceFilter { state: Some(DeviceState::Pending), query: search, ..DeviceFilter::default() };
        let mut view = self.app.store().read().await?;
        Ok(view.find_devices(&filter, DeviceSort::Created, false, after, rows).await?)
    }

    /// Decides about phones that wait, each by itself, in one unit.
    ///
    /// # Errors
    /// `Forbidden`; `Invalid` for more than 200.
    pub async fn decide_approvals(
        &self,
        by: &Mandate,
        ids: &[String],
        decision: Decision,
        reason: Option<&str>,
    ) -> Result<Vec<(String, Decided)>, Refusal> {
        by.must(Permission::DevicesWrite)?;
        if ids.is_empty() || ids.len() > MOST {
            return Err(Refusal::Invalid { field: "ids", why: "are none, or more than 200" });
        }
        let reason = reason.and_then(app::audit::detail);
        let actor = DeviceActor { actor: by.actor.clone(), address: by.address, owner: None };
        let to = match decision {
            Decision::Approve => DeviceState::Active,
            Decision::Reject => DeviceState::Revoked,
        };
        // In one order, whatever the caller's: two who decide at the same time do not wait for each other.
        let mut sorted: Vec<&String> = ids.iter().collect();
        sorted.sort();
        sorted.dedup();
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let (mut results, mut changes) = (Vec::new(), Vec::new());
            for id in &sorted {
                let Ok(device) = id.parse::<DeviceId>() else {
                    results.push(((*id).clone(), Decided::NotFound));
                    continue;
                };
                let decided = match held(&mut *work, &actor, &device, None).await {
                    Err(Refusal::NotFound) => Decided::NotFound,
                    Err(other) => return Err(other),
                    Ok(held) => {
                        let moved = (DeviceState::Pending, to);
                        match self.move_waiting(&mut *work, by, &held, moved, reason.as_deref(), now).await {
                            Ok(()) => {
                                changes.push(Change::Device(device));
                                Decided::Done
                            }
                            Err(Refusal::Conflict(_)) => Decided::NotPending,
                            Err(other) => return Err(other),
                        }
                    }
                };
                results.push(((*id).clone(), decided));
            }
            work.commit().await?;
            Ok((results, changes))
        };
        let (results, changes) = self.app.repeatable(deed).await?;
        self.app.tell_all(&changes).await;
        tracing::info!(devices = changes.len(), state = to.as_str(), "Waiting devices decided");
        Ok(results)
    }
}
