//! API keys; sessions, consents and clients as an administrator finds them.

use async_trait::async_trait;
use domain::{
    AccountId, ApiKey, ApiKeyId, Client, ClientId, Cursor, ListedApiKey, ListedConsent, ListedSession,
    SecretHash, SessionFilter, Timestamp,
};
use store::{Administration, EditAdministration, Result, StoreError};

use crate::accounts::PAGE;
use crate::clients::{ClientRow, ConsentRow};
use crate::sessions::SessionRow;
use crate::values::{bind, fixed, json, like, parsed};
use crate::work::{Cells, Entry, SqlWork, sql};

/// After every id.
const LAST: &str = "\u{10FFFF}";

/// `id, name, secret_hash, account_id, permissions, networks, created_at, expires_at, last_used_at, last_address,
/// revoked_at`
struct ApiKeyRow(ApiKey, SecretHash);

impl Entry for ApiKeyRow {
    const TABLE: &'static str = "api_keys";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        const T: &str = ApiKeyRow::TABLE;
        let id = row.text("id")?;
        let name = row.text("name")?;
        let hash = SecretHash(fixed(&row.bytes("secret_hash")?, T, "secret_hash", &id)?);
        let account = row.maybe_text("account_id")?;
        let key = ApiKey {
            name,
            account: account.map(|account| parsed(&account, T, "account_id", &id)).transpose()?,
            permissions: json(&row.text("permissions")?, T, "permissions", &id)?,
            networks: json(&row.text("networks")?, T, "networks", &id)?,
            created_at: Timestamp::from_millis(row.number("created_at")?),
            expires_at: Timestamp::from_millis(row.number("expires_at")?),
            last_used_at: row.maybe_number("last_used_at")?.map(Timestamp::from_millis),
            last_address: row.maybe_text("last_address")?,
            revoked_at: row.maybe_number("revoked_at")?.map(Timestamp::from_millis),
            id: parsed(&id, T, "id", &id)?,
        };
        Ok(Self(key, hash))
    }
}

/// An API key, then `username`.
struct ListedApiKeyRow(ListedApiKey);

impl Entry for ListedApiKeyRow {
    const TABLE: &'static str = "api_keys";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        let ApiKeyRow(key, _) = ApiKeyRow::read(row)?;
        Ok(Self(ListedApiKey { key, username: row.maybe_text("username")? }))
    }
}

/// A session, then `username`.
struct ListedSessionRow(SessionRow, String);

impl Entry for ListedSessionRow {
    const TABLE: &'static str = "sessions";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self(SessionRow::read(row)?, row.text("username")?))
    }
}

impl TryFrom<ListedSessionRow> for ListedSession {
    type Error = StoreError;

    fn try_from(ListedSessionRow(session, username): ListedSessionRow) -> Result<Self> {
        Ok(Self { session: session.try_into()?, username })
    }
}

/// A consent, then `username, name`.
struct ListedConsentRow(ConsentRow, String, String);

impl Entry for ListedConsentRow {
    const TABLE: &'static str = "consents";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self(ConsentRow::read(row)?, row.text("username")?, row.text("name")?))
    }
}

impl TryFrom<ListedConsentRow> for ListedConsent {
    type Error = StoreError;

    fn try_from(ListedConsentRow(consent, username, client_name): ListedConsentRow) -> Result<Self> {
        Ok(Self { consent: consent.try_into()?, username, client_name })
    }
}

/// Where a list that shows the newest first goes on. A key that is no number is behind all there is.
fn before(after: Option<&Cursor>) -> (i64, &str) {
    after.map_or((i64::MAX, LAST), |cursor| (cursor.number().unwrap_or(i64::MIN), &cursor.id))
}

