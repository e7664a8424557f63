//! Our keys and the installation's settings.

use async_trait::async_trait;
use domain::{KeyRecord, KeyState, KeyUse, Timestamp};
use store::{EditKeys, Keys, Result, StoreError};

use crate::corrupt;
use crate::values::{bind, word};
use crate::work::{Cells, Entry, SqlWork, pg_sql, sql};

/// `kid, alg, state, sealed, created_at, retired_at`
struct KeyRow {
    kid: String,
    alg: String,
    state: String,
    sealed: Vec<u8>,
    created_at: i64,
    retired_at: Option<i64>,
}

impl Entry for KeyRow {
    const TABLE: &'static str = "signing_keys";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            kid: row.text("kid")?,
            alg: row.text("alg")?,
            state: row.text("state")?,
            sealed: row.bytes("sealed")?,
            created_at: row.number("created_at")?,
            retired_at: row.maybe_number("retired_at")?,
        })
    }
}

impl TryFrom<KeyRow> for KeyRecord {
    type Error = StoreError;

    fn try_from(row: KeyRow) -> Result<Self> {
        const T: &str = KeyRow::TABLE;
        Ok(Self {
            used_for: KeyUse::from_word(&row.alg).ok_or_else(|| corrupt(T, "alg", &row.kid))?,
            state: word(&row.state, T, "state", &row.kid)?,
            sealed: row.sealed,
            created_at: Timestamp::from_millis(row.created_at),
            retired_at: row.retired_at.map(Timestamp::from_millis),
            kid: row.kid,
        })
    }
}

/// One value.
struct SettingRow(String);

impl Entry for SettingRow {
    const TABLE: &'static str = "settings";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self(row.text("value")?))
    }
}

#[async_trait]
impl Keys for SqlWork {
    async fn signing_keys(&mut self) -> Result<Vec<KeyRecord>> {
        // What a unit then decides must still be so when it is done.
        let held = pg_sql!("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE");
        self.alone_with(held, bind![]).await?;
        self.all::<KeyRow>(
            sql!(
                "SELECT kid, alg, state, sealed, created_at, retired_at
                   FROM signing_keys ORDER BY created_at, kid"
            ),
            bind![],
        )
        .await?
        .into_iter()
        .map(KeyRecord::try_from)
        .collect()
    }

    async fn setting(&mut self, name: &str) -> Result<Option<String>> {
        let row = self
            .optional::<SettingRow>(sql!("SELECT value FROM settings WHERE name = $1"), bind![name])
            .await?;
        Ok(row.map(|SettingRow(value)| value))
    }
}

#[async_trait]
impl EditKeys for SqlWork {
    async fn add_signing_key(&mut self, key: &KeyRecord) -> Result<()> {
        self.run(
            sql!(
                "INSERT INTO signing_keys (kid, alg, state, sealed, created_at, retired_at)
                 VALUES ($1, $2, $3, $4, $5, $6)"
            ),
            bind![
                &key.kid,
                key.used_for.as_str(),
                key.state.as_str(),
                &key.sealed,
                key.created_at,
                key.retired_at,
            ],
        )
        .await?;
        Ok(())
    }

    async fn move_signing_key(&mut self, kid: &str, to: KeyState, now: Timestamp) -> Result<bool> {
        let retired_at = (to == KeyState::Retired).then_some(now);
        let changed = self
            .run(
                sql!("UPDATE signing_keys SET state = $2, retired_at = $3 WHERE kid = $1 AND state <> $2"),
                bind![kid, to.as_str(), retired_at],
            )
            .await?;
        Ok(changed == 1)
    }

    async fn reseal_signing_key(&mut self, kid: &str, sealed: &[u8]) -> Result<bool> {
        let changed =
            self.run(sql!("UPDATE signing_keys SET sealed = $2 WHERE kid = $1"), bind![kid, sealed]).await?;
        Ok(changed == 1)
    }

    async fn delete_signing_key(&mut self, kid: &str) -> Result<bool> {
        let deleted = self.run(sql!("DELETE FROM signing_keys WHERE kid = $1"), bind![kid]).await?;
        Ok(deleted == 1)
    }

    async fn keep_setting(&mut self, name: &str, value: &str) -> Result<String> {
        // Sets a kept value to itself, so that it is answered.
        let row = self
            .optional::<SettingRow>(
                sql!(
                    "INSERT INTO settings (name, value) VALUES ($1, $2)
                     ON CONFLICT (name) DO UPDATE SET value = settings.value
                     RETURNING value"
                ),
                bind![name, value],
            )
            .await?;
        row.map(|SettingRow(value)| value)
            .ok_or_else(|| StoreError::Unavailable("the database did not say what is kept".into()))
    }

    async fn replace_setting(&mut self, name: &str, value: &str) -> Result<()> {
        self.run(
            sql!(
                "INSERT INTO settings (name, value) VALUES ($1, $2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value"
            ),
            bind![name, value],
        )
        .await?;
        Ok(())
    }
}
