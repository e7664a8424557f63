//! Phones.
//!
//! A phone with an app made for CAS has no key. In its row `key_alg` is `none`, `key_public` its name in lower case and
//! `key_thumbprint` a text that is no thumbprint; `cas_name` is only written and looked up by.

mod list;

use async_trait::async_trait;
use domain::list::Cursor;
use domain::{
    Account, AccountId, Device, DeviceId, DeviceKey, DeviceKind, DeviceRecord, DeviceSort, DeviceState,
    ListedDevice, Passkey, PastKey, Timestamp,
};
use store::{ApprovalNote, ChangeNote, DeviceFilter, Devices, EditDevices, Page, Result, StoreError};

use crate::accounts::{AccountRow, PAGE, PasskeyRow};
use crate::corrupt;
use crate::values::{bind, parsed, small, word};
use crate::work::{Cells, Entry, PgSql, SqlWork, pg_sql, sql};

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

/// What stands where the algorithm of a key does, for a phone without one.
const NO_KEY: &str = "none";

/// What stands where the thumbprint of a key does, for a phone without one. No thumbprint has such a letter.
fn no_thumbprint(id: &DeviceId) -> String {
    format!("cas:{id}")
}

/// A phone's columns `key_alg, key_public, key_thumbprint, cas_name`.
struct Identity<'a> {
    alg: &'static str,
    public: &'a [u8],
    thumbprint: String,
    cas_name: Option<&'a str>,
}

impl<'a> Identity<'a> {
    /// A phone has a key or a name, as its kind says.
    fn of(device: &'a Device) -> Result<Self> {
        match (device.kind, &device.key, &device.cas_name) {
            (DeviceKind::Cas, None, Some(name)) => Ok(Self {
                alg: NO_KEY,
                public: name.as_bytes(),
                thumbprint: no_thumbprint(&device.id),
                cas_name: Some(name),
            }),
            (DeviceKind::Web | DeviceKind::App, Some(key), None) => Ok(Self {
                alg: key.alg.as_str(),
                public: &key.public,
                thumbprint: key.thumbprint.clone(),
                cas_name: None,
            }),
            _ => Err(corrupt(DeviceRow::TABLE, "kind", device.id)),
        }
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

/// Others that change this phone wait.
const HOLD_DEVICE: PgSql = pg_sql!("SELECT id FROM devices WHERE id = $1 FOR UPDATE");

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

#[async_trait]
impl EditDevices for SqlWork {
    async fn add_device(&mut self, device: &Device, limit: u32) -> Result<bool> {
        let identity = Identity::of(device)?;
        match identity.cas_name {
            Some(name) => self.must_be_free(name).await?,
            None => self.must_be_new(&identity.thumbprint).await?,
        }
        // Counts of parallel enrolments would not see each other's phones.
        self.alone_with(HOLD_ACCOUNT, bind![&device.account]).await?;
        let added = self
            .run(
                sql!(
                    "INSERT INTO devices
                        (id, account_id, kind, name, platform, key_alg, key_public, key_thumbprint,
                         verifies_user, passkey_id, state, added_by, agreed_at, created_at, last_used_at,
                         model, attestation, attested_by, added_by_account, verified_at, last_place,
                         last_browser, last_approved_at, changed_at, changed_by, changed_why, version,
                         seen_at, name_key, cas_name)
                     SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                            $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $31
                      WHERE (SELECT COUNT(*) FROM devices WHERE account_id = $2 AND state <> 'revoked') < $30"
                ),
                bind![
                    &device.id,
                    &device.account,
                    device.kind.as_str(),
                    &device.name,
                    &device.platform,
                    identity.alg,
                    identity.public,
                    &identity.thumbprint,
                    device.verifies_user,
                    device.passkey.as_ref(),
                    device.state.as_str(),
                    device.added_by.as_str(),
                    device.agreed_at,
                    device.created_at,
                    device.last_used_at,
                    device.record.model.as_deref(),
                    device.record.attestation.as_str(),
                    device.record.attested_by.as_deref(),
                    device.record.added_by_account.as_ref(),
                    device.record.verified_at,
                    device.record.last_place.as_deref(),
                    device.record.last_browser.as_deref(),
                    device.record.last_approved_at,
                    device.record.changed_at,
                    device.record.changed_by.as_ref().map(ToString::to_string),
                    device.record.changed_why.as_deref(),
                    device.record.version,
                    device.seen_at(),
                    list::name_key(&device.name),
                    limit,
                    identity.cas_name,
                ],
            )
            .await?;
        if let (1, Some(key)) = (added, device.thumbprint()) {
            self.add_key(&device.id, key, device.created_at).await?;
        }
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
                    sqlite: "UPDATE devices SET last_used_at = $3, seen_at = $3
                      WHERE id = $1 AND account_id = $2 AND state = 'active'
                        AND EXISTS (SELECT 1 FROM accounts WHERE id = $2 AND state = 'active')",
                    // Whoever disables the account meanwhile waits, and finds what this unit did.
                    postgres: "UPDATE devices SET last_used_at = $3, seen_at = $3
                      WHERE id = $1 AND account_id = $2 AND state = 'active'
                        AND EXISTS (SELECT 1 FROM accounts WHERE id = $2 AND state = 'active' FOR SHARE)"
                ),
                bind![id, owner, now],
            )
            .await?;
        Ok(noted == 1)
    }

    async fn hold_device(&mut self, id: &DeviceId) -> Result<Option<Device>> {
        self.alone_with(HOLD_DEVICE, bind![id]).await?;
        self.device(id).await
    }

