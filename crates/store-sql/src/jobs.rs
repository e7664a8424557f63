//! Long work, row by row, and finding many things in one statement.

use async_trait::async_trait;
use domain::{Cursor, Job, JobCounts, JobId, JobKind, JobRow, JobState, OutcomeFilter, Timestamp};
use serde_json::json;
use store::{
    AccountFit, DeviceFit, FoundAccount, FoundDevice, FoundSession, JobFilter, Jobs, Result, RowFilter,
    SecretRow, StoreError,
};

use crate::accounts::{CountRow, PAGE};
use crate::values::{bind, like, parsed, small, word};
use crate::work::{Cells, Entry, SqlWork, sql};

mod edit;
mod found;

use found::{AccountFound, DeviceFound, SessionFound};

struct Row {
    id: String,
    kind: String,
    action: Option<String>,
    state: String,
    made_by: String,
    options: String,
    counts: [i64; 6],
    created_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    undo_until: Option<i64>,
    secrets_until: Option<i64>,
}

impl Entry for Row {
    const TABLE: &'static str = "jobs";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            id: row.text("id")?,
            kind: row.text("kind")?,
            action: row.maybe_text("action")?,
            state: row.text("state")?,
            made_by: row.text("made_by")?,
            options: row.text("options")?,
            counts: [
                row.number("to_do")?,
                row.number("unchanged")?,
                row.number("conflict")?,
                row.number("done")?,
                row.number("failed")?,
                row.number("undone")?,
            ],
            created_at: row.number("created_at")?,
            started_at: row.maybe_number("started_at")?,
            finished_at: row.maybe_number("finished_at")?,
            undo_until: row.maybe_number("undo_until")?,
            secrets_until: row.maybe_number("secrets_until")?,
        })
    }
}

impl TryFrom<Row> for Job {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        const T: &str = Row::TABLE;
        let id = &row.id;
        let count = |at: usize, column| small(row.counts[at], T, column, id);
        Ok(Self {
            id: parsed(id, T, "id", id)?,
            kind: word(&row.kind, T, "kind", id)?,
            action: row.action.map(|action| word(&action, T, "action", id)).transpose()?,
            state: word(&row.state, T, "state", id)?,
            made_by: parsed(&row.made_by, T, "made_by", id)?,
            options: row.options,
            counts: JobCounts {
                to_do: count(0, "to_do")?,
                unchanged: count(1, "unchanged")?,
                conflict: count(2, "conflict")?,
                done: count(3, "done")?,
                failed: count(4, "failed")?,
                undone: count(5, "undone")?,
            },
            created_at: Timestamp::from_millis(row.created_at),
            started_at: row.started_at.map(Timestamp::from_millis),
            finished_at: row.finished_at.map(Timestamp::from_millis),
            undo_until: row.undo_until.map(Timestamp::from_millis),
            secrets_until: row.secrets_until.map(Timestamp::from_millis),
        })
    }
}

/// `number, label, input, fate, field, reason, outcome, subject, about`
struct WorkRow {
    number: i64,
    label: String,
    input: String,
    fate: String,
    field: Option<String>,
    reason: Option<String>,
    outcome: Option<String>,
    subject: Option<String>,
    about: Option<String>,
}

impl Entry for WorkRow {
    const TABLE: &'static str = "job_rows";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            number: row.number("number")?,
            label: row.text("label")?,
            input: row.text("input")?,
            fate: row.text("fate")?,
            field: row.maybe_text("field")?,
            reason: row.maybe_text("reason")?,
            outcome: row.maybe_text("outcome")?,
            subject: row.maybe_text("subject")?,
            about: row.maybe_text("about")?,
        })
    }
}

impl TryFrom<WorkRow> for JobRow {
    type Error = StoreError;

    fn try_from(row: WorkRow) -> Result<Self> {
        const T: &str = WorkRow::TABLE;
        let id = &row.label;
        Ok(Self {
            number: small(row.number, T, "number", id)?,
            input: row.input,
            fate: word(&row.fate, T, "fate", id)?,
            field: row.field,
            reason: row.reason,
            outcome: row.outcome.map(|outcome| word(&outcome, T, "outcome", id)).transpose()?,
            subject: row.subject,
            about: row.about,
            label: row.label,
        })
    }
}

struct Sealed(i64, String, String, String);

impl Entry for Sealed {
    const TABLE: &'static str = "job_rows";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self(row.number("number")?, row.text("input")?, row.text("subject")?, row.text("secret")?))
    }
}

