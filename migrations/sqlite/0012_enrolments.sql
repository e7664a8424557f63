-- Letters, codes, approval queue and long work.
ALTER TABLE enrolments ADD COLUMN kind TEXT NOT NULL DEFAULT 'link';
ALTER TABLE enrolments ADD COLUMN code_hash BLOB;
ALTER TABLE enrolments ADD COLUMN job_id TEXT;
ALTER TABLE enrolments ADD COLUMN outcome TEXT;
ALTER TABLE enrolments ADD COLUMN ended_at INTEGER;
ALTER TABLE enrolments ADD COLUMN device_id TEXT;
-- It holds what the list is filtered by.
CREATE INDEX enrolments_by_start ON enrolments (created_at, id, kind, outcome, expires_at, account_id, job_id);

CREATE TABLE jobs (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    action TEXT,
    state TEXT NOT NULL,
    made_by TEXT NOT NULL,
    options TEXT NOT NULL,
    to_do INTEGER NOT NULL DEFAULT 0,
    unchanged INTEGER NOT NULL DEFAULT 0,
    conflict INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    undone INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    undo_until INTEGER,
    secrets_until INTEGER,
    lease_by TEXT,
    lease_until INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX jobs_by_start ON jobs (created_at, id);
CREATE INDEX jobs_at_work ON jobs (lease_until) WHERE state IN ('running', 'undoable', 'finalising', 'undoing');

CREATE TABLE job_rows (
    job_id TEXT NOT NULL REFERENCES jobs (id),
    number INTEGER NOT NULL,
    label TEXT NOT NULL,
    input TEXT NOT NULL,
    fate TEXT NOT NULL,
    field TEXT,
    reason TEXT,
    outcome TEXT,
    subject TEXT,
    secret TEXT,
    PRIMARY KEY (job_id, number)
) STRICT;
CREATE INDEX job_rows_by_outcome ON job_rows (job_id, outcome, number);
