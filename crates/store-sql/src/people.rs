//! Groups, roles, custom claims, policies, and people as an administrator finds them.

use async_trait::async_trait;
use domain::{ClaimDefinition, Overrides, Timestamp};
use store::{Decided, EditPeople, People, Result, SavedPolicy, StoreError};

use crate::values::{bind, json, small};
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

#[async_trait]
impl People for SqlWork {
    async fn decided(&mut self) -> Result<Decided> {
        let policies = self
            .all::<PolicyRow>(sql!("SELECT name, value, version, changed_at FROM policies ORDER BY name"), bind![])
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
            claims: claims.into_iter().map(|DefinitionRow(definition, version)| (definition, version)).collect(),
            overrides: overrides.into_iter().map(|OverridesRow(name, wishes)| (name, wishes)).collect(),
        })
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
}
