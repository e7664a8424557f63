-- Letters, codes, approval queue and long work.
ALTER TABLE enrolments ADD COLUMN kind TEXT NOT NULL DEFAULT 'link';
ALTER TABLE enrolments ADD COLUMN code_hash BYTEA;
ALTER TABLE enrolments ADD COLUMN job_id TEXT;
ALTER TABLE enrolments ADD COLUMN outcome TEXT;
ALTER TABLE enrolments ADD COLUMN ended_at BIGINT;
ALTER TABLE enrolments ADD COLUMN device_id TEXT;
-- It holds what the list is filtered by.
CREATE INDEX enrolments_by_start ON enrolments (created_at, id, kind, outcome, expires_at, account_id, job_id);

CREATE TABLE jobs (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    action TEXT,
    state TEXT NOT NULL,
    made_by TEXT NOT NULL,
    options TEXT NOT NULL,
    to_do BIGINT NOT NULL DEFAULT 0,
    unchanged BIGINT NOT NULL DEFAULT 0,
    conflict BIGINT NOT NULL DEFAULT 0,
    done BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    undone BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    undo_until BIGINT,
    secrets_until BIGINT,
    lease_by TEXT,
    lease_until BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX jobs_by_start ON jobs (created_at, id);
CREATE INDEX jobs_at_work ON jobs (lease_until) WHERE state IN ('running', 'undoable', 'finalising', 'undoing');

CREATE TABLE job_rows (
    job_id TEXT NOT NULL REFERENCES jobs (id),
    number BIGINT NOT NULL,
    label TEXT NOT NULL,
    input TEXT NOT NULL,
    fate TEXT NOT NULL,
    field TEXT,
    reason TEXT,
    outcome TEXT,
    subject TEXT,
    secret TEXT,
    PRIMARY KEY (job_id, number)
);
CREATE INDEX job_rows_by_outcome ON job_rows (job_id, outcome, number);
