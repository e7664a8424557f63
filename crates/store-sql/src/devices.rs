//! Phones.
//!
//! Owns: what is in their rows, and reading them. Not here: writing them (`edit`), pages of them in an order (`list`).
//!
//! A phone with an app made for CAS has no key. In its row `key_alg` is `none`, `key_public` its name in lower case and
//! `key_thumbprint` a text that is no thumbprint; `cas_name` is only written and looked up by.

mod edit;
mod list;

use async_trait::async_trait;
use domain::list::Cursor;
use domain::{
    Account, AccountId, Device, DeviceId, DeviceKey, DeviceKind, DeviceRecord, DeviceSort, ListedDevice,
    Passkey, PastKey, Timestamp,
};
use store::{DeviceFilter, Devices, Page, Result, StoreError};

use crate::accounts::{AccountRow, PAGE, PasskeyRow};
use crate::corrupt;
use crate::values::{bind, parsed, small, word};
use crate::work::{Cells, Entry, PgSql, SqlWork, pg_sql, sql};

/// What stands where the algorithm of a key does, for a phone without one.
const NO_KEY: &str = "none";

/// `id, account_id, kind, name, platform, key_alg, key_public, key_thumbprint, verifies_user, passkey_id,
/// state, added_by, agreed_at, created_at, last_used_at, model, attestation, attested_by, added_by_account,
/// verified_at, last_place, last_browser, last_approved_at, changed_at, changed_by, changed_why, version`
pub(crate) struct DeviceRow {
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
    model: Option<String>,
    attestation: String,
    attested_by: Option<String>,
    added_by_account: Option<String>,
    verified_at: i64,
    last_place: Option<String>,
    last_browser: Option<String>,
    last_approved_at: Option<i64>,
    changed_at: i64,
    changed_by: Option<String>,
    changed_why: Option<String>,
    version: i64,
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
            model: row.maybe_text("model")?,
            attestation: row.text("attestation")?,
            attested_by: row.maybe_text("attested_by")?,
            added_by_account: row.maybe_text("added_by_account")?,
            verified_at: row.number("verified_at")?,
            last_place: row.maybe_text("last_place")?,
            last_browser: row.maybe_text("last_browser")?,
            last_approved_at: row.maybe_number("last_approved_at")?,
            changed_at: row.number("changed_at")?,
            changed_by: row.maybe_text("changed_by")?,
            changed_why: row.maybe_text("changed_why")?,
            version: row.number("version")?,
        })
    }
}

impl TryFrom<DeviceRow> for Device {
    type Error = StoreError;

    fn try_from(row: DeviceRow) -> Result<Self> {
        const T: &str = DeviceRow::TABLE;
        let id = &row.id;
        let kind = word(&row.kind, T, "kind", id)?;
        let (key, cas_name) = match (kind, row.key_alg.as_str()) {
            (DeviceKind::Cas, NO_KEY) => {
                let name = String::from_utf8(row.key_public).map_err(|_| corrupt(T, "key_public", id))?;
                (None, Some(name))
            }
            (DeviceKind::Cas, _) => return Err(corrupt(T, "key_alg", id)),
            (DeviceKind::Web | DeviceKind::App, alg) => {
                let alg = word(alg, T, "key_alg", id)?;
                let key = DeviceKey { alg, public: row.key_public, thumbprint: row.key_thumbprint };
                (Some(key), None)
            }
        };
        Ok(Self {
            id: parsed(id, T, "id", id)?,
            account: parsed(&row.account_id, T, "account_id", id)?,
            kind,
            name: row.name,
            platform: row.platform,
            key,
            cas_name,
            verifies_user: row.verifies_user,
            passkey: row.passkey_id.map(|passkey| parsed(&passkey, T, "passkey_id", id)).transpose()?,
            state: word(&row.state, T, "state", id)?,
            added_by: word(&row.added_by, T, "added_by", id)?,
            agreed_at: row.agreed_at.map(Timestamp::from_millis),
            created_at: Timestamp::from_millis(row.created_at),
            last_used_at: row.last_used_at.map(Timestamp::from_millis),
            record: DeviceRecord {
                model: row.model,
                attestation: word(&row.attestation, T, "attestation", id)?,
                attested_by: row.attested_by,
                added_by_account: row
                    .added_by_account
                    .map(|account| parsed(&account, T, "added_by_account", id))
                    .transpose()?,
                verified_at: Timestamp::from_millis(row.verified_at),
                last_place: row.last_place,
                last_browser: row.last_browser,
                last_approved_at: row.last_approved_at.map(Timestamp::from_millis),
                changed_at: Timestamp::from_millis(row.changed_at),
                changed_by: row.changed_by.map(|by| parsed(&by, T, "changed_by", id)).transpose()?,
                changed_why: row.changed_why,
                version: small(row.version, T, "version", id)?,
            },
        })
    }
}

/// A device and its owner.
struct OwnedRow {
    device: DeviceRow,
    owner: AccountRow,
}

impl Entry for OwnedRow {
    const TABLE: &'static str = "devices";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self { device: DeviceRow::read(row)?, owner: AccountRow::read(row)? })
    }
}

