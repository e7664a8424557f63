//! Groups, roles, custom claims, policies, and people as an administrator finds them.
//!
//! What an account has from its groups (`accounts.roles`, `accounts.group_names`) is written again, by one statement,
//! whenever something changes that it comes from (`edit`).

mod edit;

use async_trait::async_trait;
use domain::{
    Account, AccountId, AccountState, ClaimDefinition, Cursor, Group, GroupId, GroupName, Overrides,
    PeopleFilter, PeopleOrder, PeoplePage, Person, Timestamp,
};
use store::{Decided, People, Result, SavedPolicy, StoreError};

use crate::accounts::{AccountRow, CountRow, PAGE};
use crate::corrupt;
use crate::values::{Values, bind, json, like, small};
use crate::work::{Cells, Entry, SqlWork, sql};

/// `name, value, version, changed_at`
struct PolicyRow(SavedPolicy);

impl Entry for PolicyRow {
    const TABLE: &'static str = "policies";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        let (name, value) = (row.text("name")?, row.text("value")?);
        let version = small(row.number("version")?, Self::TABLE, "version", &name)?;
        let changed_at = Timestamp::from_millis(row.number("changed_at")?);
        Ok(Self(SavedPolicy { name, value, version, changed_at }))
    }
}

/// `name, definition, version`
struct DefinitionRow(ClaimDefinition, u32);

impl Entry for DefinitionRow {
    const TABLE: &'static str = "claim_definitions";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        let (name, definition) = (row.text("name")?, row.text("definition")?);
        let definition = json(&definition, Self::TABLE, "definition", &name)?;
        Ok(Self(definition, small(row.number("version")?, Self::TABLE, "version", &name)?))
    }
}

/// `name, overrides`
struct OverridesRow(String, Overrides);

impl Entry for OverridesRow {
    const TABLE: &'static str = "groups";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        let (name, overrides) = (row.text("name")?, row.text("overrides")?);
        let overrides = json(&overrides, Self::TABLE, "overrides", &name)?;
        Ok(Self(name, overrides))
    }
}

/// An id.
struct IdRow(String);

impl Entry for IdRow {
    const TABLE: &'static str = "accounts";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        row.text("id").map(Self)
    }
}

impl TryFrom<IdRow> for AccountId {
    type Error = StoreError;

    fn try_from(IdRow(id): IdRow) -> Result<Self> {
        id.parse().map_err(|_| corrupt(IdRow::TABLE, "id", id))
    }
}

/// An account, then `own_roles, version, devices, passkeys, has_password`.
struct PersonRow(Person);

impl Entry for PersonRow {
    const TABLE: &'static str = "accounts";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        let account = Account::try_from(AccountRow::read(row)?)?;
        let id = account.id.to_string();
        Ok(Self(Person {
            own_roles: json(&row.text("own_roles")?, Self::TABLE, "own_roles", &id)?,
            version: small(row.number("version")?, Self::TABLE, "version", &id)?,
            devices: small(row.number("devices")?, Self::TABLE, "devices", &id)?,
            passkeys: small(row.number("passkeys")?, Self::TABLE, "passkeys", &id)?,
            has_password: row.number("has_password")? != 0,
            account,
        }))
    }
}

/// `id, name, description, roles, overrides, version, created_at, changed_at, members`
struct GroupRow(Group, u32);

impl Entry for GroupRow {
    const TABLE: &'static str = "groups";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        const T: &str = GroupRow::TABLE;
        let id = row.text("id")?;
        let name = row.text("name")?;
        let group = Group {
            id: id.parse().map_err(|_| corrupt(T, "id", &id))?,
            name: GroupName::parse(&name).map_err(|_| corrupt(T, "name", &id))?,
            description: row.text("description")?,
            roles: json(&row.text("roles")?, T, "roles", &id)?,
            overrides: json(&row.text("overrides")?, T, "overrides", &id)?,
            version: small(row.number("version")?, T, "version", &id)?,
            created_at: Timestamp::from_millis(row.number("created_at")?),
            changed_at: Timestamp::from_millis(row.number("changed_at")?),
        };
        Ok(Self(group, small(row.number("members")?, T, "members", &id)?))
    }
}

