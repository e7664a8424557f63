-- Relying parties and remembered consents. redirect_uris and scopes: JSON lists.
CREATE TABLE clients (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    is_verified BOOLEAN NOT NULL,
    is_enabled BOOLEAN NOT NULL,
    redirect_uris TEXT NOT NULL,
    is_native BOOLEAN NOT NULL,
    auth_method TEXT NOT NULL,
    secret_hash BYTEA,
    scopes TEXT NOT NULL,
    id_token_alg TEXT NOT NULL,
    requires_pkce BOOLEAN NOT NULL,
    skips_consent BOOLEAN NOT NULL,
    requires_phishing_resistant BOOLEAN NOT NULL,
    skips_check_code BOOLEAN NOT NULL,
    requires_same_country BOOLEAN NOT NULL,
    default_max_age BIGINT,
    logo_uri TEXT,
    client_uri TEXT,
    policy_uri TEXT,
    tos_uri TEXT,
    created_at BIGINT NOT NULL
);

CREATE TABLE consents (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    client_id TEXT NOT NULL REFERENCES clients (id),
    scopes TEXT NOT NULL,
    given_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, client_id)
);
CREATE INDEX consents_of_client ON consents (client_id);
