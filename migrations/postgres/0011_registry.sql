-- More about phones: who vouches for the key, where they were used last, who changed them and why.
ALTER TABLE devices ADD COLUMN model TEXT;
ALTER TABLE devices ADD COLUMN attestation TEXT NOT NULL DEFAULT 'none';
ALTER TABLE devices ADD COLUMN attested_by TEXT;
ALTER TABLE devices ADD COLUMN added_by_account TEXT;
ALTER TABLE devices ADD COLUMN verified_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN last_place TEXT;
ALTER TABLE devices ADD COLUMN last_browser TEXT;
ALTER TABLE devices ADD COLUMN last_approved_at BIGINT;
ALTER TABLE devices ADD COLUMN changed_by TEXT;
ALTER TABLE devices ADD COLUMN changed_why TEXT;
ALTER TABLE devices ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
-- What lists are sorted and searched by: last use (or the enrolment), and the name in small letters.
ALTER TABLE devices ADD COLUMN seen_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN name_key TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE devices SET verified_at = created_at;
UPDATE devices SET seen_at = CASE WHEN last_used_at IS NULL THEN created_at ELSE last_used_at END;
UPDATE devices SET name_key = LOWER(name);

-- Who has a phone, without reading phones.
CREATE INDEX devices_held ON devices (account_id) WHERE state <> 'revoked';
CREATE INDEX devices_by_age ON devices (created_at, id, state, kind, attestation, seen_at);
CREATE INDEX devices_by_use ON devices (seen_at, id, state, kind, attestation);
CREATE INDEX devices_by_name ON devices (name_key, id, state, kind, attestation, seen_at);

-- Every key that a phone has or had: none comes back.
CREATE TABLE device_keys (
    thumbprint TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    device_id TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    added_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX device_keys_of_device ON device_keys (device_id, added_at);
INSERT INTO device_keys (thumbprint, device_id, added_at)
    SELECT key_thumbprint, id, created_at FROM devices;