fn list<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[async_trait]
impl Administration for SqlWork {
    async fn api_key(&mut self, id: &ApiKeyId) -> Result<Option<(ApiKey, SecretHash)>> {
        let row = self
            .optional::<ApiKeyRow>(
                sql!(
                    "SELECT id, name, secret_hash, account_id, permissions, networks, created_at, expires_at,
                            last_used_at, last_address, revoked_at
                       FROM api_keys WHERE id = $1"
                ),
                bind![id],
            )
            .await?;
        Ok(row.map(|ApiKeyRow(key, hash)| (key, hash)))
    }

    async fn api_keys(&mut self, after: Option<&Cursor>, limit: u32) -> Result<Vec<ListedApiKey>> {
        let (at, id) = before(after);
        let rows = self
            .all::<ListedApiKeyRow>(
                sql!(
                    "SELECT k.id, k.name, k.secret_hash, k.account_id, k.permissions, k.networks, k.created_at,
                            k.expires_at, k.last_used_at, k.last_address, k.revoked_at, a.username
                       FROM api_keys k LEFT JOIN accounts a ON a.id = k.account_id
                      WHERE (k.created_at, k.id) < ($1, $2)
                      ORDER BY k.created_at DESC, k.id DESC LIMIT $3"
                ),
                bind![at, id, limit.min(PAGE)],
            )
            .await?;
        Ok(rows.into_iter().map(|ListedApiKeyRow(listed)| listed).collect())
    }

