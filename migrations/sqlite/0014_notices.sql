-- Words to people, by mail and on their pages.
CREATE TABLE notices (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    content TEXT NOT NULL,
    is_listed INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER,
    acted_at INTEGER,
    -- The mail; nothing in mail_to: none is sent.
    mail_to TEXT,
    mail_name TEXT,
    mail_language TEXT,
    mail_attempts INTEGER NOT NULL,
    -- Nothing: sent, or given up.
    mail_due_at INTEGER,
    mail_sent_at INTEGER,
    mail_failed_at INTEGER,
    mail_failure TEXT
) STRICT;
CREATE INDEX notices_of_account ON notices (account_id, created_at, id);
CREATE INDEX notices_by_turn ON notices (mail_due_at) WHERE mail_due_at IS NOT NULL;
CREATE INDEX notices_waiting ON notices (created_at, id) WHERE mail_due_at IS NOT NULL;
CREATE INDEX notices_sent ON notices (created_at, id) WHERE mail_sent_at IS NOT NULL;
CREATE INDEX notices_given_up ON notices (created_at, id) WHERE mail_failed_at IS NOT NULL;
CREATE INDEX notices_by_age ON notices (created_at, id);
