-- What is short-lived, where there is no Redis: unlogged, so that a write costs no disk; empty after a crash of
-- the server, as a Redis without files would be. No index but the keys: what has ended is swept by reading all.
CREATE UNLOGGED TABLE IF NOT EXISTS live_slots (
    kind TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    value BYTEA NOT NULL,
    version BIGINT NOT NULL,
    ends_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (kind, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);

CREATE UNLOGGED TABLE IF NOT EXISTS live_counters (
    kind TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    sum BIGINT NOT NULL,
    ends_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (kind, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
