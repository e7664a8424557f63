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

/// Phones that a search meets are put in order here, if they are no more than this. For more, an index is walked until the
/// page is full.
const FEW: usize = 1_000;

/// After every id and name.
const LAST: &str = "\u{10FFFF}";

/// `id, created_at, seen_at, name_key, state, kind, attestation`: what phones are sorted and filtered by.
struct Met {
    id: String,
    created_at: i64,
    seen_at: i64,
    name_key: String,
    state: String,
    kind: String,
    attestation: String,
}

impl Entry for Met {
    const TABLE: &'static str = "devices";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            id: row.text("id")?,
            created_at: row.number("created_at")?,
            seen_at: row.number("seen_at")?,
            name_key: row.text("name_key")?,
            state: row.text("state")?,
            kind: row.text("kind")?,
            attestation: row.text("attestation")?,
        })
    }
}

impl Met {
    /// Its place in the list.
    fn place(&self, sort: DeviceSort) -> (i64, &str, &str) {
        match sort {
            DeviceSort::Created => (self.created_at, "", &self.id),
            DeviceSort::Used => (self.seen_at, "", &self.id),
            DeviceSort::Name => (0, &self.name_key, &self.id),
        }
    }

    fn passes(&self, filter: &DeviceFilter<'_>) -> bool {
        filter.state.is_none_or(|state| state.as_str() == self.state)
            && filter.kind.is_none_or(|kind| kind.as_str() == self.kind)
            && filter.attestation.is_none_or(|attestation| attestation.as_str() == self.attestation)
            && filter.unused_since.is_none_or(|since| self.seen_at < since.millis())
    }
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
        let limit = limit.min(PAGE);
        let folded = filter.query.map(str::to_lowercase);
        let end = folded.as_deref().map(end_of);
        // Where the page before ended; before all there is, if there was none.
        let (first, text) = if descending { (i64::MAX, LAST) } else { (i64::MIN, "") };
        let number = after.map_or(first, |cursor| cursor.number().unwrap_or_default());
        let (key, id) = after.map_or((text, text), |cursor| (cursor.key.as_str(), cursor.id.as_str()));
        if let (Some(query), Some(folded), Some(end)) = (filter.query, &folded, &end) {
            let mut met = self.devices_met(query, folded, end).await?;
            if met.len() <= FEW {
                let start = if sort == DeviceSort::Name { (0, key, id) } else { (number, "", id) };
                let is_beyond =
                    |place: (i64, &str, &str)| if descending { place < start } else { place > start };
                met.retain(|one| one.passes(filter) && is_beyond(one.place(sort)));
                met.sort_unstable_by(|one, other| one.place(sort).cmp(&other.place(sort)));
                if descending {
                    met.reverse();
                }
                met.truncate(limit as usize);
                return self.devices_with(met.iter().map(|one| one.id.as_str()).collect()).await;
            }
        }
        let mut values = if sort == DeviceSort::Name { bind![key] } else { bind![number] };
        values.extend(bind![
            id,
            filter.state.map(DeviceState::as_str),
            filter.kind.map(DeviceKind::as_str),
            filter.attestation.map(Attestation::as_str),
            filter.unused_since,
            folded.as_deref(),
            end,
            filter.query,
            limit,
        ]);
        let statement = by(sort, descending);
        self.all::<ListedRow>(statement, values).await?.into_iter().map(ListedDevice::try_from).collect()
    }

    /// Phones whose name or owner's name begins so, or with this id, thumbprint or CAS name; not all of them if they are more than
    /// [`FEW`].
    async fn devices_met(&mut self, query: &str, folded: &str, end: &str) -> Result<Vec<Met>> {
        self.all::<Met>(
            sql!(
                sqlite: "SELECT d.id, d.created_at, d.seen_at, d.name_key, d.state, d.kind, d.attestation
                   FROM (SELECT id FROM (SELECT n.id FROM devices n
                                          WHERE n.name_key >= $1 AND n.name_key < $2 LIMIT $4) AS named
                         UNION SELECT id FROM (SELECT o.id FROM accounts b JOIN devices o ON o.account_id = b.id
                                                WHERE b.username_key >= $1 AND b.username_key < $2 LIMIT $4) AS owned
                         UNION SELECT x.id FROM devices x WHERE x.id = $3
                         UNION SELECT t.id FROM devices t WHERE t.key_thumbprint = $3
                         UNION SELECT c.id FROM devices c
                                WHERE c.cas_name = $1 AND c.state <> 'revoked') AS met
                  CROSS JOIN devices d WHERE d.id = met.id",
                postgres: "SELECT d.id, d.created_at, d.seen_at, d.name_key, d.state, d.kind, d.attestation
                   FROM (SELECT id FROM (SELECT n.id FROM devices n
                                          WHERE n.name_key >= $1 AND n.name_key < $2 LIMIT $4) AS named
                         UNION SELECT id FROM (SELECT o.id FROM accounts b JOIN devices o ON o.account_id = b.id COLLATE \"default\"
                                                WHERE b.username_key >= $1 AND b.username_key < $2 LIMIT $4) AS owned
                         UNION SELECT x.id FROM devices x WHERE x.id = $3
                         UNION SELECT t.id FROM devices t WHERE t.key_thumbprint = $3
                         UNION SELECT c.id FROM devices c
                                WHERE c.cas_name = $1 AND c.state <> 'revoked') AS met
                  CROSS JOIN devices d WHERE d.id = met.id"
            ),
            bind![folded, end, query, i64::try_from(FEW).unwrap_or_default() + 1],
        )
        .await
    }

    /// These phones, in this order.
    async fn devices_with(&mut self, ids: Vec<&str>) -> Result<Vec<ListedDevice>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.all::<ListedRow>(
            sql!(
                sqlite: "SELECT d.id, d.account_id, d.kind, d.name, d.platform, d.key_alg, d.key_public,
                    d.key_thumbprint, d.verifies_user, d.passkey_id, d.state, d.added_by, d.agreed_at,
                    d.created_at, d.last_used_at, d.model, d.attestation, d.attested_by,
                    d.added_by_account, d.verified_at, d.last_place, d.last_browser, d.last_approved_at,
                    d.changed_at, d.changed_by, d.changed_why, d.version,
                    a.username
               FROM devices d JOIN accounts a ON a.id = d.account_id
              WHERE d.id IN (SELECT value FROM json_each($1))",
                postgres: "SELECT d.id, d.account_id, d.kind, d.name, d.platform, d.key_alg, d.key_public,
                    d.key_thumbprint, d.verifies_user, d.passkey_id, d.state, d.added_by, d.agreed_at,
                    d.created_at, d.last_used_at, d.model, d.attestation, d.attested_by,
                    d.added_by_account, d.verified_at, d.last_place, d.last_browser, d.last_approved_at,
                    d.changed_at, d.changed_by, d.changed_why, d.version,
                    a.username
               FROM devices d JOIN accounts a ON a.id = d.account_id
              WHERE d.id IN (SELECT json_array_elements_text(CAST($1 AS JSON)))"
            ),
            bind![serde_json::Value::from(ids.clone()).to_string()],
        );
        let mut found = Vec::with_capacity(ids.len());
        for row in rows.await? {
            let place = ids.iter().position(|id| *id == row.device.id);
            found.push((place, ListedDevice::try_from(row)?));
        }
        found.sort_by_key(|(place, _)| *place);
        Ok(found.into_iter().map(|(_, device)| device).collect())
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
              WHERE (d.created_at, d.id) > ($1, $2)
                AND (CAST($3 AS TEXT) IS NULL OR d.state = $3)
                AND (CAST($4 AS TEXT) IS NULL OR d.kind = $4)
                AND (CAST($5 AS TEXT) IS NULL OR d.attestation = $5)
                AND (CAST($6 AS BIGINT) IS NULL OR d.seen_at < $6)
                AND (CAST($7 AS TEXT) IS NULL OR (d.name_key >= $7 AND d.name_key < $8)
                     OR (a.username_key >= $7 AND a.username_key < $8) OR d.id = $9 OR d.key_thumbprint = $9
                     OR (d.cas_name = $7 AND d.state <> 'revoked'))
              ORDER BY d.created_at ASC, d.id ASC LIMIT $10"
        ),
        (DeviceSort::Created, true) => sql!(
            "SELECT d.id, d.account_id, d.kind, d.name, d.platform, d.key_alg, d.key_public,
                    d.key_thumbprint, d.verifies_user, d.passkey_id, d.state, d.added_by, d.agreed_at,
                    d.created_at, d.last_used_at, d.model, d.attestation, d.attested_by,
                    d.added_by_account, d.verified_at, d.last_place, d.last_browser, d.last_approved_at,
                    d.changed_at, d.changed_by, d.changed_why, d.version,
                    a.username
               FROM devices d JOIN accounts a ON a.id = d.account_id
              WHERE (d.created_at, d.id) < ($1, $2)
                AND (CAST($3 AS TEXT) IS NULL OR d.state = $3)
                AND (CAST($4 AS TEXT) IS NULL OR d.kind = $4)
                AND (CAST($5 AS TEXT) IS NULL OR d.attestation = $5)
                AND (CAST($6 AS BIGINT) IS NULL OR d.seen_at < $6)
                AND (CAST($7 AS TEXT) IS NULL OR (d.name_key >= $7 AND d.name_key < $8)
                     OR (a.username_key >= $7 AND a.username_key < $8) OR d.id = $9 OR d.key_thumbprint = $9
                     OR (d.cas_name = $7 AND d.state <> 'revoked'))
              ORDER BY d.created_at DESC, d.id DESC LIMIT $10"
        ),
        (DeviceSort::Used, false) => sql!(
            "SELECT d.id, d.account_id, d.kind, d.name, d.platform, d.key_alg, d.key_public,
                    d.key_thumbprint, d.verifies_user, d.passkey_id, d.state, d.added_by, d.agreed_at,
                    d.created_at, d.last_used_at, d.model, d.attestation, d.attested_by,
                    d.added_by_account, d.verified_at, d.last_place, d.last_browser, d.last_approved_at,
                    d.changed_at, d.changed_by, d.changed_why, d.version,
                    a.username
               FROM devices d JOIN accounts a ON a.id = d.account_id
              WHERE (d.seen_at, d.id) > ($1, $2)
                AND (CAST($3 AS TEXT) IS NULL OR d.state = $3)
                AND (CAST($4 AS TEXT) IS NULL OR d.kind = $4)
                AND (CAST($5 AS TEXT) IS NULL OR d.attestation = $5)
                AND (CAST($6 AS BIGINT) IS NULL OR d.seen_at < $6)
                AND (CAST($7 AS TEXT) IS NULL OR (d.name_key >= $7 AND d.name_key < $8)
                     OR (a.username_key >= $7 AND a.username_key < $8) OR d.id = $9 OR d.key_thumbprint = $9
                     OR (d.cas_name = $7 AND d.state <> 'revoked'))
              ORDER BY d.seen_at ASC, d.id ASC LIMIT $10"
        ),
        (DeviceSort::Used, true) => sql!(
            "SELECT d.id, d.account_id, d.kind, d.name, d.platform, d.key_alg, d.key_public,
                    d.key_thumbprint, d.verifies_user, d.passkey_id, d.state, d.added_by, d.agreed_at,
                    d.created_at, d.last_used_at, d.model, d.attestation, d.attested_by,
                    d.added_by_account, d.verified_at, d.last_place, d.last_browser, d.last_approved_at,
                    d.changed_at, d.changed_by, d.changed_why, d.version,
                    a.username
               FROM devices d JOIN accounts a ON a.id = d.account_id
              WHERE (d.seen_at, d.id) < ($1, $2)
                AND (CAST($3 AS TEXT) IS NULL OR d.state = $3)
                AND (CAST($4 AS TEXT) IS NULL OR d.kind = $4)
                AND (CAST($5 AS TEXT) IS NULL OR d.attestation = $5)
                AND (CAST($6 AS BIGINT) IS NULL OR d.seen_at < $6)
                AND (CAST($7 AS TEXT) IS NULL OR (d.name_key >= $7 AND d.name_key < $8)
                     OR (a.username_key >= $7 AND a.username_key < $8) OR d.id = $9 OR d.key_thumbprint = $9
                     OR (d.cas_name = $7 AND d.state <> 'revoked'))
              ORDER BY d.seen_at DESC, d.id DESC LIMIT $10"
        ),
        (DeviceSort::Name, false) => sql!(
            "SELECT d.id, d.account_id, d.kind, d.name, d.platform, d.key_alg, d.key_public,
                    d.key_thumbprint, d.verifies_user, d.passkey_id, d.state, d.added_by, d.agreed_at,
                    d.created_at, d.last_used_at, d.model, d.attestation, d.attested_by,
                    d.added_by_account, d.verified_at, d.last_place, d.last_browser, d.last_approved_at,
                    d.changed_at, d.changed_by, d.changed_why, d.version,
                    a.username
               FROM devices d JOIN accounts a ON a.id = d.account_id
              WHERE (d.name_key, d.id) > ($1, $2)
                AND (CAST($3 AS TEXT) IS NULL OR d.state = $3)
                AND (CAST($4 AS TEXT) IS NULL OR d.kind = $4)
                AND (CAST($5 AS TEXT) IS NULL OR d.attestation = $5)
                AND (CAST($6 AS BIGINT) IS NULL OR d.seen_at < $6)
                AND (CAST($7 AS TEXT) IS NULL OR (d.name_key >= $7 AND d.name_key < $8)
                     OR (a.username_key >= $7 AND a.username_key < $8) OR d.id = $9 OR d.key_thumbprint = $9
                     OR (d.cas_name = $7 AND d.state <> 'revoked'))
              ORDER BY d.name_key ASC, d.id ASC LIMIT $10"
        ),
        (DeviceSort::Name, true) => sql!(
            "SELECT d.id, d.account_id, d.kind, d.name, d.platform, d.key_alg, d.key_public,
                    d.key_thumbprint, d.verifies_user, d.passkey_id, d.state, d.added_by, d.agreed_at,
                    d.created_at, d.last_used_at, d.model, d.attestation, d.attested_by,
                    d.added_by_account, d.verified_at, d.last_place, d.last_browser, d.last_approved_at,
                    d.changed_at, d.changed_by, d.changed_why, d.version,
                    a.username
               FROM devices d JOIN accounts a ON a.id = d.account_id
              WHERE (d.name_key, d.id) < ($1, $2)
                AND (CAST($3 AS TEXT) IS NULL OR d.state = $3)
                AND (CAST($4 AS TEXT) IS NULL OR d.kind = $4)
                AND (CAST($5 AS TEXT) IS NULL OR d.attestation = $5)
                AND (CAST($6 AS BIGINT) IS NULL OR d.seen_at < $6)
                AND (CAST($7 AS TEXT) IS NULL OR (d.name_key >= $7 AND d.name_key < $8)
                     OR (a.username_key >= $7 AND a.username_key < $8) OR d.id = $9 OR d.key_thumbprint = $9
                     OR (d.cas_name = $7 AND d.state <> 'revoked'))
              ORDER BY d.name_key DESC, d.id DESC LIMIT $10"
        ),
    }
}
