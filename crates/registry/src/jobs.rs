//! Long work: imports, letters and bulk actions.
//!
//! Owns: planning (a dry run whose rows say what would become of each), starting, stopping, undoing, and doing the rows
//! ([`Registry::run_jobs`]). Not here: reading files (`import`), paper (`letters`), when a node works (`server`).
//!
//! Rows are done in groups, each group one unit: the deeds, what became of each row, the audit entries. What is
//! acknowledged is done once, whatever is killed (decision 8 of issue 5). A node works as long as it holds the work's
//! lease; another takes over when the lease is over, and finds the rows that are left.

mod bulk;
mod deeds;
mod plan;
mod runner;
#[cfg(test)]
mod tests;

use std::time::Duration;

use app::{Mandate, Refusal};
use domain::{
    AuditEntry, AuditEvent, BulkAction, Cursor, Job, JobCounts, JobId, JobKind, JobRow, JobState, Outcome,
    OutcomeFilter, Permission, RowFate, Timestamp,
};
use store::{JobFilter, JobMove, RowFilter};

pub use bulk::{BulkAsked, BulkFilter};
pub(crate) use plan::{Options, Planned};

use crate::Registry;
use crate::enrolments::numbered;

/// Rows of one unit of work.
const CHUNK: u32 = 100;
/// A bulk action may be undone for so long.
pub(crate) const UNDO: Duration = Duration::from_secs(60);
/// A node that was not heard of for so long works no more.
const LEASE: Duration = Duration::from_secs(30);
/// The secrets of letters are kept for so long after they were made, unless they are printed before.
const SECRETS: Duration = Duration::from_secs(24 * 3600);

/// Which work; what is none does not matter.
#[derive(Debug, Clone, Default)]
pub struct JobQuery {
    /// What kind.
    pub kind: Option<JobKind>,
    /// Where it stands.
    pub state: Option<JobState>,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// Rows at most.
    pub rows: u32,
}

/// Which rows; what is none does not matter.
#[derive(Debug, Clone, Copy, Default)]
pub struct RowQuery {
    /// What will become of it.
    pub fate: Option<RowFate>,
    /// What became of it.
    pub outcome: Option<OutcomeFilter>,
    /// The number of the last row of the page before.
    pub after: u32,
    /// Rows at most.
    pub rows: u32,
}

/// What somebody must be allowed to plan, start, stop or undo such work.
#[must_use]
pub const fn permission(kind: JobKind, action: Option<BulkAction>) -> Permission {
    use BulkAction as A;
    match (kind, action) {
        (JobKind::ImportUsers, _) => Permission::UsersWrite,
        (JobKind::ImportDevices, _) => Permission::DevicesWrite,
        (JobKind::BulkEnrol, _) => Permission::EnrolmentsWrite,
        (JobKind::BulkAction, Some(A::SuspendDevices)) => Permission::DevicesSuspend,
        (
            JobKind::BulkAction,
            Some(A::RestoreDevices | A::RevokeDevices | A::ApproveDevices | A::RejectDevices),
        ) => Permission::DevicesWrite,
        (JobKind::BulkAction, Some(A::DisableUsers | A::EnableUsers)) => Permission::UsersLock,
        (JobKind::BulkAction, Some(A::AddToGroup | A::RemoveFromGroup)) => Permission::GroupsWrite,
        (JobKind::BulkAction, Some(A::EndUserSessions | A::EndSessions) | None) => Permission::SessionsEnd,
    }
}

impl Registry {
    /// Work, newest first; the cursor's key is the time made, in milliseconds.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list.
    pub async fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>, Refusal> {
        numbered(query.after.as_ref())?;
        let filter = JobFilter { kind: query.kind, state: query.state };
        Ok(self.app.store().read().await?.jobs(filter, query.after.as_ref(), query.rows).await?)
    }