/// After every text that is a folded name or an id.
const LAST: &str = "\u{10FFFF}";

/// Roles or wishes as they are kept.
fn text<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// What follows the page's key and limit in the statements that find people.
fn filters(filter: &PeopleFilter, mut values: Values) -> Values {
    let role = filter.role.map_or_else(|| "%".to_owned(), |role| like(&format!("\"{}\"", role.as_str())));
    values.extend(bind![
        like(&filter.text),
        filter.state.map(AccountState::as_str).unwrap_or_default(),
        role,
        filter.group.as_ref().map(ToString::to_string).unwrap_or_default(),
        filter.has_device,
        filter.has_passkey,
    ]);
    values
}

#[async_trait]
impl People for SqlWork {
    async fn decided(&mut self) -> Result<Decided> {
        let policies = self
            .all::<PolicyRow>(
                sql!("SELECT name, value, version, changed_at FROM policies ORDER BY name"),
                bind![],
            )
            .await?;
        let claims = self
            .all::<DefinitionRow>(
                sql!("SELECT name, definition, version FROM claim_definitions ORDER BY name"),
                bind![],
            )
            .await?;
        let overrides = self
            .all::<OverridesRow>(
                sql!("SELECT name, overrides FROM groups WHERE overrides <> '{}' ORDER BY name_key"),
                bind![],
            )
            .await?;
        Ok(Decided {
            policies: policies.into_iter().map(|PolicyRow(policy)| policy).collect(),
            claims: claims
                .into_iter()
                .map(|DefinitionRow(definition, version)| (definition, version))
                .collect(),
            overrides: overrides.into_iter().map(|OverridesRow(name, wishes)| (name, wishes)).collect(),
        })
    }

