-- API keys and what the admin API needs.
-- permissions and networks: JSON lists.
CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    secret_hash BLOB NOT NULL,
    account_id TEXT REFERENCES accounts (id),
    permissions TEXT NOT NULL,
    networks TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    last_used_at INTEGER,
    last_address TEXT,
    revoked_at INTEGER
) STRICT;
CREATE INDEX api_keys_by_age ON api_keys (created_at, id);
CREATE INDEX api_keys_of_account ON api_keys (account_id) WHERE account_id IS NOT NULL;

-- Lists that show the newest first.
CREATE INDEX sessions_by_age ON sessions (created_at, id);
CREATE INDEX consents_by_age ON consents (given_at, account_id, client_id);
