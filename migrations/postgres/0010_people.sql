-- Roles, groups and what is defined about people.
ALTER TABLE accounts ADD COLUMN roles TEXT NOT NULL DEFAULT '[]';
ALTER TABLE accounts ADD COLUMN group_names TEXT NOT NULL DEFAULT '[]';
ALTER TABLE accounts ADD COLUMN language TEXT;
UPDATE accounts SET roles = '["superadmin"]' WHERE is_admin = TRUE;
