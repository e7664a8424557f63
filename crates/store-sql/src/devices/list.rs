//! The list of phones as an administrator looks at it: sorted, filtered, page by page.
//!
//! Not here: which filters there are (`store::DeviceFilter`).

use domain::list::Cursor;
use domain::{Attestation, Device, DeviceKind, DeviceSort, DeviceState, ListedDevice};
use store::{DeviceFilter, Result, StoreError};

use super::DeviceRow;
use crate::accounts::PAGE;
use crate::values::bind;
use crate::work::{Cells, Entry, Sql, SqlWork, sql};

/// A device and its owner's name.
struct ListedRow {
    device: DeviceRow,
    username: String,
}

impl Entry for ListedRow {
    const TABLE: &'static str = "devices";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self { device: DeviceRow::read(row)?, username: row.text("username")? })
    }
}

impl TryFrom<ListedRow> for ListedDevice {
    type Error = StoreError;

    fn try_from(row: ListedRow) -> Result<Self> {
        Ok(Self { device: Device::try_from(row.device)?, username: row.username })
    }
}

/// Letters of a name that it is sorted and searched by.
const LONGEST_NAME_KEY: usize = 200;

/// The name as lists are sorted and searched by it. An index takes no long text, whatever a name may be.
pub(super) fn name_key(name: &str) -> String {
    name.to_lowercase().chars().take(LONGEST_NAME_KEY).collect()
}

/// What comes after every text that begins so.
fn end_of(beginning: &str) -> String {
    format!("{beginning}\u{10FFFF}")
}

