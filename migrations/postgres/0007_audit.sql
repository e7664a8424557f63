-- The audit trail: rows are added, never changed or removed.
CREATE TABLE audit (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    event TEXT NOT NULL,
    outcome TEXT NOT NULL,
    account_id TEXT,
    device_id TEXT,
    client_id TEXT,
    session_id TEXT,
    address TEXT,
    other_address TEXT,
    detail TEXT
);
CREATE INDEX audit_of_account ON audit (account_id) WHERE account_id IS NOT NULL;
