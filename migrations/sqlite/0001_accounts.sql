-- Accounts, what proves them, and the one-time key of the first administrator.
CREATE TABLE accounts (
    id TEXT NOT NULL PRIMARY KEY,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    claims TEXT NOT NULL,
    webauthn_handle BLOB NOT NULL UNIQUE,
    is_admin INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE passwords (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id),
    phc TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    wrong_in_a_row INTEGER NOT NULL
) STRICT;

-- device_id refers to devices, and devices.passkey_id to here. Neither is a foreign key: whichever row
-- comes first would be refused, and a check put off to the commit would fail a whole group of units.
CREATE TABLE passkeys (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    device_id TEXT,
    credential_id BLOB NOT NULL UNIQUE,
    passkey TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;
CREATE INDEX passkeys_of_account ON passkeys (account_id);

-- One row, number 1: offered once ever.
CREATE TABLE admin_setup (
    number INTEGER NOT NULL PRIMARY KEY,
    token_hash BLOB NOT NULL,
    offered_at INTEGER NOT NULL,
    taken_at INTEGER
) STRICT;
