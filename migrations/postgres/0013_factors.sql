-- Second factors, recovery codes, recoveries.
-- The authenticator app of an account; the secret is sealed, and last_step the newest code that was taken.
CREATE TABLE totps (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    sealed BYTEA NOT NULL,
    last_step BIGINT NOT NULL,
    confirmed_at BIGINT NOT NULL
);

-- Codes are kept as MACs only. A used one stays until new ones are made.
CREATE TABLE recovery_codes (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    code_hash BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (account_id, code_hash)
);

-- The way back by the helpdesk. Nothing in token_hash: not completed.
CREATE TABLE recoveries (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    opened_by TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    ready_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    completed_by TEXT,
    completed_at BIGINT,
    token_hash BYTEA UNIQUE,
    ended_at BIGINT,
    cancelled_by TEXT
);
CREATE UNIQUE INDEX recoveries_open ON recoveries (account_id) WHERE state IN ('waiting', 'completed');
CREATE INDEX recoveries_by_start ON recoveries (opened_at, id);
CREATE INDEX recoveries_of_account ON recoveries (account_id, opened_at, id);

-- Wrong passwords in a row in a browser that its account has used: while others try to guess, its owner gets in there.
ALTER TABLE known_browsers ADD COLUMN wrong_in_a_row BIGINT NOT NULL DEFAULT 0;

-- Who has a passkey of their own, without reading passkeys.
CREATE INDEX passkeys_named ON passkeys (account_id) WHERE device_id IS NULL;
