//! Writes about groups, roles, custom claims, policies and people.

use std::collections::HashSet;

use async_trait::async_trait;
use domain::{Account, AccountId, ClaimDefinition, Group, GroupId, Roles, Timestamp};
use serde_json::json;
use store::{EditPeople, Result};

use super::{IdRow, text};
use crate::accounts::{AccountRow, CountRow, PAGE};
use crate::values::bind;
use crate::work::{SqlWork, pg_sql, sql};

/// The ids as a JSON list, the form in which several are bound.
fn list(ids: &[AccountId]) -> String {
    json!(ids.iter().map(ToString::to_string).collect::<Vec<_>>()).to_string()
}

impl SqlWork {
    /// Writes again what these accounts have from their groups; answers which there are.
    async fn derive_accounts(&mut self, ids: &str, now: Timestamp) -> Result<Vec<AccountId>> {
        self.all::<IdRow>(
            sql!(
                sqlite: "UPDATE accounts SET updated_at = $2,
                        group_names = (SELECT json_group_array(name) FROM
                            (SELECT g.name AS name FROM group_members m JOIN groups g ON g.id = m.group_id
                              WHERE m.account_id = accounts.id ORDER BY g.name_key)),
                        roles = (SELECT json_group_array(word) FROM
                            (SELECT o.value AS word FROM json_each(accounts.own_roles) o
                              UNION
                             SELECT r.value FROM group_members m JOIN groups g ON g.id = m.group_id,
                                    json_each(g.roles) r
                              WHERE m.account_id = accounts.id))
                  WHERE id IN (SELECT value FROM json_each($1)) RETURNING id",
                postgres: "UPDATE accounts SET updated_at = $2,
                        group_names = COALESCE((SELECT CAST(json_agg(g.name ORDER BY g.name_key) AS TEXT)
                                    FROM group_members m JOIN groups g ON g.id = m.group_id
                                   WHERE m.account_id = accounts.id), '[]'),
                        roles = COALESCE((SELECT CAST(json_agg(word) AS TEXT) FROM
                            (SELECT o AS word FROM json_array_elements_text(CAST(accounts.own_roles AS JSON)) o
                              UNION
                             SELECT r FROM group_members m JOIN groups g ON g.id = m.group_id,
                                    json_array_elements_text(CAST(g.roles AS JSON)) r
                              WHERE m.account_id = accounts.id) w), '[]')
                  WHERE id IN (SELECT w FROM json_array_elements_text(CAST($1 AS JSON)) w) RETURNING id",
            ),
            bind![ids, now],
        )
        .await?
        .into_iter()
        .map(AccountId::try_from)
        .collect()
    }

    async fn derive_changed(&mut self, rows: Vec<IdRow>, now: Timestamp) -> Result<Vec<AccountId>> {
        let ids: Vec<String> = rows.into_iter().map(|IdRow(id)| id).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.derive_accounts(&text(&ids), now).await
    }

    /// The same for all members of a group, as if they were in all their groups but `left_out`.
    async fn derive_members(
        &mut self,
        group: &GroupId,
        left_out: &str,
        now: Timestamp,
    ) -> Result<Vec<AccountId>> {
        self.all::<IdRow>(
            sql!(
                sqlite: "UPDATE accounts SET updated_at = $3,
                        group_names = (SELECT json_group_array(name) FROM
                            (SELECT g.name AS name FROM group_members m JOIN groups g ON g.id = m.group_id
                              WHERE m.account_id = accounts.id AND g.id <> $2 ORDER BY g.name_key)),
                        roles = (SELECT json_group_array(word) FROM
                            (SELECT o.value AS word FROM json_each(accounts.own_roles) o
                              UNION
                             SELECT r.value FROM group_members m JOIN groups g ON g.id = m.group_id,
                                    json_each(g.roles) r
                              WHERE m.account_id = accounts.id AND g.id <> $2))
                  WHERE id IN (SELECT account_id FROM group_members WHERE group_id = $1) RETURNING id",
                postgres: "UPDATE accounts SET updated_at = $3,
                        group_names = COALESCE((SELECT CAST(json_agg(g.name ORDER BY g.name_key) AS TEXT)
                                    FROM group_members m JOIN groups g ON g.id = m.group_id
                                   WHERE m.account_id = accounts.id AND g.id <> $2), '[]'),
                        roles = COALESCE((SELECT CAST(json_agg(word) AS TEXT) FROM
                            (SELECT o AS word FROM json_array_elements_text(CAST(accounts.own_roles AS JSON)) o
                              UNION
                             SELECT r FROM group_members m JOIN groups g ON g.id = m.group_id,
                                    json_array_elements_text(CAST(g.roles AS JSON)) r
                              WHERE m.account_id = accounts.id AND g.id <> $2) w), '[]')
                  WHERE id IN (SELECT account_id FROM group_members WHERE group_id = $1) RETURNING id",
            ),
            bind![group, left_out, now],
        )
        .await?
        .into_iter()
        .map(AccountId::try_from)
        .collect()
    }
}

