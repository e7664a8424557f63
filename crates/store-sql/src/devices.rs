//! Phones.

use async_trait::async_trait;
use domain::{Account, AccountId, Device, DeviceId, DeviceKey, DeviceState, Passkey, Timestamp};
use store::{Devices, EditDevices, Page, Result, StoreError};

use crate::accounts::{AccountRow, PAGE, PasskeyRow};
use crate::values::{bind, parsed, word};
use crate::work::{Cells, Entry, PgSql, SqlWork, pg_sql, sql};

/// `id, account_id, kind, name, platform, key_alg, key_public, key_thumbprint, verifies_user, passkey_id,
/// state, added_by, agreed_at, created_at, last_used_at`
struct DeviceRow {
    id: String,
    account_id: String,
    kind: String,
    name: String,
    platform: String,
    key_alg: String,
    key_public: Vec<u8>,
    key_thumbprint: String,
    verifies_user: bool,
    passkey_id: Option<String>,
    state: String,
    added_by: String,
    agreed_at: Option<i64>,
    created_at: i64,
    last_used_at: Option<i64>,
}

impl Entry for DeviceRow {
    const TABLE: &'static str = "devices";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            id: row.text("id")?,
            account_id: row.text("account_id")?,
            kind: row.text("kind")?,
            name: row.text("name")?,
            platform: row.text("platform")?,
            key_alg: row.text("key_alg")?,
            key_public: row.bytes("key_public")?,
            key_thumbprint: row.text("key_thumbprint")?,
            verifies_user: row.flag("verifies_user")?,
            passkey_id: row.maybe_text("passkey_id")?,
            state: row.text("state")?,
            added_by: row.text("added_by")?,
            agreed_at: row.maybe_number("agreed_at")?,
            created_at: row.number("created_at")?,
            last_used_at: row.maybe_number("last_used_at")?,
        })
    }
}

impl TryFrom<DeviceRow> for Device {
    type Error = StoreError;

    fn try_from(row: DeviceRow) -> Result<Self> {
        const T: &str = DeviceRow::TABLE;
        let id = &row.id;
        Ok(Self {
            id: parsed(id, T, "id", id)?,
            account: parsed(&row.account_id, T, "account_id", id)?,
            kind: word(&row.kind, T, "kind", id)?,
            name: row.name,
            platform: row.platform,
            key: DeviceKey {
                alg: word(&row.key_alg, T, "key_alg", id)?,
                public: row.key_public,
                thumbprint: row.key_thumbprint,
            },
            verifies_user: row.verifies_user,
            passkey: row.passkey_id.map(|passkey| parsed(&passkey, T, "passkey_id", id)).transpose()?,
            state: word(&row.state, T, "state", id)?,
            added_by: word(&row.added_by, T, "added_by", id)?,
            agreed_at: row.agreed_at.map(Timestamp::from_millis),
            created_at: Timestamp::from_millis(row.created_at),
            last_used_at: row.last_used_at.map(Timestamp::from_millis),
        })
    }
}

/// A device, its owner, and its passkey if it has one.
struct ActorRow {
    device: DeviceRow,
    owner: AccountRow,
    passkey: Option<PasskeyRow>,
}

impl Entry for ActorRow {
    const TABLE: &'static str = "devices";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        let device = DeviceRow::read(row)?;
        let owner = AccountRow::read(row)?;
        let passkey = if row.is_nothing()? { None } else { Some(PasskeyRow::read(row)?) };
        Ok(Self { device, owner, passkey })
    }
}

impl TryFrom<ActorRow> for (Device, Account, Option<Passkey>) {
    type Error = StoreError;

    fn try_from(row: ActorRow) -> Result<Self> {
        let passkey = row.passkey.map(Passkey::try_from).transpose()?;
        Ok((row.device.try_into()?, row.owner.try_into()?, passkey))
    }
}

/// Others that add phones, enrolments or sessions to the account, or change its password, wait.
pub(crate) const HOLD_ACCOUNT: PgSql = pg_sql!("SELECT id FROM accounts WHERE id = $1 FOR NO KEY UPDATE");

#[async_trait]
impl Devices for SqlWork {
    async fn device(&mut self, id: &DeviceId) -> Result<Option<Device>> {
        self.optional::<DeviceRow>(
            sql!(
                "SELECT id, account_id, kind, name, platform, key_alg, key_public, key_thumbprint,
                        verifies_user, passkey_id, state, added_by, agreed_at, created_at, last_used_at
                   FROM devices WHERE id = $1"
            ),
            bind![id],
        )
        .await?
        .map(Device::try_from)
        .transpose()
    }

