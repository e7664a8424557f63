//! Doing the rows.

use app::{Change, Refusal, meters};
use domain::{
    AuditEvent, BulkAction, Job, JobCounts, JobKind, JobRow, JobState, OutcomeFilter, RowDone, RowOutcome,
    SessionId, Timestamp,
};
use store::{JobMove, RowFilter};

use super::deeds::Prepared;
use super::{CHUNK, LEASE, Options, SECRETS, UNDO, entry, permission};
use crate::Registry;

/// Which way rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// The deed.
    Do,
    /// What was done becomes final.
    Finalise,
    /// What was done is taken back.
    Undo,
}

impl Pass {
    const fn of(state: JobState) -> Option<Self> {
        match state {
            JobState::Running => Some(Self::Do),
            JobState::Finalising => Some(Self::Finalise),
            JobState::Undoing => Some(Self::Undo),
            _ => None,
        }
    }

    const fn rows(self) -> OutcomeFilter {
        match self {
            Self::Do => OutcomeFilter::Waiting,
            Self::Finalise | Self::Undo => OutcomeFilter::Is(RowOutcome::Done),
        }
    }

    const fn outcome(self) -> RowOutcome {
        match self {
            Self::Do => RowOutcome::Done,
            Self::Finalise => RowOutcome::Final,
            Self::Undo => RowOutcome::Undone,
        }
    }
}

/// What a deed changed, to be told after the commit.
#[derive(Debug, Default)]
pub(super) struct Did {
    pub(super) subject: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) change: Option<Change>,
    pub(super) ended: Vec<SessionId>,
}

impl Registry {
    /// One step: takes work that is due for this node and does some of its rows. `false` when there is none.
    ///
    /// # Errors
    /// The store. Nothing of the step was done then, and this or another node does it later.
    pub async fn run_jobs(&self, node: &str) -> Result<bool, Refusal> {
        let now = self.app.now();
        if !self.app.store().read().await?.is_work_due(now).await? {
            return Ok(false);
        }
        let claim = || async {
            let mut work = self.app.store().begin().await?;
            let job = work.claim_job(node, now, now.after(LEASE)).await?;
            work.commit().await?;
            Ok(job)
        };
        let Some(job) = self.app.repeatable(claim).await? else { return Ok(false) };
        let Some(pass) = Pass::of(job.state) else {
            // The time in which it could be undone is over.
            let finalised = job.action.is_some_and(BulkAction::is_finalised);
            let to = if finalised { JobState::Finalising } else { JobState::Finished };
            self.move_on(&job, node, to).await?;
            return Ok(true);
        };
        let filter = RowFilter { fate: None, outcome: Some(pass.rows()) };
        let rows = self.app.store().read().await?.job_rows(&job.id, filter, 0, CHUNK).await?;
        if rows.is_empty() {
            let to = match (pass, job.action) {
                (Pass::Do, Some(action)) if action.is_undoable() => JobState::Undoable,
                (Pass::Do | Pass::Finalise, _) => JobState::Finished,
                (Pass::Undo, _) => JobState::Undone,
            };
            self.move_on(&job, node, to).await?;
            return Ok(true);
        }
        self.do_rows(&job, node, pass, &rows).await?;
        Ok(true)
    }

    /// All rows of this state are done.
    async fn move_on(&self, job: &Job, node: &str, to: JobState) -> Result<(), Refusal> {
        let now = self.app.now();
        let is_over = matches!(to, JobState::Finished | JobState::Undone);
        let step = JobMove {
            finished_at: is_over.then_some(now),
            undo_until: (to == JobState::Undoable).then(|| now.after(UNDO)),
            secrets_until: (job.kind == JobKind::BulkEnrol && is_over).then(|| now.after(SECRETS)),
            ..JobMove::to(to)
        };
        let by = Options::of(job)?.mandate();
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            let is_ours = work.hold_job(&job.id, node, job.state, now.after(LEASE)).await?;
            if is_ours && work.move_job(&job.id, &[job.state], step).await? {
                work.release_job(&job.id, node).await?;
                if is_over {
                    work.audit(entry(&by, AuditEvent::JobFinished, job, now)).await?;
                }
            }
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        tracing::info!(job.id = %job.id, state = to.as_str(), "Job moved on");
        Ok(())
    }