#[async_trait]
impl EditPeople for SqlWork {
    async fn save_policy(&mut self, name: &str, value: &str, version: u32, now: Timestamp) -> Result<bool> {
        let statement = if version == 0 {
            sql!(
                "INSERT INTO policies (name, value, version, changed_at) VALUES ($1, $2, $3 + 1, $4)
                 ON CONFLICT (name) DO NOTHING"
            )
        } else {
            sql!(
                "UPDATE policies SET value = $2, version = version + 1, changed_at = $4
                  WHERE name = $1 AND version = $3"
            )
        };
        Ok(self.run(statement, bind![name, value, version, now]).await? == 1)
    }

    async fn define_claim(
        &mut self,
        definition: &ClaimDefinition,
        version: u32,
        now: Timestamp,
    ) -> Result<bool> {
        let statement = if version == 0 {
            sql!(
                "INSERT INTO claim_definitions (name, definition, version, changed_at) VALUES ($1, $2, $3 + 1, $4)
                 ON CONFLICT (name) DO NOTHING"
            )
        } else {
            sql!(
                "UPDATE claim_definitions SET definition = $2, version = version + 1, changed_at = $4
                  WHERE name = $1 AND version = $3"
            )
        };
        Ok(self.run(statement, bind![&definition.name, text(definition), version, now]).await? == 1)
    }

    async fn remove_claim(&mut self, name: &str, version: u32) -> Result<bool> {
        let statement = sql!("DELETE FROM claim_definitions WHERE name = $1 AND version = $2");
        Ok(self.run(statement, bind![name, version]).await? == 1)
    }

    async fn hold_people(&mut self) -> Result<()> {
        self.alone_with(pg_sql!("SELECT pg_advisory_xact_lock(CAST(5497853135610 AS BIGINT))"), bind![]).await
    }

    async fn count_superadmins(&mut self) -> Result<u64> {
        let count = self
            .optional::<CountRow>(
                sql!(
                    "SELECT COUNT(*) FROM accounts
                      WHERE roles <> '[]' AND roles LIKE '%\"superadmin\"%' AND state = 'active'"
                ),
                bind![],
            )
            .await?;
        Ok(count.map_or(0, |CountRow(count)| u64::try_from(count).unwrap_or(0)))
    }

    async fn edit_account(&mut self, account: &Account, version: u32, now: Timestamp) -> Result<bool> {
        let changed = self
            .run(
                sql!(
                    "UPDATE accounts SET username = $2, username_key = $3, skeleton = $4, search = $5, claims = $6,
                            language = $7, updated_at = $9, version = version + 1
                      WHERE id = $1 AND version = $8"
                ),
                bind![
                    &account.id,
                    account.username.as_str(),
                    account.username.key(),
                    account.username.skeleton(),
                    account.search_text(),
                    text(&account.claims),
                    account.language.as_ref(),
                    version,
                    now,
                ],
            )
            .await?;
        Ok(changed == 1)
    }