    async fn note_device_change(
        &mut self,
        id: &DeviceId,
        note: &ChangeNote<'_>,
        now: Timestamp,
    ) -> Result<()> {
        self.run(
            sql!(
                "UPDATE devices SET changed_at = $2, changed_by = $3, changed_why = $4, version = version + 1
                  WHERE id = $1"
            ),
            bind![id, now, note.by.to_string(), note.why],
        )
        .await?;
        Ok(())
    }

    async fn device_approved(
        &mut self,
        id: &DeviceId,
        owner: &AccountId,
        note: &ApprovalNote<'_>,
        now: Timestamp,
    ) -> Result<bool> {
        let key = note.key.map_or_else(|| no_thumbprint(id), str::to_owned);
        let noted = self
            .run(
                sql!(
                    "UPDATE devices SET last_approved_at = $4, last_place = $5, last_browser = $6
                      WHERE id = $1 AND account_id = $2 AND key_thumbprint = $3 AND state = 'active'
                        AND EXISTS (SELECT 1 FROM accounts WHERE id = $2 AND state = 'active')"
                ),
                bind![id, owner, key, now, note.place, note.browser],
            )
            .await?;
        Ok(noted == 1)
    }

    async fn rename_device(&mut self, id: &DeviceId, name: &str) -> Result<bool> {
        let renamed = self
            .run(
                sql!("UPDATE devices SET name = $2, name_key = $3 WHERE id = $1 AND state <> 'revoked'"),
                bind![id, name, list::name_key(name)],
            )
            .await?;
        Ok(renamed == 1)
    }

    async fn device_verified(&mut self, id: &DeviceId, owner: &AccountId, now: Timestamp) -> Result<bool> {
        let noted = self
            .run(
                sql!(
                    "UPDATE devices SET verified_at = $3, seen_at = $3
                      WHERE id = $1 AND account_id = $2 AND state = 'active'"
                ),
                bind![id, owner, now],
            )
            .await?;
        Ok(noted == 1)
    }

    async fn rotate_device_key(
        &mut self,
        id: &DeviceId,
        old: &str,
        new: &DeviceKey,
        now: Timestamp,
    ) -> Result<bool> {
        self.must_be_new(&new.thumbprint).await?;
        let switched = self
            .run(
                sql!(
                    "UPDATE devices
                        SET key_alg = $3, key_public = $4, key_thumbprint = $5, attestation = 'none',
                            attested_by = NULL
                      WHERE id = $1 AND key_thumbprint = $2 AND kind <> 'cas' AND state = 'active'"
                ),
                bind![id, old, new.alg.as_str(), &new.public, &new.thumbprint],
            )
            .await?;
        if switched == 1 {
            self.end_key(old, now).await?;
            self.add_key(id, &new.thumbprint, now).await?;
        }
        Ok(switched == 1)
    }

    async fn rebind_device(&mut self, device: &Device, old: &str, now: Timestamp) -> Result<bool> {
        // A name takes no key's place.
        let Some(key) = &device.key else { return Ok(false) };
        let identity = Identity::of(device)?;
        self.must_be_new(&key.thumbprint).await?;
        let switched = self
            .run(
                sql!(
                    "UPDATE devices
                        SET key_alg = $3, key_public = $4, key_thumbprint = $5, kind = $6, platform = $7,
                            model = $8, verifies_user = $9, passkey_id = $10, attestation = $11,
                            attested_by = $12, agreed_at = $13, verified_at = $14, seen_at = $14
                      WHERE id = $1 AND key_thumbprint = $2 AND kind <> 'cas' AND state = 'active'"
                ),
                bind![
                    &device.id,
                    old,
                    identity.alg,
                    identity.public,
                    &identity.thumbprint,
                    device.kind.as_str(),
                    &device.platform,
                    device.record.model.as_deref(),
                    device.verifies_user,
                    device.passkey.as_ref(),
                    device.record.attestation.as_str(),
                    device.record.attested_by.as_deref(),
                    device.agreed_at,
                    now,
                ],
            )
            .await?;
        if switched == 1 {
            self.end_key(old, now).await?;
            self.add_key(&device.id, &key.thumbprint, now).await?;
        }
        Ok(switched == 1)
    }
}

impl SqlWork {
    /// Looked at before anything is written, so that a refusal leaves the unit as it was. Of two that look at the
    /// same time one conflicts in `add_key`.
    async fn must_be_new(&mut self, thumbprint: &str) -> Result<()> {
        let known = self
            .optional::<PastKeyRow>(
                sql!("SELECT thumbprint, added_at, ended_at FROM device_keys WHERE thumbprint = $1"),
                bind![thumbprint],
            )
            .await?;
        if known.is_some() { Err(StoreError::Conflict("device_key")) } else { Ok(()) }
    }

    /// The same for the name of a phone without a key, whoever's it is; of two at the same time one conflicts.
    async fn must_be_free(&mut self, cas_name: &str) -> Result<()> {
        let holder = self.device_by_cas_name(cas_name).await?;
        if holder.is_some() { Err(StoreError::Conflict("cas_name")) } else { Ok(()) }
    }

    /// Conflicts when any device has or had the key.
    async fn add_key(&mut self, device: &DeviceId, thumbprint: &str, now: Timestamp) -> Result<()> {
        self.run(
            sql!("INSERT INTO device_keys (thumbprint, device_id, added_at) VALUES ($1, $2, $3)"),
            bind![thumbprint, device, now],
        )
        .await?;
        Ok(())
    }

    async fn end_key(&mut self, thumbprint: &str, now: Timestamp) -> Result<()> {
        self.run(
            sql!("UPDATE device_keys SET ended_at = $2 WHERE thumbprint = $1 AND ended_at IS NULL"),
            bind![thumbprint, now],
        )
        .await?;
        Ok(())
    }
}
