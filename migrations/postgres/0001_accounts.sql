-- Accounts, what proves them, and the one-time key of the first administrator.
CREATE TABLE accounts (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    username TEXT NOT NULL,
    username_key TEXT COLLATE "C" NOT NULL UNIQUE,
    state TEXT NOT NULL,
    claims TEXT NOT NULL,
    webauthn_handle BYTEA NOT NULL UNIQUE,
    is_admin BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE passwords (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id),
    phc TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    wrong_in_a_row BIGINT NOT NULL
);

-- device_id refers to devices, and devices.passkey_id to here. Neither is a foreign key: whichever row
-- comes first would be refused, and a check put off to the commit would fail a whole group of units.
CREATE TABLE passkeys (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    device_id TEXT,
    credential_id BYTEA NOT NULL UNIQUE,
    passkey TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX passkeys_of_account ON passkeys (account_id);

-- One row, number 1: offered once ever.
CREATE TABLE admin_setup (
    number BIGINT NOT NULL PRIMARY KEY,
    token_hash BYTEA NOT NULL,
    offered_at BIGINT NOT NULL,
    taken_at BIGINT
);