    async fn index_names(&mut self, limit: u32) -> Result<u32> {
        let found = self
            .all::<AccountRow>(
                sql!(
                    "SELECT id, username, state, claims, webauthn_handle, roles, group_names, language, created_at,
                            updated_at
                       FROM accounts WHERE skeleton IS NULL ORDER BY id LIMIT $1"
                ),
                bind![limit.min(PAGE)],
            )
            .await?;
        let mut seen = HashSet::new();
        let mut rows = Vec::with_capacity(found.len());
        for row in found {
            let account = Account::try_from(row)?;
            let skeleton = account.username.skeleton();
            // Names that looked alike before anybody checked stay as they are; the first one keeps others away.
            let own = format!("{skeleton}\n{}", account.id);
            let wanted = if seen.insert(skeleton.clone()) { &skeleton } else { &own };
            rows.push(json!({
                "id": account.id, "skeleton": wanted, "own": own, "search": account.search_text(),
            }));
        }
        if rows.is_empty() {
            return Ok(0);
        }
        // With the sign SQLite goes along the rows that are given, not along all accounts that wait.
        let done = self
            .run(
                sql!(
                    sqlite: "UPDATE accounts
                        SET search = json_extract(r.value, '$.search'),
                            skeleton = CASE WHEN EXISTS
                                (SELECT 1 FROM accounts o WHERE o.skeleton = json_extract(r.value, '$.skeleton'))
                                THEN json_extract(r.value, '$.own') ELSE json_extract(r.value, '$.skeleton') END
                       FROM json_each($1) AS r
                      WHERE accounts.id = json_extract(r.value, '$.id') AND +accounts.skeleton IS NULL",
                    postgres: "UPDATE accounts
                        SET search = r.search,
                            skeleton = CASE WHEN EXISTS
                                (SELECT 1 FROM accounts o WHERE o.skeleton = r.skeleton)
                                THEN r.own ELSE r.skeleton END
                       FROM json_to_recordset(CAST($1 AS json)) AS r(id TEXT, skeleton TEXT, own TEXT, search TEXT)
                      WHERE accounts.id = r.id AND accounts.skeleton IS NULL"
                ),
                bind![json!(rows).to_string()],
            )
            .await?;
        Ok(u32::try_from(done).unwrap_or(u32::MAX))
    }

    async fn set_own_roles(
        &mut self,
        id: &AccountId,
        roles: Roles,
        version: Option<u32>,
        now: Timestamp,
    ) -> Result<bool> {
        let changed = self
            .run(
                sql!(
                    "UPDATE accounts SET own_roles = $2, version = version + 1
                      WHERE id = $1 AND (CAST($3 AS BIGINT) IS NULL OR version = $3)"
                ),
                bind![id, text(&roles), version],
            )
            .await?;
        if changed == 1 {
            self.derive_accounts(&list(&[*id]), now).await?;
        }
        Ok(changed == 1)
    }

    async fn delete_account(&mut self, id: &AccountId) -> Result<bool> {
        self.alone_with(pg_sql!("SELECT id FROM accounts WHERE id = $1 FOR UPDATE"), bind![id]).await?;
        for statement in [
            sql!("DELETE FROM sessions WHERE account_id = $1"),
            sql!("DELETE FROM grants WHERE account_id = $1"),
            sql!("DELETE FROM consents WHERE account_id = $1"),
            sql!("DELETE FROM known_browsers WHERE account_id = $1"),
            sql!("DELETE FROM api_keys WHERE account_id = $1"),
            sql!("DELETE FROM enrolments WHERE account_id = $1"),
            sql!("DELETE FROM devices WHERE account_id = $1"),
            sql!("DELETE FROM passkeys WHERE account_id = $1"),
            sql!("DELETE FROM passwords WHERE account_id = $1"),
            sql!("DELETE FROM group_members WHERE account_id = $1"),
            // What long work was told of them goes; that there was a row, and what became of it, stays.
            sql!(
                "UPDATE job_rows SET label = $1, input = '{}', secret = NULL, about = NULL
                  WHERE about IN ($1, (SELECT username_key FROM accounts WHERE id = $1))"
            ),
        ] {
            self.run(statement, bind![id]).await?;
        }
        Ok(self.run(sql!("DELETE FROM accounts WHERE id = $1"), bind![id]).await? == 1)
    }

