-- Roles, groups and what is defined about people.
-- roles and group_names are what own_roles and the groups make together, written in the unit that changes either.
ALTER TABLE accounts ADD COLUMN roles TEXT NOT NULL DEFAULT '[]';
ALTER TABLE accounts ADD COLUMN own_roles TEXT NOT NULL DEFAULT '[]';
ALTER TABLE accounts ADD COLUMN group_names TEXT NOT NULL DEFAULT '[]';
ALTER TABLE accounts ADD COLUMN language TEXT;
-- Rises with each edit by a person.
ALTER TABLE accounts ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
-- Name, user name and mail address, folded, for the search of the administrators' list.
ALTER TABLE accounts ADD COLUMN search TEXT NOT NULL DEFAULT '';
-- What the user name looks like (UTS 39); none for an account from before this column, and for a deleted one.
ALTER TABLE accounts ADD COLUMN skeleton TEXT;
UPDATE accounts SET roles = '["superadmin"]' WHERE is_admin = TRUE;
UPDATE accounts SET own_roles = roles;
UPDATE accounts SET search = username_key;
CREATE UNIQUE INDEX accounts_by_skeleton ON accounts (skeleton);
-- They hold all that people are filtered by: a search that finds nothing reads one of them and no account.
CREATE INDEX accounts_by_name ON accounts (username_key, id, state, roles, search);
CREATE INDEX accounts_by_creation ON accounts (created_at, id, state, roles, search);
CREATE INDEX accounts_with_roles ON accounts (id) WHERE roles <> '[]';

-- roles: a JSON list; overrides: what it wants in place of policies, as JSON.
CREATE TABLE groups (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    roles TEXT NOT NULL,
    overrides TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE group_members (
    group_id TEXT NOT NULL REFERENCES groups (id),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    added_at INTEGER NOT NULL,
    PRIMARY KEY (group_id, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX groups_of_account ON group_members (account_id);

-- definition: JSON.
CREATE TABLE claim_definitions (
    name TEXT NOT NULL PRIMARY KEY,
    definition TEXT NOT NULL,
    version INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

-- value: JSON. A policy that is not here is what the configuration says.
CREATE TABLE policies (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    version INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