    async fn find_sessions(
        &mut self,
        filter: &SessionFilter,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<ListedSession>> {
        let (at, id) = before(after);
        let account = filter.account.as_ref().map(ToString::to_string).unwrap_or_default();
        let device = filter.device.as_ref().map(ToString::to_string).unwrap_or_default();
        let text = like(&filter.text.to_lowercase());
        // Whose name a search meets, if they are few: then no account is read for a session that is not met.
        let met = if filter.text.is_empty() || !account.is_empty() || !device.is_empty() {
            None
        } else {
            self.accounts_like(&text).await?
        };
        let account = met.as_ref().unwrap_or(&account);
        // Each by the index that leads to the fewest rows.
        let statement = if met.is_some() {
            sql!(
                sqlite: "SELECT s.id, s.account_id, s.secret_hash, s.proofs, s.device_id, s.browser, s.address, s.created_at,
                        s.last_used_at, s.idle_seconds, s.expires_at, s.ended_at, s.ended_why, a.username
                   FROM sessions s JOIN accounts a ON a.id = s.account_id
                  WHERE $9 = $9
                    AND (s.created_at, s.id) < ($1, $2) AND s.ended_at IS NULL AND s.expires_at > $4
                    AND s.last_used_at + s.idle_seconds * 1000 > $4 AND s.created_at >= $5 AND s.created_at < $6
                    AND (s.account_id IN (SELECT value FROM json_each($8)) OR LOWER(s.browser) LIKE $7 ESCAPE '!'
                         OR s.address LIKE $7 ESCAPE '!')
                  ORDER BY s.created_at DESC, s.id DESC LIMIT $3",
                postgres: "SELECT s.id, s.account_id, s.secret_hash, s.proofs, s.device_id, s.browser, s.address, s.created_at,
                        s.last_used_at, s.idle_seconds, s.expires_at, s.ended_at, s.ended_why, a.username
                   FROM sessions s JOIN accounts a ON a.id = s.account_id
                  WHERE $9 = $9
                    AND (s.created_at, s.id) < ($1, $2) AND s.ended_at IS NULL AND s.expires_at > $4
                    AND s.last_used_at + s.idle_seconds * 1000 > $4 AND s.created_at >= $5 AND s.created_at < $6
                    AND (s.account_id IN (SELECT json_array_elements_text(CAST($8 AS JSON)))
                         OR LOWER(s.browser) LIKE $7 ESCAPE '!' OR s.address LIKE $7 ESCAPE '!')
                  ORDER BY s.created_at DESC, s.id DESC LIMIT $3"
            )
        } else if !account.is_empty() {
            sql!(
                "SELECT s.id, s.account_id, s.secret_hash, s.proofs, s.device_id, s.browser, s.address, s.created_at,
                        s.last_used_at, s.idle_seconds, s.expires_at, s.ended_at, s.ended_why, a.username
                   FROM sessions s JOIN accounts a ON a.id = s.account_id
                  WHERE s.account_id = $8 AND ($9 = '' OR s.device_id = $9)
                    AND (s.created_at, s.id) < ($1, $2) AND s.ended_at IS NULL AND s.expires_at > $4
                    AND s.last_used_at + s.idle_seconds * 1000 > $4 AND s.created_at >= $5 AND s.created_at < $6
                    AND (a.username_key LIKE $7 ESCAPE '!' OR LOWER(s.browser) LIKE $7 ESCAPE '!'
                         OR s.address LIKE $7 ESCAPE '!')
                  ORDER BY s.created_at DESC, s.id DESC LIMIT $3"
            )
        } else if !device.is_empty() {
            sql!(
                "SELECT s.id, s.account_id, s.secret_hash, s.proofs, s.device_id, s.browser, s.address, s.created_at,
                        s.last_used_at, s.idle_seconds, s.expires_at, s.ended_at, s.ended_why, a.username
                   FROM sessions s JOIN accounts a ON a.id = s.account_id
                  WHERE s.device_id = $9 AND $8 = $8
                    AND (s.created_at, s.id) < ($1, $2) AND s.ended_at IS NULL AND s.expires_at > $4
                    AND s.last_used_at + s.idle_seconds * 1000 > $4 AND s.created_at >= $5 AND s.created_at < $6
                    AND (a.username_key LIKE $7 ESCAPE '!' OR LOWER(s.browser) LIKE $7 ESCAPE '!'
                         OR s.address LIKE $7 ESCAPE '!')
                  ORDER BY s.created_at DESC, s.id DESC LIMIT $3"
            )
        } else {
            sql!(
                "SELECT s.id, s.account_id, s.secret_hash, s.proofs, s.device_id, s.browser, s.address, s.created_at,
                        s.last_used_at, s.idle_seconds, s.expires_at, s.ended_at, s.ended_why, a.username
                   FROM sessions s JOIN accounts a ON a.id = s.account_id
                  WHERE $8 = $8 AND $9 = $9
                    AND (s.created_at, s.id) < ($1, $2) AND s.ended_at IS NULL AND s.expires_at > $4
                    AND s.last_used_at + s.idle_seconds * 1000 > $4 AND s.created_at >= $5 AND s.created_at < $6
                    AND (a.username_key LIKE $7 ESCAPE '!' OR LOWER(s.browser) LIKE $7 ESCAPE '!'
                         OR s.address LIKE $7 ESCAPE '!')
                  ORDER BY s.created_at DESC, s.id DESC LIMIT $3"
            )
        };
        let since = filter.since.map_or(i64::MIN, Timestamp::millis);
        let until = filter.until.map_or(i64::MAX, Timestamp::millis);
        self.all::<ListedSessionRow>(
            statement,
            bind![at, id, limit.min(PAGE), now, since, until, text, account, device],
        )
        .await?
        .into_iter()
        .map(ListedSession::try_from)
        .collect()
    }

    async fn find_consents(
        &mut self,
        account: Option<&AccountId>,
        client: Option<&ClientId>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<ListedConsent>> {
        let (at, id) = before(after);
        let (last_account, last_client) = id.split_once(' ').unwrap_or((id, id));
        let of_account = account.map(ToString::to_string).unwrap_or_default();
        let of_client = client.map(ToString::to_string).unwrap_or_default();
        let statement = if account.is_some() {
            sql!(
                "SELECT c.account_id, c.client_id, c.scopes, c.declined, c.given_at, a.username, r.name
                   FROM consents c JOIN accounts a ON a.id = c.account_id JOIN clients r ON r.id = c.client_id
                  WHERE c.account_id = $5 AND ($6 = '' OR c.client_id = $6)
                    AND (c.given_at, c.account_id, c.client_id) < ($1, $2, $3)
                  ORDER BY c.given_at DESC, c.account_id DESC, c.client_id DESC LIMIT $4"
            )
        } else if client.is_some() {
            sql!(
                "SELECT c.account_id, c.client_id, c.scopes, c.declined, c.given_at, a.username, r.name
                   FROM consents c JOIN accounts a ON a.id = c.account_id JOIN clients r ON r.id = c.client_id
                  WHERE c.client_id = $6 AND $5 = $5
                    AND (c.given_at, c.account_id, c.client_id) < ($1, $2, $3)
                  ORDER BY c.given_at DESC, c.account_id DESC, c.client_id DESC LIMIT $4"
            )
        } else {
            sql!(
                "SELECT c.account_id, c.client_id, c.scopes, c.declined, c.given_at, a.username, r.name
                   FROM consents c JOIN accounts a ON a.id = c.account_id JOIN clients r ON r.id = c.client_id
                  WHERE $5 = $5 AND $6 = $6
                    AND (c.given_at, c.account_id, c.client_id) < ($1, $2, $3)
                  ORDER BY c.given_at DESC, c.account_id DESC, c.client_id DESC LIMIT $4"
            )
        };
        self.all::<ListedConsentRow>(
            statement,
            bind![at, last_account, last_client, limit.min(PAGE), of_account, of_client],
        )
        .await?
        .into_iter()
        .map(ListedConsent::try_from)
        .collect()
    }

    async fn find_clients(
        &mut self,
        text: &str,
        is_enabled: Option<bool>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<Client>> {
        let last = after.map_or("", |cursor| cursor.id.as_str());
        self.all::<ClientRow>(
            sql!(
                "SELECT id, name, is_verified, is_enabled, redirect_uris, is_native, auth_method,
                        secret_hash, scopes, id_token_alg, requires_pkce, skips_consent,
                        requires_phishing_resistant, skips_check_code, requires_same_country,
                        default_max_age, logo_uri, client_uri, policy_uri, tos_uri, created_at,
                        metadata
                   FROM clients
                  WHERE id > $1 AND (LOWER(id) LIKE $3 ESCAPE '!' OR LOWER(name) LIKE $3 ESCAPE '!')
                    AND (CAST($4 AS BOOLEAN) IS NULL OR is_enabled = $4)
                  ORDER BY id LIMIT $2"
            ),
            bind![last, limit.min(PAGE), like(&text.to_lowercase()), is_enabled],
        )
        .await?
        .into_iter()
        .map(Client::try_from)
        .collect()
    }
}

#[async_trait]
impl EditAdministration for SqlWork {
    async fn add_api_key(&mut self, key: &ApiKey, secret: &SecretHash) -> Result<()> {
        self.run(
            sql!(
                "INSERT INTO api_keys
                    (id, name, secret_hash, account_id, permissions, networks, created_at, expires_at, last_used_at,
                     last_address, revoked_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
            ),
            bind![
                &key.id,
                &key.name,
                secret,
                key.account.as_ref(),
                list(&key.permissions),
                list(&key.networks),
                key.created_at,
                key.expires_at,
                key.last_used_at,
                key.last_address.as_deref(),
                key.revoked_at,
            ],
        )
        .await?;
        Ok(())
    }

    async fn revoke_api_key(&mut self, id: &ApiKeyId, now: Timestamp) -> Result<bool> {
        let revoked = self
            .run(
                sql!("UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL"),
                bind![id, now],
            )
            .await?;
        Ok(revoked == 1)
    }

    async fn revoke_api_keys_of(&mut self, account: &AccountId, now: Timestamp) -> Result<u64> {
        self.run(
            sql!("UPDATE api_keys SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL"),
            bind![account, now],
        )
        .await
    }

    async fn touch_api_key(&mut self, id: &ApiKeyId, address: &str, now: Timestamp) -> Result<()> {
        self.run(
            sql!(
                "UPDATE api_keys SET last_used_at = $3, last_address = $2
                  WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $3)"
            ),
            bind![id, address, now],
        )
        .await?;
        Ok(())
    }
}