    async fn add_group(&mut self, group: &Group) -> Result<()> {
        self.run(
            sql!(
                "INSERT INTO groups
                    (id, name, name_key, description, roles, overrides, version, created_at, changed_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
            ),
            bind![
                &group.id,
                group.name.as_str(),
                group.name.key(),
                &group.description,
                text(&group.roles),
                text(&group.overrides),
                group.version,
                group.created_at,
                group.changed_at,
            ],
        )
        .await?;
        Ok(())
    }

    async fn edit_group(&mut self, group: &Group, version: u32) -> Result<Option<Vec<AccountId>>> {
        let changed = self
            .run(
                sql!(
                    "UPDATE groups SET name = $2, name_key = $3, description = $4, roles = $5, overrides = $6,
                            changed_at = $7, version = version + 1
                      WHERE id = $1 AND version = $8"
                ),
                bind![
                    &group.id,
                    group.name.as_str(),
                    group.name.key(),
                    &group.description,
                    text(&group.roles),
                    text(&group.overrides),
                    group.changed_at,
                    version,
                ],
            )
            .await?;
        if changed != 1 {
            return Ok(None);
        }
        self.derive_members(&group.id, "", group.changed_at).await.map(Some)
    }

    async fn delete_group(
        &mut self,
        id: &GroupId,
        version: u32,
        now: Timestamp,
    ) -> Result<Option<Vec<AccountId>>> {
        let statement = sql!("UPDATE groups SET version = version + 1 WHERE id = $1 AND version = $2");
        if self.run(statement, bind![id, version]).await? != 1 {
            return Ok(None);
        }
        let changed = self.derive_members(id, &id.to_string(), now).await?;
        self.run(sql!("DELETE FROM group_members WHERE group_id = $1"), bind![id]).await?;
        self.run(sql!("DELETE FROM groups WHERE id = $1"), bind![id]).await?;
        Ok(Some(changed))
    }

    async fn add_members(
        &mut self,
        group: &GroupId,
        accounts: &[AccountId],
        now: Timestamp,
    ) -> Result<Vec<AccountId>> {
        let added = self
            .all::<IdRow>(
                sql!(
                    sqlite: "INSERT INTO group_members (group_id, account_id, added_at)
                     SELECT $1, a.id, $3 FROM accounts a
                      WHERE a.id IN (SELECT value FROM json_each($2))
                     ON CONFLICT (group_id, account_id) DO NOTHING RETURNING account_id",
                    postgres: "INSERT INTO group_members (group_id, account_id, added_at)
                     SELECT $1, a.id, $3 FROM accounts a
                      WHERE a.id IN (SELECT w FROM json_array_elements_text(CAST($2 AS JSON)) w)
                     ON CONFLICT (group_id, account_id) DO NOTHING RETURNING account_id",
                ),
                bind![group, list(accounts), now],
            )
            .await?;
        self.derive_changed(added, now).await
    }

    async fn remove_members(
        &mut self,
        group: &GroupId,
        accounts: &[AccountId],
        now: Timestamp,
    ) -> Result<Vec<AccountId>> {
        let removed = self
            .all::<IdRow>(
                sql!(
                    sqlite: "DELETE FROM group_members
                      WHERE group_id = $1 AND account_id IN (SELECT value FROM json_each($2))
                     RETURNING account_id",
                    postgres: "DELETE FROM group_members
                      WHERE group_id = $1
                        AND account_id IN (SELECT w FROM json_array_elements_text(CAST($2 AS JSON)) w)
                     RETURNING account_id",
                ),
                bind![group, list(accounts)],
            )
            .await?;
        self.derive_changed(removed, now).await
    }
}