    async fn do_rows(&self, job: &Job, node: &str, pass: Pass, rows: &[JobRow]) -> Result<(), Refusal> {
        let options = Options::of(job)?;
        let by = self.mandate_of(&options).await?;
        let is_permitted = by.may(permission(job.kind, job.action));
        let prepared = self.prepare_rows(job, &by, rows).await?;
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            if options.touches_people(job) {
                work.hold_people().await?;
            }
            if !work.hold_job(&job.id, node, job.state, now.after(LEASE)).await? {
                // Cancelled, or taken over: whoever has it now goes on.
                return Ok(Vec::new());
            }
            let known = self.known(&mut *work, &options, &prepared).await?;
            let (mut closed, mut counted, mut changes) = (Vec::new(), JobCounts::default(), Vec::new());
            for (row, prepared) in rows.iter().zip(&prepared) {
                let done = match prepared {
                    _ if !is_permitted => {
                        Err(failed(row, "row", "may not be done any more by whoever started or undid this"))
                    }
                    Prepared::Broken(field, why) => Err(failed(row, field, why)),
                    Prepared::Bulk(input) => self
                        .do_bulk(&mut *work, &by, job, &options, pass, input, now)
                        .await
                        .map_err(|refusal| of_row(row, refusal)),
                    one => self
                        .do_import(&mut *work, &by, &known, one, now)
                        .await
                        .map_err(|refusal| of_row(row, refusal)),
                };
                match done {
                    Ok(did) => {
                        match pass {
                            Pass::Do => counted.done += 1,
                            Pass::Finalise => {}
                            Pass::Undo => counted.undone += 1,
                        }
                        changes.extend(did.change);
                        changes.extend(did.ended.into_iter().map(Change::Session));
                        closed.push(RowDone {
                            number: row.number,
                            outcome: pass.outcome(),
                            field: None,
                            reason: None,
                            subject: did.subject,
                            secret: did.secret,
                        });
                    }
                    Err(Ok(failed)) => {
                        counted.failed += 1;
                        closed.push(failed);
                    }
                    Err(Err(refusal)) => return Err(refusal),
                }
            }
            work.close_rows(&job.id, &closed, counted).await?;
            work.commit().await?;
            // Only a letter leaves a secret.
            closed
                .iter()
                .filter(|row| row.secret.is_some())
                .for_each(|_| self.app.meters().count(meters::Event::EnrolmentMade));
            Ok(changes)
        };
        let changes = self.app.repeatable(deed).await?;
        self.app.tell_all(&changes).await;
        Ok(())
    }

    /// Forgets the secrets of letters whose time is over, of one piece of work.
    ///
    /// # Errors
    /// The store.
    pub async fn drop_old_secrets(&self) -> Result<bool, Refusal> {
        let now: Timestamp = self.app.now();
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            let is_dropped = work.drop_old_secrets(now).await?;
            work.commit().await?;
            Ok(is_dropped)
        };
        self.app.repeatable(deed).await
    }
}

/// Whether a refusal is about the row, which fails then, or about the store, so that nothing of the unit is done.
fn of_row(row: &JobRow, refusal: Refusal) -> Result<RowDone, Refusal> {
    match refusal {
        Refusal::Invalid { field, why } => failed(row, field, why),
        Refusal::Conflict("device_limit") => failed(row, "username", "has as many phones as may be"),
        Refusal::Conflict("device_key") => failed(row, "public_key", "is known already"),
        Refusal::Conflict("cas_name") => failed(row, "device", "is there by now, of this person or another"),
        Refusal::Conflict("username") => {
            failed(row, "username", "is taken, or looks like the name of somebody else")
        }
        Refusal::Conflict("device_state" | "state") => failed(row, "state", "is another one by now"),
        Refusal::Conflict(_) => failed(row, "row", "contradicts what is there by now"),
        Refusal::NotFound | Refusal::Gone => {
            failed(row, "row", "is about something that is not there any more")
        }
        Refusal::Forbidden => failed(row, "roles", "are more than whoever started this may give or take"),
        other => Err(other),
    }
}

fn failed(row: &JobRow, field: &str, why: &str) -> Result<RowDone, Refusal> {
    Ok(RowDone {
        number: row.number,
        outcome: RowOutcome::Failed,
        field: Some(field.to_owned()),
        reason: Some(why.to_owned()),
        subject: None,
        secret: None,
    })
}