impl TryFrom<OwnedRow> for (Device, Account) {
    type Error = StoreError;

    fn try_from(row: OwnedRow) -> Result<Self> {
        Ok((row.device.try_into()?, row.owner.try_into()?))
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

/// `thumbprint, added_at, ended_at`
struct PastKeyRow(PastKey);

impl Entry for PastKeyRow {
    const TABLE: &'static str = "device_keys";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self(PastKey {
            thumbprint: row.text("thumbprint")?,
            added_at: Timestamp::from_millis(row.number("added_at")?),
            ended_at: row.maybe_number("ended_at")?.map(Timestamp::from_millis),
        }))
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
                        verifies_user, passkey_id, state, added_by, agreed_at, created_at, last_used_at,
                        model, attestation, attested_by, added_by_account, verified_at, last_place,
                        last_browser, last_approved_at, changed_at, changed_by, changed_why, version
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
                        d.created_at, d.last_used_at, d.model, d.attestation, d.attested_by,
                        d.added_by_account, d.verified_at, d.last_place, d.last_browser, d.last_approved_at,
                        d.changed_at, d.changed_by, d.changed_why, d.version,
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

    async fn device_by_cas_name(&mut self, name: &str) -> Result<Option<(Device, Account)>> {
        self.optional::<OwnedRow>(
            sql!(
                "SELECT d.id, d.account_id, d.kind, d.name, d.platform, d.key_alg, d.key_public,
                        d.key_thumbprint, d.verifies_user, d.passkey_id, d.state, d.added_by, d.agreed_at,
                        d.created_at, d.last_used_at, d.model, d.attestation, d.attested_by,
                        d.added_by_account, d.verified_at, d.last_place, d.last_browser, d.last_approved_at,
                        d.changed_at, d.changed_by, d.changed_why, d.version,
                        a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at
                   FROM devices d
                   JOIN accounts a ON a.id = d.account_id
                  WHERE d.cas_name = $1 AND d.state <> 'revoked'"
            ),
            bind![name],
        )
        .await?
        .map(TryFrom::try_from)
        .transpose()
    }

    async fn devices_with_cas_names(&mut self, names: &[String]) -> Result<Vec<Device>> {
        let names: Vec<&str> = names.iter().take(PAGE as usize).map(String::as_str).collect();
        self.all::<DeviceRow>(
            sql!(
                sqlite: "SELECT id, account_id, kind, name, platform, key_alg, key_public, key_thumbprint,
                        verifies_user, passkey_id, state, added_by, agreed_at, created_at, last_used_at,
                        model, attestation, attested_by, added_by_account, verified_at, last_place,
                        last_browser, last_approved_at, changed_at, changed_by, changed_why, version
                   FROM devices
                  WHERE cas_name IN (SELECT value FROM json_each($1)) AND state <> 'revoked'",
                postgres: "SELECT id, account_id, kind, name, platform, key_alg, key_public, key_thumbprint,
                        verifies_user, passkey_id, state, added_by, agreed_at, created_at, last_used_at,
                        model, attestation, attested_by, added_by_account, verified_at, last_place,
                        last_browser, last_approved_at, changed_at, changed_by, changed_why, version
                   FROM devices
                  WHERE cas_name IN (SELECT json_array_elements_text(CAST($1 AS JSON))) AND state <> 'revoked'"
            ),
            bind![serde_json::Value::from(names).to_string()],
        )
        .await?
        .into_iter()
        .map(Device::try_from)
        .collect()
    }

    async fn devices_of(&mut self, account: &AccountId) -> Result<Vec<Device>> {
        self.all::<DeviceRow>(
            sql!(
                "SELECT id, account_id, kind, name, platform, key_alg, key_public, key_thumbprint,
                        verifies_user, passkey_id, state, added_by, agreed_at, created_at, last_used_at,
                        model, attestation, attested_by, added_by_account, verified_at, last_place,
                        last_browser, last_approved_at, changed_at, changed_by, changed_why, version
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
                        verifies_user, passkey_id, state, added_by, agreed_at, created_at, last_used_at,
                        model, attestation, attested_by, added_by_account, verified_at, last_place,
                        last_browser, last_approved_at, changed_at, changed_by, changed_why, version
                   FROM devices WHERE id > $1 ORDER BY id LIMIT $2"
            ),
            bind![page.after.unwrap_or_default(), page.limit.min(PAGE)],
        )
        .await?
        .into_iter()
        .map(Device::try_from)
        .collect()
    }

    async fn find_devices(
        &mut self,
        filter: &DeviceFilter<'_>,
        sort: DeviceSort,
        descending: bool,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<ListedDevice>> {
        self.listed_devices(filter, sort, descending, after, limit).await
    }

    async fn keys_of_device(&mut self, id: &DeviceId) -> Result<Vec<PastKey>> {
        let rows = self
            .all::<PastKeyRow>(
                sql!(
                    "SELECT thumbprint, added_at, ended_at FROM device_keys
                      WHERE device_id = $1 ORDER BY added_at, thumbprint"
                ),
                bind![id],
            )
            .await?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }
}
