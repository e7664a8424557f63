-- Services that speak CAS: clients with an order among them. All are read at once and kept in memory.
ALTER TABLE clients ADD COLUMN cas_order BIGINT;
CREATE INDEX clients_by_cas_order ON clients (cas_order, id) WHERE cas_order IS NOT NULL;

-- Phones with an app made for CAS have a name of their own choice and no key. One phone has a name at a time.
ALTER TABLE devices ADD COLUMN cas_name TEXT;
CREATE UNIQUE INDEX devices_by_cas_name ON devices (cas_name) WHERE cas_name IS NOT NULL AND state <> 'revoked';

-- What services validated in a session; it goes with the session.
CREATE TABLE cas_logins (
    session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    ticket TEXT NOT NULL,
    client_id TEXT NOT NULL,
    service TEXT NOT NULL,
    username TEXT NOT NULL,
    by_server BOOLEAN NOT NULL,
    PRIMARY KEY (session_id, ticket)
);

-- Services that our server still has to tell.
CREATE TABLE cas_logout_notices (
    ticket TEXT NOT NULL PRIMARY KEY,
    client_id TEXT NOT NULL,
    service TEXT NOT NULL,
    username TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL
);
CREATE INDEX cas_logout_notices_by_turn ON cas_logout_notices (due_at);
CREATE INDEX cas_logout_notices_by_age ON cas_logout_notices (created_at);
