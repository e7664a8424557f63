-- The chain of the audit trail, and counts for charts.
-- actor: who acted for another: an id, client:<id>, operator or system.
ALTER TABLE audit ADD COLUMN actor TEXT;
-- Searches go along number within one of these.
CREATE INDEX audit_by_account ON audit (account_id, number) WHERE account_id IS NOT NULL;
CREATE INDEX audit_by_device ON audit (device_id, number) WHERE device_id IS NOT NULL;
CREATE INDEX audit_by_client ON audit (client_id, number) WHERE client_id IS NOT NULL;
CREATE INDEX audit_by_actor ON audit (actor, number) WHERE actor IS NOT NULL;
CREATE INDEX audit_by_event ON audit (event, number);

-- marks: for each entry its number and eight bytes of its digest.
CREATE TABLE audit_blocks (
    block INTEGER NOT NULL PRIMARY KEY,
    first_number INTEGER NOT NULL,
    last_number INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    sealed_at INTEGER NOT NULL,
    head BLOB NOT NULL,
    kid TEXT NOT NULL,
    public_key TEXT NOT NULL,
    signature TEXT NOT NULL,
    marks BLOB NOT NULL
) STRICT;

-- hour: since 1970. bucket: the part of the scale that a time fell into, 0 for what is only counted.
CREATE TABLE statistics (
    hour INTEGER NOT NULL,
    name TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (hour, name, bucket)
) STRICT, WITHOUT ROWID;

-- The same by the day, for the charts of many days. day: since 1970.
CREATE TABLE statistics_days (
    day INTEGER NOT NULL,
    name TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (day, name, bucket)
) STRICT, WITHOUT ROWID;
