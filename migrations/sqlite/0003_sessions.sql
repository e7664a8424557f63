-- Browser sessions, and browsers that an account has used before.
-- proofs: JSON objects joined by commas, without brackets, so that one is added by appending text.
CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    secret_hash BLOB NOT NULL UNIQUE,
    proofs TEXT NOT NULL,
    device_id TEXT,
    browser TEXT NOT NULL,
    address TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    idle_seconds INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    ended_why TEXT
) STRICT;
CREATE INDEX sessions_of_account ON sessions (account_id);
CREATE INDEX sessions_of_device ON sessions (device_id) WHERE device_id IS NOT NULL;
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE known_browsers (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    browser_hash BLOB NOT NULL,
    last_seen_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, browser_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX known_browsers_by_age ON known_browsers (last_seen_at);
