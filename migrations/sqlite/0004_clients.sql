-- Relying parties and remembered consents. redirect_uris and scopes: JSON lists.
CREATE TABLE clients (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    is_verified INTEGER NOT NULL,
    is_enabled INTEGER NOT NULL,
    redirect_uris TEXT NOT NULL,
    is_native INTEGER NOT NULL,
    auth_method TEXT NOT NULL,
    secret_hash BLOB,
    scopes TEXT NOT NULL,
    id_token_alg TEXT NOT NULL,
    requires_pkce INTEGER NOT NULL,
    skips_consent INTEGER NOT NULL,
    requires_phishing_resistant INTEGER NOT NULL,
    skips_check_code INTEGER NOT NULL,
    requires_same_country INTEGER NOT NULL,
    default_max_age INTEGER,
    logo_uri TEXT,
    client_uri TEXT,
    policy_uri TEXT,
    tos_uri TEXT,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE consents (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    client_id TEXT NOT NULL REFERENCES clients (id),
    scopes TEXT NOT NULL,
    given_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, client_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX consents_of_client ON consents (client_id);
