-- What is kept about people: whose a row of long work is, and whose name is not indexed yet.
-- about: an account's id, or a folded user name where there is no account (yet). Deleting a person empties their rows.
ALTER TABLE job_rows ADD COLUMN about TEXT;
CREATE INDEX job_rows_by_person ON job_rows (about);
-- Accounts from before their names were indexed; the server looks after them a few at a time.
CREATE INDEX accounts_to_index ON accounts (id) WHERE skeleton IS NULL;
