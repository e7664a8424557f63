//! Changing phones: adding and moving them, their keys, and what is noted of their use.
//!
//! Owns: the columns that a phone's key or name fills, and the statements that write `devices` and `device_keys`. What
//! may not happen twice is decided by the statement (SEC-074, SEC-081).

use async_trait::async_trait;
use domain::{AccountId, Device, DeviceId, DeviceKey, DeviceKind, DeviceState, Timestamp};
use store::{ApprovalNote, ChangeNote, Devices as _, EditDevices, Result, StoreError};

use super::{DeviceRow, HOLD_ACCOUNT, NO_KEY, PastKeyRow, list};
use crate::corrupt;
use crate::values::bind;
use crate::work::{Entry as _, PgSql, SqlWork, pg_sql, sql};

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

/// Others that change this phone wait.
const HOLD_DEVICE: PgSql = pg_sql!("SELECT id FROM devices WHERE id = $1 FOR UPDATE");

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