    async fn device_to_act(&mut self, id: &DeviceId) -> Result<Option<(Device, Account, Option<Passkey>)>> {
        self.optional::<ActorRow>(
            sql!(
                "SELECT d.id, d.account_id, d.kind, d.name, d.platform, d.key_alg, d.key_public,
                        d.key_thumbprint, d.verifies_user, d.passkey_id, d.state, d.added_by, d.agreed_at,
                        d.created_at, d.last_used_at,
                        a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at,
                        p.id, p.account_id, p.device_id, p.credential_id, p.passkey, p.name, p.created_at,
                        p.last_used_at
                   FROM devices d
                   JOIN accounts a ON a.id = d.account_id
                   LEFT JOIN passkeys p ON p.id = d.passkey_id AND p.account_id = d.account_id
                  WHERE d.id = $1"
            ),
            bind![id],
        )
        .await?
        .map(TryFrom::try_from)
        .transpose()
    }

    async fn devices_of(&mut self, account: &AccountId) -> Result<Vec<Device>> {
        self.all::<DeviceRow>(
            sql!(
                "SELECT id, account_id, kind, name, platform, key_alg, key_public, key_thumbprint,
                        verifies_user, passkey_id, state, added_by, agreed_at, created_at, last_used_at
                   FROM devices WHERE account_id = $1 ORDER BY created_at, id"
            ),
            bind![account],
        )
        .await?
        .into_iter()
        .map(Device::try_from)
        .collect()
    }

    async fn devices(&mut self, page: Page<'_>) -> Result<Vec<Device>> {
        self.all::<DeviceRow>(
            sql!(
                "SELECT id, account_id, kind, name, platform, key_alg, key_public, key_thumbprint,
                        verifies_user, passkey_id, state, added_by, agreed_at, created_at, last_used_at
                   FROM devices WHERE id > $1 ORDER BY id LIMIT $2"
            ),
            bind![page.after.unwrap_or_default(), page.limit.min(PAGE)],
        )
        .await?
        .into_iter()
        .map(Device::try_from)
        .collect()
    }
}

#[async_trait]
impl EditDevices for SqlWork {
    async fn add_device(&mut self, device: &Device, limit: u32) -> Result<bool> {
        // Counts of parallel enrolments would not see each other's phones.
        self.alone_with(HOLD_ACCOUNT, bind![&device.account]).await?;
        let added = self
            .run(
                sql!(
                    "INSERT INTO devices
                        (id, account_id, kind, name, platform, key_alg, key_public, key_thumbprint,
                         verifies_user, passkey_id, state, added_by, agreed_at, created_at, changed_at,
                         last_used_at)
                     SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $15
                      WHERE (SELECT COUNT(*) FROM devices WHERE account_id = $2 AND state <> 'revoked') < $16"
                ),
                bind![
                    &device.id,
                    &device.account,
                    device.kind.as_str(),
                    &device.name,
                    &device.platform,
                    device.key.alg.as_str(),
                    &device.key.public,
                    &device.key.thumbprint,
                    device.verifies_user,
                    device.passkey.as_ref(),
                    device.state.as_str(),
                    device.added_by.as_str(),
                    device.agreed_at,
                    device.created_at,
                    device.last_used_at,
                    limit,
                ],
            )
            .await?;
        Ok(added == 1)
    }

    async fn move_device(
        &mut self,
        id: &DeviceId,
        owner: Option<&AccountId>,
        from: &[DeviceState],
        to: DeviceState,
        now: Timestamp,
    ) -> Result<bool> {
        // Revoked is for good (SEC-081), whatever is asked; so three words are enough.
        let is_from = |state| if from.contains(&state) { state.as_str() } else { "" };
        let changed = self
            .run(
                sql!(
                    "UPDATE devices SET state = $3, changed_at = $4
                      WHERE id = $1 AND (CAST($2 AS TEXT) IS NULL OR account_id = $2)
                        AND state IN ($5, $6, $7)"
                ),
                bind![
                    id,
                    owner,
                    to.as_str(),
                    now,
                    is_from(DeviceState::Pending),
                    is_from(DeviceState::Active),
                    is_from(DeviceState::Suspended),
                ],
            )
            .await?;
        Ok(changed == 1)
    }

    async fn device_used(&mut self, id: &DeviceId, owner: &AccountId, now: Timestamp) -> Result<bool> {
        let noted = self
            .run(
                sql!(
                    sqlite: "UPDATE devices SET last_used_at = $3
                      WHERE id = $1 AND account_id = $2 AND state = 'active'
                        AND EXISTS (SELECT 1 FROM accounts WHERE id = $2 AND state = 'active')",
                    // Whoever disables the account meanwhile waits, and finds what this unit did.
                    postgres: "UPDATE devices SET last_used_at = $3
                      WHERE id = $1 AND account_id = $2 AND state = 'active'
                        AND EXISTS (SELECT 1 FROM accounts WHERE id = $2 AND state = 'active' FOR SHARE)"
                ),
                bind![id, owner, now],
            )
            .await?;
        Ok(noted == 1)
    }
}
