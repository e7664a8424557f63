//! What changes long work: making it, taking it up, and closing its rows.

use async_trait::async_trait;
use domain::{Job, JobCounts, JobId, JobRow, JobState, RowDone, Timestamp};
use serde_json::json;
use store::{EditJobs, JobMove, Result};

use super::Row;
use crate::values::bind;
use crate::work::{SqlWork, sql};

/// Of several states at most so many are asked for at once.
const STATES: usize = 4;

#[async_trait]
impl EditJobs for SqlWork {
    async fn add_job(&mut self, job: &Job) -> Result<()> {
        self.run(
            sql!(
                "INSERT INTO jobs
                    (id, kind, action, state, made_by, options, to_do, unchanged, conflict, done, failed, undone,
                     created_at, started_at, finished_at, undo_until, secrets_until, lease_until)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 0)"
            ),
            bind![
                &job.id,
                job.kind.as_str(),
                job.action.map(domain::BulkAction::as_str),
                job.state.as_str(),
                job.made_by.to_string(),
                &job.options,
                job.counts.to_do,
                job.counts.unchanged,
                job.counts.conflict,
                job.counts.done,
                job.counts.failed,
                job.counts.undone,
                job.created_at,
                job.started_at,
                job.finished_at,
                job.undo_until,
                job.secrets_until,
            ],
        )
        .await?;
        Ok(())
    }

    async fn add_job_rows(&mut self, id: &JobId, rows: &[JobRow]) -> Result<()> {
        let rows = json!(rows).to_string();
        self.run(
            sql!(
                sqlite: "INSERT INTO job_rows (job_id, number, label, input, fate, field, reason, about)
                 SELECT $1, json_extract(value, '$.number'), json_extract(value, '$.label'),
                        json_extract(value, '$.input'), json_extract(value, '$.fate'),
                        json_extract(value, '$.field'), json_extract(value, '$.reason'),
                        json_extract(value, '$.about')
                   FROM json_each($2)",
                postgres: "INSERT INTO job_rows (job_id, number, label, input, fate, field, reason, about)
                 SELECT $1, r.number, r.label, r.input, r.fate, r.field, r.reason, r.about
                   FROM json_to_recordset(CAST($2 AS json))
                     AS r(number BIGINT, label TEXT, input TEXT, fate TEXT, field TEXT, reason TEXT, about TEXT)"
            ),
            bind![id, rows],
        )
        .await?;
        Ok(())
    }

    async fn ready_job(&mut self, id: &JobId, counts: JobCounts) -> Result<bool> {
        let changed = self
            .run(
                sql!(
                    "UPDATE jobs SET state = 'ready', to_do = $2, unchanged = $3, conflict = $4
                      WHERE id = $1 AND state = 'draft'"
                ),
                bind![id, counts.to_do, counts.unchanged, counts.conflict],
            )
            .await?;
        Ok(changed == 1)
    }

    async fn move_job(&mut self, id: &JobId, from: &[JobState], step: JobMove) -> Result<bool> {
        debug_assert!(from.len() <= STATES, "the statement has {STATES} places");
        let from_at = |at: usize| from.get(at).map_or("", |state| state.as_str());
        let changed = self
            .run(
                sql!(
                    "UPDATE jobs SET state = $2, started_at = COALESCE($3, started_at),
                            finished_at = COALESCE($4, finished_at), undo_until = COALESCE($5, undo_until),
                            secrets_until = COALESCE($6, secrets_until)
                      WHERE id = $1 AND state IN ($7, $8, $9, $10)"
                ),
                bind![
                    id,
                    step.to.as_str(),
                    step.started_at,
                    step.finished_at,
                    step.undo_until,
                    step.secrets_until,
                    from_at(0),
                    from_at(1),
                    from_at(2),
                    from_at(3),
                ],
            )
            .await?;
        Ok(changed == 1)
    }

    async fn set_job_options(&mut self, id: &JobId, options: &str) -> Result<()> {
        self.run(sql!("UPDATE jobs SET options = $2 WHERE id = $1"), bind![id, options]).await?;
        Ok(())
    }

    async fn claim_job(&mut self, node: &str, now: Timestamp, until: Timestamp) -> Result<Option<Job>> {
        self.optional::<Row>(
            sql!(
                sqlite: "UPDATE jobs SET lease_by = $1, lease_until = $3
                  WHERE id = (SELECT id FROM jobs
                               WHERE (state IN ('running', 'finalising', 'undoing')
                                      OR (state = 'undoable' AND undo_until <= $2))
                                 AND (lease_until <= $2 OR lease_by = $1)
                               ORDER BY lease_until, created_at LIMIT 1)
                 RETURNING id, kind, action, state, made_by, options, to_do, unchanged, conflict, done, failed, undone,
                        created_at, started_at, finished_at, undo_until, secrets_until",
                postgres: "UPDATE jobs SET lease_by = $1, lease_until = $3
                  WHERE id = (SELECT id FROM jobs
                               WHERE (state IN ('running', 'finalising', 'undoing')
                                      OR (state = 'undoable' AND undo_until <= $2))
                                 AND (lease_until <= $2 OR lease_by = $1)
                               ORDER BY lease_until, created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
                 RETURNING id, kind, action, state, made_by, options, to_do, unchanged, conflict, done, failed, undone,
                        created_at, started_at, finished_at, undo_until, secrets_until"
            ),
            bind![node, now, until],
        )
        .await?
        .map(Job::try_from)
        .transpose()
    }

    async fn hold_job(&mut self, id: &JobId, node: &str, state: JobState, until: Timestamp) -> Result<bool> {
        let held = self
            .run(
                sql!("UPDATE jobs SET lease_until = $4 WHERE id = $1 AND lease_by = $2 AND state = $3"),
                bind![id, node, state.as_str(), until],
            )
            .await?;
        Ok(held == 1)
    }

    async fn release_job(&mut self, id: &JobId, node: &str) -> Result<()> {
        self.run(sql!("UPDATE jobs SET lease_until = 0 WHERE id = $1 AND lease_by = $2"), bind![id, node])
            .await?;
        Ok(())
    }

    async fn close_rows(&mut self, id: &JobId, rows: &[RowDone], counted: JobCounts) -> Result<()> {
        let rows = json!(rows).to_string();
        // With the key SQLite looks for each given row, in place of all given rows for each row of the work.
        self.run(
            sql!(
                sqlite: "UPDATE job_rows
                    SET outcome = json_extract(r.value, '$.outcome'),
                        field = COALESCE(json_extract(r.value, '$.field'), field),
                        reason = COALESCE(json_extract(r.value, '$.reason'), reason),
                        subject = COALESCE(json_extract(r.value, '$.subject'), subject),
                        secret = COALESCE(json_extract(r.value, '$.secret'), secret),
                        about = CASE WHEN json_extract(r.value, '$.subject') LIKE 'acc!_%' ESCAPE '!'
                                     THEN json_extract(r.value, '$.subject') ELSE about END
                   FROM json_each($2) AS r
                  WHERE job_id = COALESCE($1, r.key) AND number = json_extract(r.value, '$.number')",
                postgres: "UPDATE job_rows
                    SET outcome = r.outcome, field = COALESCE(r.field, job_rows.field),
                        reason = COALESCE(r.reason, job_rows.reason), subject = COALESCE(r.subject, job_rows.subject),
                        secret = COALESCE(r.secret, job_rows.secret),
                        about = CASE WHEN r.subject LIKE 'acc!_%' ESCAPE '!' THEN r.subject ELSE job_rows.about END
                   FROM json_to_recordset(CAST($2 AS json))
                     AS r(number BIGINT, outcome TEXT, field TEXT, reason TEXT, subject TEXT, secret TEXT)
                  WHERE job_rows.job_id = $1 AND job_rows.number = r.number"
            ),
            bind![id, rows],
        )
        .await?;
        self.run(
            sql!(
                "UPDATE jobs SET done = done + $2, failed = failed + $3, undone = undone + $4 WHERE id = $1"
            ),
            bind![id, counted.done, counted.failed, counted.undone],
        )
        .await?;
        Ok(())
    }

    async fn drop_secrets(&mut self, id: &JobId) -> Result<bool> {
        let dropped = self
            .run(
                sql!("UPDATE jobs SET secrets_until = NULL WHERE id = $1 AND secrets_until IS NOT NULL"),
                bind![id],
            )
            .await?;
        self.run(
            sql!("UPDATE job_rows SET secret = NULL WHERE job_id = $1 AND secret IS NOT NULL"),
            bind![id],
        )
        .await?;
        Ok(dropped == 1)
    }

    async fn drop_old_secrets(&mut self, now: Timestamp) -> Result<bool> {
        let due = self
            .optional::<Row>(
                sql!(
                    "SELECT id, kind, action, state, made_by, options, to_do, unchanged, conflict, done, failed, undone,
                        created_at, started_at, finished_at, undo_until, secrets_until
                       FROM jobs WHERE secrets_until <= $1 ORDER BY secrets_until LIMIT 1"
                ),
                bind![now],
            )
            .await?;
        match due {
            Some(row) => self.drop_secrets(&Job::try_from(row)?.id).await,
            None => Ok(false),
        }
    }
}