impl SqlWork {
    pub(super) async fn listed_devices(
        &mut self,
        filter: &DeviceFilter<'_>,
        sort: DeviceSort,
        descending: bool,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<ListedDevice>> {
        let folded = filter.query.map(str::to_lowercase);
        let id = after.map_or("", |cursor| cursor.id.as_str());
        let number = after.and_then(|cursor| cursor.number().ok()).unwrap_or_default();
        let key = after.map_or("", |cursor| cursor.key.as_str());
        let mut values = bind![after.is_some()];
        values.extend(if sort == DeviceSort::Name { bind![key] } else { bind![number] });
        values.extend(bind![
            id,
            filter.state.map(DeviceState::as_str),
            filter.kind.map(DeviceKind::as_str),
            filter.attestation.map(Attestation::as_str),
            filter.unused_since,
            folded.as_deref(),
            folded.as_deref().map(end_of),
            filter.query,
            limit.min(PAGE),
        ]);
        let statement = by(sort, descending);
        self.all::<ListedRow>(statement, values).await?.into_iter().map(ListedDevice::try_from).collect()
    }
}

/// One statement for each order: each walks along its own index.
fn by(sort: DeviceSort, descending: bool) -> Sql {
    match (sort, descending) {
        (DeviceSort::Created, false) => sql!(
            "SELECT d.id, d.account_id, d.kind, d.name, d.platform, d.key_alg, d.key_public,
                    d.key_thumbprint, d.verifies_user, d.passkey_id, d.state, d.added_by, d.agreed_at,
                    d.created_at, d.last_used_at, d.model, d.attestation, d.attested_by,
                    d.added_by_account, d.verified_at, d.last_place, d.last_browser, d.last_approved_at,
                    d.changed_at, d.changed_by, d.changed_why, d.version,
                    a.username
               FROM devices d JOIN accounts a ON a.id = d.account_id
              WHERE (NOT $1 OR d.created_at > $2 OR (d.created_at = $2 AND d.id > $3))
                AND (CAST($4 AS TEXT) IS NULL OR d.state = $4)
                AND (CAST($5 AS TEXT) IS NULL OR d.kind = $5)
                AND (CAST($6 AS TEXT) IS NULL OR d.attestation = $6)
                AND (CAST($7 AS BIGINT) IS NULL OR d.seen_at < $7)
                AND (CAST($8 AS TEXT) IS NULL OR d.id IN (
                     SELECT n.id FROM devices n
                      WHERE (n.name_key >= $8 AND n.name_key < $9) OR n.id = $10 OR n.key_thumbprint = $10
                     UNION SELECT o.id FROM accounts b JOIN devices o ON o.account_id = b.id
                      WHERE b.username_key >= $8 AND b.username_key < $9))
              ORDER BY d.created_at ASC, d.id ASC LIMIT $11"
        ),
        (DeviceSort::Created, true) => sql!(
            "SELECT d.id, d.account_id, d.kind, d.name, d.platform, d.key_alg, d.key_public,
                    d.key_thumbprint, d.verifies_user, d.passkey_id, d.state, d.added_by, d.agreed_at,
                    d.created_at, d.last_used_at, d.model, d.attestation, d.attested_by,
                    d.added_by_account, d.verified_at, d.last_place, d.last_browser, d.last_approved_at,
                    d.changed_at, d.changed_by, d.changed_why, d.version,
                    a.username
               FROM devices d JOIN accounts a ON a.id = d.account_id
              WHERE (NOT $1 OR d.created_at < $2 OR (d.created_at = $2 AND d.id < $3))
                AND (CAST($4 AS TEXT) IS NULL OR d.state = $4)
                AND (CAST($5 AS TEXT) IS NULL OR d.kind = $5)
                AND (CAST($6 AS TEXT) IS NULL OR d.attestation = $6)
                AND (CAST($7 AS BIGINT) IS NULL OR d.seen_at < $7)
                AND (CAST($8 AS TEXT) IS NULL OR d.id IN (
                     SELECT n.id FROM devices n
                      WHERE (n.name_key >= $8 AND n.name_key < $9) OR n.id = $10 OR n.key_thumbprint = $10
                     UNION SELECT o.id FROM accounts b JOIN devices o ON o.account_id = b.id
                      WHERE b.username_key >= $8 AND b.username_key < $9))
              ORDER BY d.created_at DESC, d.id DESC LIMIT $11"
        ),
        (DeviceSort::Used, false) => sql!(
            "SELECT d.id, d.account_id, d.kind, d.name, d.platform, d.key_alg, d.key_public,
                    d.key_thumbprint, d.verifies_user, d.passkey_id, d.state, d.added_by, d.agreed_at,
                    d.created_at, d.last_used_at, d.model, d.attestation, d.attested_by,
                    d.added_by_account, d.verified_at, d.last_place, d.last_browser, d.last_approved_at,
                    d.changed_at, d.changed_by, d.changed_why, d.version,
                    a.username
               FROM devices d JOIN accounts a ON a.id = d.account_id
              WHERE (NOT $1 OR d.seen_at > $2 OR (d.seen_at = $2 AND d.id > $3))
                AND (CAST($4 AS TEXT) IS NULL OR d.state = $4)
                AND (CAST($5 AS TEXT) IS NULL OR d.kind = $5)
                AND (CAST($6 AS TEXT) IS NULL OR d.attestation = $6)
                AND (CAST($7 AS BIGINT) IS NULL OR d.seen_at < $7)
                AND (CAST($8 AS TEXT) IS NULL OR d.id IN (
                     SELECT n.id FROM devices n
                      WHERE (n.name_key >= $8 AND n.name_key < $9) OR n.id = $10 OR n.key_thumbprint = $10
                     UNION SELECT o.id FROM accounts b JOIN devices o ON o.account_id = b.id
                      WHERE b.username_key >= $8 AND b.username_key < $9))
              ORDER BY d.seen_at ASC, d.id ASC LIMIT $11"
        ),
        (DeviceSort::Used, true) => sql!(
            "SELECT d.id, d.account_id, d.kind, d.name, d.platform, d.key_alg, d.key_public,
                    d.key_thumbprint, d.verifies_user, d.passkey_id, d.state, d.added_by, d.agreed_at,
                    d.created_at, d.last_used_at, d.model, d.attestation, d.attested_by,
                    d.added_by_account, d.verified_at, d.last_place, d.last_browser, d.last_approved_at,
                    d.changed_at, d.changed_by, d.changed_why, d.version,
                    a.username
               FROM devices d JOIN accounts a ON a.id = d.account_id
              WHERE (NOT $1 OR d.seen_at < $2 OR (d.seen_at = $2 AND d.id < $3))
                AND (CAST($4 AS TEXT) IS NULL OR d.state = $4)
                AND (CAST($5 AS TEXT) IS NULL OR d.kind = $5)
                AND (CAST($6 AS TEXT) IS NULL OR d.attestation = $6)
                AND (CAST($7 AS BIGINT) IS NULL OR d.seen_at < $7)
                AND (CAST($8 AS TEXT) IS NULL OR d.id IN (
                     SELECT n.id FROM devices n
                      WHERE (n.name_key >= $8 AND n.name_key < $9) OR n.id = $10 OR n.key_thumbprint = $10
                     UNION SELECT o.id FROM accounts b JOIN devices o ON o.account_id = b.id
                      WHERE b.username_key >= $8 AND b.username_key < $9))
              ORDER BY d.seen_at DESC, d.id DESC LIMIT $11"
        ),
        (DeviceSort::Name, false) => sql!(
            "SELECT d.id, d.account_id, d.kind, d.name, d.platform, d.key_alg, d.key_public,
                    d.key_thumbprint, d.verifies_user, d.passkey_id, d.state, d.added_by, d.agreed_at,
                    d.created_at, d.last_used_at, d.model, d.attestation, d.attested_by,
                    d.added_by_account, d.verified_at, d.last_place, d.last_browser, d.last_approved_at,
                    d.changed_at, d.changed_by, d.changed_why, d.version,
                    a.username
               FROM devices d JOIN accounts a ON a.id = d.account_id
              WHERE (NOT $1 OR d.name_key > $2 OR (d.name_key = $2 AND d.id > $3))
                AND (CAST($4 AS TEXT) IS NULL OR d.state = $4)
                AND (CAST($5 AS TEXT) IS NULL OR d.kind = $5)
                AND (CAST($6 AS TEXT) IS NULL OR d.attestation = $6)
                AND (CAST($7 AS BIGINT) IS NULL OR d.seen_at < $7)
                AND (CAST($8 AS TEXT) IS NULL OR d.id IN (
                     SELECT n.id FROM devices n
                      WHERE (n.name_key >= $8 AND n.name_key < $9) OR n.id = $10 OR n.key_thumbprint = $10
                     UNION SELECT o.id FROM accounts b JOIN devices o ON o.account_id = b.id
                      WHERE b.username_key >= $8 AND b.username_key < $9))
              ORDER BY d.name_key ASC, d.id ASC LIMIT $11"
        ),
        (DeviceSort::Name, true) => sql!(
            "SELECT d.id, d.account_id, d.kind, d.name, d.platform, d.key_alg, d.key_public,
                    d.key_thumbprint, d.verifies_user, d.passkey_id, d.state, d.added_by, d.agreed_at,
                    d.created_at, d.last_used_at, d.model, d.attestation, d.attested_by,
                    d.added_by_account, d.verified_at, d.last_place, d.last_browser, d.last_approved_at,
                    d.changed_at, d.changed_by, d.changed_why, d.version,
                    a.username
               FROM devices d JOIN accounts a ON a.id = d.account_id
              WHERE (NOT $1 OR d.name_key < $2 OR (d.name_key = $2 AND d.id < $3))
                AND (CAST($4 AS TEXT) IS NULL OR d.state = $4)
                AND (CAST($5 AS TEXT) IS NULL OR d.kind = $5)
                AND (CAST($6 AS TEXT) IS NULL OR d.attestation = $6)
                AND (CAST($7 AS BIGINT) IS NULL OR d.seen_at < $7)
                AND (CAST($8 AS TEXT) IS NULL OR d.id IN (
                     SELECT n.id FROM devices n
                      WHERE (n.name_key >= $8 AND n.name_key < $9) OR n.id = $10 OR n.key_thumbprint = $10
                     UNION SELECT o.id FROM accounts b JOIN devices o ON o.account_id = b.id
                      WHERE b.username_key >= $8 AND b.username_key < $9))
              ORDER BY d.name_key DESC, d.id DESC LIMIT $11"
        ),
    }
}
