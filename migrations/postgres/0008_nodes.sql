-- QR channels that are over for good: one led to a session, one was denied. The MAC of the channel's handle is
-- here once, so a live store that lost its last moments cannot bring a channel back (decision 011).
CREATE TABLE channel_ends (
    channel_hash BYTEA NOT NULL PRIMARY KEY,
    ended_at BIGINT NOT NULL
);
CREATE INDEX channel_ends_by_age ON channel_ends (ended_at);
