-- Redeemed codes. A grant outlives its client and its session as a revoked row: no foreign keys to them.
CREATE TABLE grants (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    client_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX grants_of_session ON grants (session_id);
CREATE INDEX grants_of_client ON grants (client_id, created_at);
CREATE INDEX grants_by_end ON grants (expires_at);