    /// A piece of work.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn job(&self, id: &JobId) -> Result<Job, Refusal> {
        self.app.store().read().await?.job(id).await?.ok_or(Refusal::NotFound)
    }

    /// Rows of a piece of work, in their order.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn job_rows(&self, id: &JobId, query: RowQuery) -> Result<Vec<JobRow>, Refusal> {
        self.job(id).await?;
        let filter = RowFilter { fate: query.fate, outcome: query.outcome };
        Ok(self.app.store().read().await?.job_rows(id, filter, query.after, query.rows).await?)
    }

    /// Starts work that was looked at. It is done under the mandate of whoever starts it.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden`; `Conflict("job_state")` when it is not ready.
    pub async fn start_job(&self, by: &Mandate, id: &JobId) -> Result<Job, Refusal> {
        let job = self.mine(by, id).await?;
        let now = self.app.now();
        let options = Options::of(&job)?.started_by(by);
        let step = JobMove {
            started_at: Some(now),
            secrets_until: (job.kind == JobKind::BulkEnrol).then(|| now.after(SECRETS)),
            ..JobMove::to(JobState::Running)
        };
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            if !work.move_job(id, &[JobState::Ready], step).await? {
                return Err(Refusal::Conflict("job_state"));
            }
            work.set_job_options(id, &options.text()).await?;
            work.audit(entry(by, AuditEvent::JobStarted, &job, now)).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        tracing::info!(job.id = %id, kind = job.kind.as_str(), rows = job.counts.to_do, "Job started");
        self.job(id).await
    }

    /// Stops work. What was done stays, but for a bulk action that can be undone: that is undone.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden`; `Conflict("job_state")` when it is over.
    pub async fn cancel_job(&self, by: &Mandate, id: &JobId) -> Result<Job, Refusal> {
        let job = self.mine(by, id).await?;
        let now = self.app.now();
        let options = Options::of(&job)?.moved_by(by);
        let is_undone = job.action.is_some_and(BulkAction::is_undoable);
        let over = JobMove { finished_at: Some(now), ..JobMove::to(JobState::Cancelled) };
        let undoing = JobMove { undo_until: Some(now.after(UNDO)), ..JobMove::to(JobState::Undoing) };
        let running = if is_undone { undoing } else { over };
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            let is_stopped = work.move_job(id, &[JobState::Ready], over).await?
                || work.move_job(id, &[JobState::Running], running).await?;
            if !is_stopped {
                return Err(Refusal::Conflict("job_state"));
            }
            work.set_job_options(id, &options.text()).await?;
            work.audit(entry(by, AuditEvent::JobCancelled, &job, now)).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        tracing::info!(job.id = %id, kind = job.kind.as_str(), "Job cancelled");
        self.job(id).await
    }

    /// Undoes a bulk action while that may be done.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden`; `Conflict("undo_over")` when it is too late; `Conflict("job_state")` when there is
    /// nothing to undo.
    pub async fn undo_job(&self, by: &Mandate, id: &JobId) -> Result<Job, Refusal> {
        let job = self.mine(by, id).await?;
        let now = self.app.now();
        if job.undo_until.is_some_and(|until| now >= until) {
            return Err(Refusal::Conflict("undo_over"));
        }
        // Taken back by whoever says so: who started it may not be allowed to any more.
        let options = Options::of(&job)?.moved_by(by);
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            if !work.move_job(id, &[JobState::Undoable], JobMove::to(JobState::Undoing)).await? {
                return Err(Refusal::Conflict("job_state"));
            }
            work.set_job_options(id, &options.text()).await?;
            work.audit(entry(by, AuditEvent::JobUndone, &job, now)).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        tracing::info!(job.id = %id, "Job is being undone");
        self.job(id).await
    }

    /// A piece of work that this mandate may move.
    pub(crate) async fn mine(&self, by: &Mandate, id: &JobId) -> Result<Job, Refusal> {
        let job = self.job(id).await?;
        by.must(permission(job.kind, job.action))?;
        by.must_give(Options::of(&job)?.needs)?;
        Ok(job)
    }
}

fn entry(by: &Mandate, event: AuditEvent, job: &Job, now: Timestamp) -> AuditEntry {
    let JobCounts { to_do, unchanged, conflict, .. } = job.counts;
    let what = job.action.map_or_else(|| job.kind.as_str(), BulkAction::as_str);
    let detail = format!("{} {what}: {to_do} to do, {unchanged} unchanged, {conflict} in conflict", job.id);
    AuditEntry { detail: app::audit::detail(&detail), ..by.entry(event, Outcome::Done, now) }
}
