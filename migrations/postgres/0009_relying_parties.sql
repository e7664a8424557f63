-- What clients registered besides (one JSON text), what lasts beyond a session, and whom to tell of a session's end.
ALTER TABLE clients ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
-- What a person left out of what was asked for; a JSON list.
ALTER TABLE consents ADD COLUMN declined TEXT NOT NULL DEFAULT '[]';

-- All refresh tokens of one grant; they go with it.
CREATE TABLE refresh_families (
    grant_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES grants (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    rotated_at BIGINT,
    idle_ends_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    content TEXT NOT NULL
);
CREATE INDEX refresh_families_by_end ON refresh_families (idle_ends_at);
-- Taking a consent back, and ending all of an account, revoke what no session leads to any more.
CREATE INDEX grants_of_account ON grants (account_id, client_id);

-- Tokens that hang on no grant and were revoked.
CREATE TABLE revoked_tokens (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX revoked_tokens_by_end ON revoked_tokens (expires_at);

-- Assertions that had their one use.
CREATE TABLE used_assertions (
    assertion_hash BYTEA NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX used_assertions_by_end ON used_assertions (expires_at);

-- Clients that want to be told when a session ends; they go with it.
CREATE TABLE session_clients (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    by_server BOOLEAN NOT NULL,
    PRIMARY KEY (session_id, client_id)
);

-- Clients that our server still has to tell.
CREATE TABLE logout_notices (
    session_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    PRIMARY KEY (session_id, client_id)
);
CREATE INDEX logout_notices_by_turn ON logout_notices (due_at);
CREATE INDEX logout_notices_by_age ON logout_notices (created_at);

-- Rights to register clients.
CREATE TABLE initial_tokens (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    uses_left BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX initial_tokens_by_end ON initial_tokens (expires_at);
