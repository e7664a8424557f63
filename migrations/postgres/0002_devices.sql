-- Phones and the permissions to enrol one.
CREATE TABLE devices (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    platform TEXT NOT NULL,
    key_alg TEXT NOT NULL,
    key_public BYTEA NOT NULL,
    key_thumbprint TEXT NOT NULL UNIQUE,
    verifies_user BOOLEAN NOT NULL,
    passkey_id TEXT,
    state TEXT NOT NULL,
    added_by TEXT NOT NULL,
    agreed_at BIGINT,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX devices_of_account ON devices (account_id);

CREATE TABLE enrolments (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    token_hash BYTEA NOT NULL UNIQUE,
    origin TEXT NOT NULL,
    session_id TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX enrolments_of_account ON enrolments (account_id);
CREATE INDEX enrolments_by_end ON enrolments (expires_at);
