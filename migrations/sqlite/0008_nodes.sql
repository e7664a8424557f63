-- A session that a QR channel led to carries the MAC of the channel's id: at most one session per channel,
-- also if a live store that lost its last moments brings a taken channel back.
ALTER TABLE sessions ADD COLUMN channel_hash BLOB;
CREATE UNIQUE INDEX sessions_of_channel ON sessions (channel_hash) WHERE channel_hash IS NOT NULL;
