-- Second factors, recovery codes, recoveries.
-- The authenticator app of an account; the secret is sealed, and last_step the newest code that was taken.
CREATE TABLE totps (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    sealed BLOB NOT NULL,
    last_step INTEGER NOT NULL,
    confirmed_at INTEGER NOT NULL
) STRICT;

-- Codes are kept as MACs only. A used one stays until new ones are made.
CREATE TABLE recovery_codes (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    code_hash BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER,
    PRIMARY KEY (account_id, code_hash)
) STRICT, WITHOUT ROWID;

-- The way back by the helpdesk. Nothing in token_hash: not completed.
CREATE TABLE recoveries (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    opened_by TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    ready_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    completed_by TEXT,
    completed_at INTEGER,
    token_hash BLOB UNIQUE,
    ended_at INTEGER,
    cancelled_by TEXT
) STRICT;
CREATE UNIQUE INDEX recoveries_open ON recoveries (account_id) WHERE state IN ('waiting', 'completed');
CREATE INDEX recoveries_by_start ON recoveries (opened_at, id);
CREATE INDEX recoveries_of_account ON recoveries (account_id, opened_at, id);

-- Wrong passwords in a row in a browser that its account has used: while others try to guess, its owner gets in there.
ALTER TABLE known_browsers ADD COLUMN wrong_in_a_row INTEGER NOT NULL DEFAULT 0;

-- Who has a passkey of their own, without reading passkeys.
CREATE INDEX passkeys_named ON passkeys (account_id) WHERE device_id IS NULL;