fn all<R, T>(rows: Vec<R>) -> Result<Vec<T>>
where
    T: TryFrom<R, Error = StoreError>,
{
    rows.into_iter().map(T::try_from).collect()
}

/// A list as one bound value.
fn list(texts: &[String]) -> String {
    json!(texts).to_string()
}

#[async_trait]
impl Jobs for SqlWork {
    async fn job(&mut self, id: &JobId) -> Result<Option<Job>> {
        self.optional::<Row>(
            sql!(
                "SELECT id, kind, action, state, made_by, options, to_do, unchanged, conflict, done, failed, undone,
                        created_at, started_at, finished_at, undo_until, secrets_until
                   FROM jobs WHERE id = $1 AND state <> 'draft'"
            ),
            bind![id],
        )
        .await?
        .map(Job::try_from)
        .transpose()
    }

    async fn jobs(&mut self, filter: JobFilter, after: Option<&Cursor>, limit: u32) -> Result<Vec<Job>> {
        let rows = self
            .all::<Row>(
                sql!(
                    "SELECT id, kind, action, state, made_by, options, to_do, unchanged, conflict, done, failed, undone,
                        created_at, started_at, finished_at, undo_until, secrets_until
                       FROM jobs
                      WHERE state <> 'draft' AND (created_at < $1 OR (created_at = $1 AND id < $2))
                        AND (CAST($3 AS TEXT) IS NULL OR kind = $3)
                        AND (CAST($4 AS TEXT) IS NULL OR state = $4)
                      ORDER BY created_at DESC, id DESC LIMIT $5"
                ),
                bind![
                    after.map_or(i64::MAX, |cursor| cursor.number().unwrap_or(i64::MAX)),
                    after.map_or("", |cursor| &cursor.id),
                    filter.kind.map(JobKind::as_str),
                    filter.state.map(JobState::as_str),
                    limit.min(PAGE),
                ],
            )
            .await?;
        all(rows)
    }

    async fn job_rows(
        &mut self,
        id: &JobId,
        filter: RowFilter,
        after: u32,
        limit: u32,
    ) -> Result<Vec<JobRow>> {
        let (waits, outcome) = match filter.outcome {
            None => (false, None),
            Some(OutcomeFilter::Waiting) => (true, None),
            Some(OutcomeFilter::Is(outcome)) => (false, Some(outcome.as_str())),
        };
        let rows = match (waits, outcome) {
            (true, _) => {
                self.all::<WorkRow>(
                    sql!(
                        "SELECT number, label, input, fate, field, reason, outcome, subject, about
                           FROM job_rows
                          WHERE job_id = $1 AND number > $2 AND outcome IS NULL AND fate IN ('create', 'change')
                            AND (CAST($3 AS TEXT) IS NULL OR fate = $3)
                          ORDER BY number LIMIT $4"
                    ),
                    bind![id, after, filter.fate.map(domain::RowFate::as_str), limit.min(PAGE)],
                )
                .await?
            }
            (false, Some(outcome)) => {
                self.all::<WorkRow>(
                    sql!(
                        "SELECT number, label, input, fate, field, reason, outcome, subject, about
                           FROM job_rows
                          WHERE job_id = $1 AND number > $2 AND outcome = $5
                            AND (CAST($3 AS TEXT) IS NULL OR fate = $3)
                          ORDER BY number LIMIT $4"
                    ),
                    bind![id, after, filter.fate.map(domain::RowFate::as_str), limit.min(PAGE), outcome],
                )
                .await?
            }
            (false, None) => {
                self.all::<WorkRow>(
                    sql!(
                        "SELECT number, label, input, fate, field, reason, outcome, subject, about
                           FROM job_rows
                          WHERE job_id = $1 AND number > $2 AND (CAST($3 AS TEXT) IS NULL OR fate = $3)
                          ORDER BY number LIMIT $4"
                    ),
                    bind![id, after, filter.fate.map(domain::RowFate::as_str), limit.min(PAGE)],
                )
                .await?
            }
        };
        all(rows)
    }

    async fn job_secrets(&mut self, id: &JobId, after: u32, limit: u32) -> Result<Vec<SecretRow>> {
        self.all::<Sealed>(
            sql!(
                "SELECT number, input, subject, secret FROM job_rows
                  WHERE job_id = $1 AND number > $2 AND secret IS NOT NULL AND subject IS NOT NULL
                  ORDER BY number LIMIT $3"
            ),
            bind![id, after, limit.min(PAGE)],
        )
        .await?
        .into_iter()
        .map(|Sealed(number, input, subject, secret)| {
            let number = small(number, Sealed::TABLE, "number", &subject)?;
            Ok(SecretRow { number, input, subject, secret })
        })
        .collect()
    }