    async fn person(&mut self, id: &AccountId) -> Result<Option<Person>> {
        let row = self
            .optional::<PersonRow>(
                sql!(
                    sqlite: "SELECT a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at, a.own_roles, a.version,
                        (SELECT COUNT(*) FROM devices d WHERE d.account_id = a.id AND d.state <> 'revoked'),
                        (SELECT COUNT(*) FROM passkeys k WHERE k.account_id = a.id AND k.device_id IS NULL),
                        (SELECT COUNT(*) FROM passwords p WHERE p.account_id = a.id)
                       FROM accounts a WHERE a.id = $1",
                    postgres: "SELECT a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at, a.own_roles, a.version,
                        (SELECT COUNT(*) FROM devices d WHERE d.account_id = a.id COLLATE \"default\" AND d.state <> 'revoked'),
                        (SELECT COUNT(*) FROM passkeys k WHERE k.account_id = a.id COLLATE \"default\" AND k.device_id IS NULL),
                        (SELECT COUNT(*) FROM passwords p WHERE p.account_id = a.id COLLATE \"default\")
                       FROM accounts a WHERE a.id = $1"
                ),
                bind![id],
            )
            .await?;
        Ok(row.map(|PersonRow(person)| person))
    }

    async fn people(&mut self, filter: &PeopleFilter, page: &PeoplePage<'_>) -> Result<Vec<Person>> {
        // First which, then what is known of them: what is counted is counted for one page.
        let statement = match (page.order, page.descending) {
            (PeopleOrder::Username, false) => sql!(
                sqlite: "SELECT id FROM accounts
                  WHERE username_key > $1 AND $2 = $2
                    AND search LIKE $4 ESCAPE '!' AND ($5 = '' OR state = $5) AND roles LIKE $6 ESCAPE '!'
                    AND ($7 = '' OR EXISTS (SELECT 1 FROM group_members m
                                             WHERE m.group_id = $7 AND m.account_id = accounts.id))
                    AND (CAST($8 AS BOOLEAN) IS NULL OR $8 = EXISTS (SELECT 1 FROM devices d
                                                     WHERE d.account_id = accounts.id AND d.state <> 'revoked'))
                    AND (CAST($9 AS BOOLEAN) IS NULL OR $9 = EXISTS (SELECT 1 FROM passkeys k
                                                     WHERE k.account_id = accounts.id AND k.device_id IS NULL))
                  ORDER BY username_key LIMIT $3",
                postgres: "SELECT id FROM accounts
                  WHERE username_key > $1 AND $2 = $2
                    AND search LIKE $4 ESCAPE '!' AND ($5 = '' OR state = $5) AND roles LIKE $6 ESCAPE '!'
                    AND ($7 = '' OR EXISTS (SELECT 1 FROM group_members m
                                             WHERE m.group_id = $7 AND m.account_id = accounts.id COLLATE \"default\"))
                    AND (CAST($8 AS BOOLEAN) IS NULL OR $8 = EXISTS (SELECT 1 FROM devices d
                                                     WHERE d.account_id = accounts.id COLLATE \"default\" AND d.state <> 'revoked'))
                    AND (CAST($9 AS BOOLEAN) IS NULL OR $9 = EXISTS (SELECT 1 FROM passkeys k
                                                     WHERE k.account_id = accounts.id COLLATE \"default\" AND k.device_id IS NULL))
                  ORDER BY username_key LIMIT $3"
            ),
            (PeopleOrder::Username, true) => sql!(
                sqlite: "SELECT id FROM accounts
                  WHERE username_key < $1 AND $2 = $2
                    AND search LIKE $4 ESCAPE '!' AND ($5 = '' OR state = $5) AND roles LIKE $6 ESCAPE '!'
                    AND ($7 = '' OR EXISTS (SELECT 1 FROM group_members m
                                             WHERE m.group_id = $7 AND m.account_id = accounts.id))
                    AND (CAST($8 AS BOOLEAN) IS NULL OR $8 = EXISTS (SELECT 1 FROM devices d
                                                     WHERE d.account_id = accounts.id AND d.state <> 'revoked'))
                    AND (CAST($9 AS BOOLEAN) IS NULL OR $9 = EXISTS (SELECT 1 FROM passkeys k
                                                     WHERE k.account_id = accounts.id AND k.device_id IS NULL))
                  ORDER BY username_key DESC LIMIT $3",
                postgres: "SELECT id FROM accounts
                  WHERE username_key < $1 AND $2 = $2
                    AND search LIKE $4 ESCAPE '!' AND ($5 = '' OR state = $5) AND roles LIKE $6 ESCAPE '!'
                    AND ($7 = '' OR EXISTS (SELECT 1 FROM group_members m
                                             WHERE m.group_id = $7 AND m.account_id = accounts.id COLLATE \"default\"))
                    AND (CAST($8 AS BOOLEAN) IS NULL OR $8 = EXISTS (SELECT 1 FROM devices d
                                                     WHERE d.account_id = accounts.id COLLATE \"default\" AND d.state <> 'revoked'))
                    AND (CAST($9 AS BOOLEAN) IS NULL OR $9 = EXISTS (SELECT 1 FROM passkeys k
                                                     WHERE k.account_id = accounts.id COLLATE \"default\" AND k.device_id IS NULL))
                  ORDER BY username_key DESC LIMIT $3"
            ),
            (PeopleOrder::CreatedAt, false) => sql!(
                sqlite: "SELECT id FROM accounts
                  WHERE (created_at, id) > ($1, $2)
                    AND search LIKE $4 ESCAPE '!' AND ($5 = '' OR state = $5) AND roles LIKE $6 ESCAPE '!'
                    AND ($7 = '' OR EXISTS (SELECT 1 FROM group_members m
                                             WHERE m.group_id = $7 AND m.account_id = accounts.id))
                    AND (CAST($8 AS BOOLEAN) IS NULL OR $8 = EXISTS (SELECT 1 FROM devices d
                                                     WHERE d.account_id = accounts.id AND d.state <> 'revoked'))
                    AND (CAST($9 AS BOOLEAN) IS NULL OR $9 = EXISTS (SELECT 1 FROM passkeys k
                                                     WHERE k.account_id = accounts.id AND k.device_id IS NULL))
                  ORDER BY created_at, id LIMIT $3",
                postgres: "SELECT id FROM accounts
                  WHERE (created_at, id) > ($1, $2)
                    AND search LIKE $4 ESCAPE '!' AND ($5 = '' OR state = $5) AND roles LIKE $6 ESCAPE '!'
                    AND ($7 = '' OR EXISTS (SELECT 1 FROM group_members m
                                             WHERE m.group_id = $7 AND m.account_id = accounts.id COLLATE \"default\"))
                    AND (CAST($8 AS BOOLEAN) IS NULL OR $8 = EXISTS (SELECT 1 FROM devices d
                                                     WHERE d.account_id = accounts.id COLLATE \"default\" AND d.state <> 'revoked'))
                    AND (CAST($9 AS BOOLEAN) IS NULL OR $9 = EXISTS (SELECT 1 FROM passkeys k
                                                     WHERE k.account_id = accounts.id COLLATE \"default\" AND k.device_id IS NULL))
                  ORDER BY created_at, id LIMIT $3"
            ),
            (PeopleOrder::CreatedAt, true) => sql!(
                sqlite: "SELECT id FROM accounts
                  WHERE (created_at, id) < ($1, $2)
                    AND search LIKE $4 ESCAPE '!' AND ($5 = '' OR state = $5) AND roles LIKE $6 ESCAPE '!'
                    AND ($7 = '' OR EXISTS (SELECT 1 FROM group_members m
                                             WHERE m.group_id = $7 AND m.account_id = accounts.id))
                    AND (CAST($8 AS BOOLEAN) IS NULL OR $8 = EXISTS (SELECT 1 FROM devices d
                                                     WHERE d.account_id = accounts.id AND d.state <> 'revoked'))
                    AND (CAST($9 AS BOOLEAN) IS NULL OR $9 = EXISTS (SELECT 1 FROM passkeys k
                                                     WHERE k.account_id = accounts.id AND k.device_id IS NULL))
                  ORDER BY created_at DESC, id DESC LIMIT $3",
                postgres: "SELECT id FROM accounts
                  WHERE (created_at, id) < ($1, $2)
                    AND search LIKE $4 ESCAPE '!' AND ($5 = '' OR state = $5) AND roles LIKE $6 ESCAPE '!'
                    AND ($7 = '' OR EXISTS (SELECT 1 FROM group_members m
                                             WHERE m.group_id = $7 AND m.account_id = accounts.id COLLATE \"default\"))
                    AND (CAST($8 AS BOOLEAN) IS NULL OR $8 = EXISTS (SELECT 1 FROM devices d
                                                     WHERE d.account_id = accounts.id COLLATE \"default\" AND d.state <> 'revoked'))
                    AND (CAST($9 AS BOOLEAN) IS NULL OR $9 = EXISTS (SELECT 1 FROM passkeys k
                                                     WHERE k.account_id = accounts.id COLLATE \"default\" AND k.device_id IS NULL))
                  ORDER BY created_at DESC, id DESC LIMIT $3"
            ),
        };
        let limit = page.limit.min(PAGE);
        let last_id = page.after.map_or(if page.descending { LAST } else { "" }, |cursor| &cursor.id);
        let values = match page.order {
            PeopleOrder::Username => {
                let key = page.after.map_or(if page.descending { LAST } else { "" }, |cursor| &cursor.key);
                bind![key, last_id, limit]
            }
            PeopleOrder::CreatedAt => {
                let end = if page.descending { i64::MAX } else { i64::MIN };
                // A key that is no number is before, or after, all there is.
                let key = page.after.map_or(end, |cursor| cursor.number().unwrap_or(end));
                bind![key, last_id, limit]
            }
        };
        let ids = self.all::<IdRow>(statement, filters(filter, values)).await?;
        let ids: Vec<String> = ids.into_iter().map(|IdRow(id)| id).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self
            .all::<PersonRow>(
                sql!(
                    sqlite: "SELECT a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at, a.own_roles, a.version,
                        (SELECT COUNT(*) FROM devices d WHERE d.account_id = a.id AND d.state <> 'revoked'),
                        (SELECT COUNT(*) FROM passkeys k WHERE k.account_id = a.id AND k.device_id IS NULL),
                        (SELECT COUNT(*) FROM passwords p WHERE p.account_id = a.id)
                       FROM accounts a WHERE a.id IN (SELECT value FROM json_each($1))",
                    postgres: "SELECT a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at, a.own_roles, a.version,
                        (SELECT COUNT(*) FROM devices d WHERE d.account_id = a.id COLLATE \"default\" AND d.state <> 'revoked'),
                        (SELECT COUNT(*) FROM passkeys k WHERE k.account_id = a.id COLLATE \"default\" AND k.device_id IS NULL),
                        (SELECT COUNT(*) FROM passwords p WHERE p.account_id = a.id COLLATE \"default\")
                       FROM accounts a
                      WHERE a.id IN (SELECT w FROM json_array_elements_text(CAST($1 AS JSON)) w)",
                ),
                bind![text(&ids)],
            )
            .await?;
        let mut people: Vec<Person> = rows.into_iter().map(|PersonRow(person)| person).collect();
        let place: std::collections::HashMap<&str, usize> =
            ids.iter().enumerate().map(|(place, id)| (id.as_str(), place)).collect();
        people.sort_by_cached_key(|person| place.get(person.account.id.to_string().as_str()).copied());
        Ok(people)
    }

    async fn count_people(&mut self) -> Result<u64> {
        let count = self.optional::<CountRow>(sql!("SELECT COUNT(*) FROM accounts"), bind![]).await?;
        Ok(count.map_or(0, |CountRow(count)| u64::try_from(count).unwrap_or(0)))
    }

    async fn group(&mut self, id: &GroupId) -> Result<Option<(Group, u32)>> {
        let row = self
            .optional::<GroupRow>(
                sql!(
                    "SELECT g.id, g.name, g.description, g.roles, g.overrides, g.version, g.created_at, g.changed_at,
                        (SELECT COUNT(*) FROM group_members m WHERE m.group_id = g.id)
                       FROM groups g WHERE g.id = $1"
                ),
                bind![id],
            )
            .await?;
        Ok(row.map(|GroupRow(group, members)| (group, members)))
    }

    async fn group_by_name(&mut self, name_key: &str) -> Result<Option<Group>> {
        let row = self
            .optional::<GroupRow>(
                sql!(
                    "SELECT g.id, g.name, g.description, g.roles, g.overrides, g.version, g.created_at, g.changed_at,
                        (SELECT COUNT(*) FROM group_members m WHERE m.group_id = g.id)
                       FROM groups g WHERE g.name_key = $1"
                ),
                bind![name_key],
            )
            .await?;
        Ok(row.map(|GroupRow(group, _)| group))
    }

    async fn groups(&mut self, text: &str, after: Option<&Cursor>, limit: u32) -> Result<Vec<(Group, u32)>> {
        let rows = self
            .all::<GroupRow>(
                sql!(
                    "SELECT g.id, g.name, g.description, g.roles, g.overrides, g.version, g.created_at, g.changed_at,
                        (SELECT COUNT(*) FROM group_members m WHERE m.group_id = g.id)
                       FROM groups g WHERE g.name_key > $1 AND g.name_key LIKE $2 ESCAPE '!'
                      ORDER BY g.name_key LIMIT $3"
                ),
                bind![after.map_or("", |cursor| cursor.key.as_str()), like(text), limit.min(PAGE)],
            )
            .await?;
        Ok(rows.into_iter().map(|GroupRow(group, members)| (group, members)).collect())
    }

    async fn groups_of(&mut self, account: &AccountId) -> Result<Vec<Group>> {
        let rows = self
            .all::<GroupRow>(
                sql!(
                    "SELECT g.id, g.name, g.description, g.roles, g.overrides, g.version, g.created_at, g.changed_at,
                            CAST(0 AS BIGINT)
                       FROM group_members m JOIN groups g ON g.id = m.group_id
                      WHERE m.account_id = $1 ORDER BY g.name_key LIMIT 500"
                ),
                bind![account],
            )
            .await?;
        Ok(rows.into_iter().map(|GroupRow(group, _)| group).collect())
    }

    async fn group_members(
        &mut self,
        group: &GroupId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<Account>> {
        self.all::<AccountRow>(
            sql!(
                "SELECT a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at
                   FROM group_members m JOIN accounts a ON a.id = m.account_id
                  WHERE m.group_id = $1 AND a.username_key > $2 ORDER BY a.username_key LIMIT $3"
            ),
            bind![group, after.map_or("", |cursor| cursor.key.as_str()), limit.min(PAGE)],
        )
        .await?
        .into_iter()
        .map(Account::try_from)
        .collect()
    }
}