    async fn is_work_due(&mut self, now: Timestamp) -> Result<bool> {
        let due = self
            .optional::<CountRow>(
                sql!(
                    "SELECT CAST(1 AS BIGINT) FROM jobs
                      WHERE state IN ('running', 'undoable', 'finalising', 'undoing')
                        AND (state <> 'undoable' OR undo_until <= $1) LIMIT 1"
                ),
                bind![now],
            )
            .await?;
        Ok(due.is_some_and(|found| found.0 == 1))
    }

    async fn accounts_named(&mut self, keys: &[String]) -> Result<Vec<FoundAccount>> {
        let rows = self
            .all::<AccountFound>(
                sql!(
                    sqlite: "SELECT a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at,
                        (SELECT COUNT(*) FROM devices d WHERE d.account_id = a.id AND d.state <> 'revoked')
                       FROM accounts a
                      WHERE a.username_key IN (SELECT value FROM json_each($1))",
                    postgres: "SELECT a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at,
                        (SELECT COUNT(*) FROM devices d WHERE d.account_id = a.id COLLATE \"default\" AND d.state <> 'revoked')
                       FROM accounts a
                      WHERE a.username_key IN (SELECT json_array_elements_text(CAST($1 AS json)))"
                ),
                bind![list(keys)],
            )
            .await?;
        all(rows)
    }

    async fn accounts_with_ids(&mut self, ids: &[String]) -> Result<Vec<FoundAccount>> {
        let rows = self
            .all::<AccountFound>(
                sql!(
                    sqlite: "SELECT a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at,
                        (SELECT COUNT(*) FROM devices d WHERE d.account_id = a.id AND d.state <> 'revoked')
                       FROM accounts a
                      WHERE a.id IN (SELECT value FROM json_each($1)) AND a.state <> 'deleted'",
                    postgres: "SELECT a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at,
                        (SELECT COUNT(*) FROM devices d WHERE d.account_id = a.id COLLATE \"default\" AND d.state <> 'revoked')
                       FROM accounts a
                      WHERE a.id IN (SELECT json_array_elements_text(CAST($1 AS json))) AND a.state <> 'deleted'"
                ),
                bind![list(ids)],
            )
            .await?;
        all(rows)
    }

    async fn accounts_that_fit(
        &mut self,
        fit: AccountFit<'_>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<FoundAccount>> {
        let rows = self
            .all::<AccountFound>(
                sql!(
                    sqlite: "SELECT a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at,
                        (SELECT COUNT(*) FROM devices d WHERE d.account_id = a.id AND d.state <> 'revoked')
                       FROM accounts a
                      WHERE a.id > $1 AND a.state <> 'deleted'
                        AND (CAST($2 AS TEXT) IS NULL
                             OR EXISTS (SELECT 1 FROM json_each(a.group_names) WHERE value = $2))
                        AND (CAST($3 AS TEXT) IS NULL OR a.state = $3)
                        AND (CAST($4 AS TEXT) IS NULL OR a.username_key LIKE $4 ESCAPE '!')
                        AND (NOT $5 OR NOT EXISTS
                             (SELECT 1 FROM devices d
                               WHERE d.account_id = a.id AND d.kind <> 'cas' AND d.state <> 'revoked'))
                      ORDER BY a.id LIMIT $6",
                    postgres: "SELECT a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at,
                        (SELECT COUNT(*) FROM devices d WHERE d.account_id = a.id COLLATE \"default\" AND d.state <> 'revoked')
                       FROM accounts a
                      WHERE a.id > $1 AND a.state <> 'deleted'
                        AND (CAST($2 AS TEXT) IS NULL OR jsonb_exists(CAST(a.group_names AS jsonb), $2))
                        AND (CAST($3 AS TEXT) IS NULL OR a.state = $3)
                        AND (CAST($4 AS TEXT) IS NULL OR a.username_key LIKE $4 ESCAPE '!')
                        AND (NOT $5 OR NOT EXISTS
                             (SELECT 1 FROM devices d WHERE d.account_id = a.id COLLATE \"default\"
                                 AND d.kind <> 'cas' AND d.state <> 'revoked'))
                      ORDER BY a.id LIMIT $6"
                ),
                bind![
                    after,
                    fit.group,
                    fit.state.map(domain::AccountState::as_str),
                    fit.search.map(like),
                    fit.without_device,
                    limit.min(PAGE),
                ],
            )
            .await?;
        all(rows)
    }

    async fn devices_with_ids(&mut self, ids: &[String]) -> Result<Vec<FoundDevice>> {
        let rows = self
            .all::<DeviceFound>(
                sql!(
                    sqlite: "SELECT d.id, d.account_id, a.username, d.name, d.state, d.key_thumbprint
                       FROM devices d JOIN accounts a ON a.id = d.account_id
                      WHERE d.id IN (SELECT value FROM json_each($1))",
                    postgres: "SELECT d.id, d.account_id, a.username, d.name, d.state, d.key_thumbprint
                       FROM devices d JOIN accounts a ON a.id = d.account_id
                      WHERE d.id IN (SELECT json_array_elements_text(CAST($1 AS json)))"
                ),
                bind![list(ids)],
            )
            .await?;
        all(rows)
    }

    async fn devices_with_keys(&mut self, thumbprints: &[String]) -> Result<Vec<FoundDevice>> {
        let rows = self
            .all::<DeviceFound>(
                sql!(
                    sqlite: "SELECT d.id, d.account_id, a.username, d.name, d.state, d.key_thumbprint
                       FROM devices d JOIN accounts a ON a.id = d.account_id
                      WHERE d.key_thumbprint IN (SELECT value FROM json_each($1))",
                    postgres: "SELECT d.id, d.account_id, a.username, d.name, d.state, d.key_thumbprint
                       FROM devices d JOIN accounts a ON a.id = d.account_id
                      WHERE d.key_thumbprint IN (SELECT json_array_elements_text(CAST($1 AS json)))"
                ),
                bind![list(thumbprints)],
            )
            .await?;
        all(rows)
    }

    async fn devices_that_fit(
        &mut self,
        fit: DeviceFit<'_>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<FoundDevice>> {
        let rows = self
            .all::<DeviceFound>(
                sql!(
                    sqlite: "SELECT d.id, d.account_id, a.username, d.name, d.state, d.key_thumbprint
                       FROM devices d JOIN accounts a ON a.id = d.account_id
                      WHERE d.id > $1
                        AND (CAST($2 AS TEXT) IS NULL
                             OR EXISTS (SELECT 1 FROM json_each(a.group_names) WHERE value = $2))
                        AND (CAST($3 AS TEXT) IS NULL OR d.state = $3)
                        AND (CAST($4 AS TEXT) IS NULL OR a.username_key LIKE $4 ESCAPE '!')
                        AND (CAST($5 AS BIGINT) IS NULL OR COALESCE(d.last_used_at, d.created_at) < $5)
                      ORDER BY d.id LIMIT $6",
                    postgres: "SELECT d.id, d.account_id, a.username, d.name, d.state, d.key_thumbprint
                       FROM devices d JOIN accounts a ON a.id = d.account_id
                      WHERE d.id > $1
                        AND (CAST($2 AS TEXT) IS NULL OR jsonb_exists(CAST(a.group_names AS jsonb), $2))
                        AND (CAST($3 AS TEXT) IS NULL OR d.state = $3)
                        AND (CAST($4 AS TEXT) IS NULL OR a.username_key LIKE $4 ESCAPE '!')
                        AND (CAST($5 AS BIGINT) IS NULL OR COALESCE(d.last_used_at, d.created_at) < $5)
                      ORDER BY d.id LIMIT $6"
                ),
                bind![
                    after,
                    fit.group,
                    fit.state.map(domain::DeviceState::as_str),
                    fit.search.map(like),
                    fit.unused_since,
                    limit.min(PAGE),
                ],
            )
            .await?;
        all(rows)
    }

    async fn sessions_with_ids(&mut self, ids: &[String], now: Timestamp) -> Result<Vec<FoundSession>> {
        let rows = self
            .all::<SessionFound>(
                sql!(
                    sqlite: "SELECT s.id, s.account_id, a.username
                       FROM sessions s JOIN accounts a ON a.id = s.account_id
                      WHERE s.id IN (SELECT value FROM json_each($1)) AND s.ended_at IS NULL AND s.expires_at > $2",
                    postgres: "SELECT s.id, s.account_id, a.username
                       FROM sessions s JOIN accounts a ON a.id = s.account_id
                      WHERE s.id IN (SELECT json_array_elements_text(CAST($1 AS json)))
                        AND s.ended_at IS NULL AND s.expires_at > $2"
                ),
                bind![list(ids), now],
            )
            .await?;
        all(rows)
    }
}
