//! Relying parties and consents.

use async_trait::async_trait;
use domain::{AccountId, Client, ClientId, Consent, SecretHash, Timestamp};
use store::{Clients, EditClients, Page, Result, StoreError};

use crate::accounts::PAGE;
use crate::corrupt;
use crate::values::{bind, fixed, json, parsed, small, word};
use crate::work::{Cells, Entry, SqlWork, pg_sql, sql};

/// `id, name, is_verified, is_enabled, redirect_uris, is_native, auth_method, secret_hash, scopes,
/// id_token_alg, requires_pkce, skips_consent, requires_phishing_resistant, skips_check_code,
/// requires_same_country, default_max_age, logo_uri, client_uri, policy_uri, tos_uri, created_at`
struct ClientRow {
    id: String,
    name: String,
    is_verified: bool,
    is_enabled: bool,
    redirect_uris: String,
    is_native: bool,
    auth_method: String,
    secret_hash: Option<Vec<u8>>,
    scopes: String,
    id_token_alg: String,
    requires_pkce: bool,
    skips_consent: bool,
    requires_phishing_resistant: bool,
    skips_check_code: bool,
    requires_same_country: bool,
    default_max_age: Option<i64>,
    logo_uri: Option<String>,
    client_uri: Option<String>,
    policy_uri: Option<String>,
    tos_uri: Option<String>,
    created_at: i64,
}

impl Entry for ClientRow {
    const TABLE: &'static str = "clients";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            id: row.text("id")?,
            name: row.text("name")?,
            is_verified: row.flag("is_verified")?,
            is_enabled: row.flag("is_enabled")?,
            redirect_uris: row.text("redirect_uris")?,
            is_native: row.flag("is_native")?,
            auth_method: row.text("auth_method")?,
            secret_hash: row.maybe_bytes("secret_hash")?,
            scopes: row.text("scopes")?,
            id_token_alg: row.text("id_token_alg")?,
            requires_pkce: row.flag("requires_pkce")?,
            skips_consent: row.flag("skips_consent")?,
            requires_phishing_resistant: row.flag("requires_phishing_resistant")?,
            skips_check_code: row.flag("skips_check_code")?,
            requires_same_country: row.flag("requires_same_country")?,
            default_max_age: row.maybe_number("default_max_age")?,
            logo_uri: row.maybe_text("logo_uri")?,
            client_uri: row.maybe_text("client_uri")?,
            policy_uri: row.maybe_text("policy_uri")?,
            tos_uri: row.maybe_text("tos_uri")?,
            created_at: row.number("created_at")?,
        })
    }
}

impl TryFrom<ClientRow> for Client {
    type Error = StoreError;

    fn try_from(row: ClientRow) -> Result<Self> {
        const T: &str = ClientRow::TABLE;
        let id = &row.id;
        let secret_hash = row.secret_hash.map(|hash| fixed(&hash, T, "secret_hash", id)).transpose()?;
        let max_age = row.default_max_age.map(|age| small(age, T, "default_max_age", id)).transpose()?;
        Ok(Self {
            id: parsed(id, T, "id", id)?,
            name: row.name,
            is_verified: row.is_verified,
            is_enabled: row.is_enabled,
            redirect_uris: json(&row.redirect_uris, T, "redirect_uris", id)?,
            is_native: row.is_native,
            auth_method: word(&row.auth_method, T, "auth_method", id)?,
            secret_hash: secret_hash.map(SecretHash),
            scopes: json(&row.scopes, T, "scopes", id)?,
            id_token_alg: word(&row.id_token_alg, T, "id_token_alg", id)?,
            requires_pkce: row.requires_pkce,
            skips_consent: row.skips_consent,
            requires_phishing_resistant: row.requires_phishing_resistant,
            skips_check_code: row.skips_check_code,
            requires_same_country: row.requires_same_country,
            default_max_age: max_age,
            logo_uri: row.logo_uri,
            client_uri: row.client_uri,
            policy_uri: row.policy_uri,
            tos_uri: row.tos_uri,
            created_at: Timestamp::from_millis(row.created_at),
        })
    }
}

/// `account_id, client_id, scopes, given_at`
struct ConsentRow {
    account_id: String,
    client_id: String,
    scopes: String,
    given_at: i64,
}

impl Entry for ConsentRow {
    const TABLE: &'static str = "consents";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            account_id: row.text("account_id")?,
            client_id: row.text("client_id")?,
            scopes: row.text("scopes")?,
            given_at: row.number("given_at")?,
        })
    }
}

impl TryFrom<ConsentRow> for Consent {
    type Error = StoreError;

    fn try_from(row: ConsentRow) -> Result<Self> {
        const T: &str = ConsentRow::TABLE;
        let id = &row.account_id;
        Ok(Self {
            account: parsed(id, T, "account_id", id)?,
            client: parsed(&row.client_id, T, "client_id", id)?,
            scopes: json(&row.scopes, T, "scopes", id)?,
            given_at: Timestamp::from_millis(row.given_at),
        })
    }
}

fn list_text(list: &[String], column: &'static str, id: &str) -> Result<String> {
    serde_json::to_string(list).map_err(|_| corrupt(ClientRow::TABLE, column, id))
}

#[async_trait]
impl Clients for SqlWork {
    async fn client(&mut self, id: &ClientId) -> Result<Option<Client>> {
        self.optional::<ClientRow>(
            sql!(
                "SELECT id, name, is_verified, is_enabled, redirect_uris, is_native, auth_method,
                        secret_hash, scopes, id_token_alg, requires_pkce, skips_consent,
                        requires_phishing_resistant, skips_check_code, requires_same_country,
                        default_max_age, logo_uri, client_uri, policy_uri, tos_uri, created_at
                   FROM clients WHERE id = $1"
            ),
            bind![id],
        )
        .await?
        .map(Client::try_from)
        .transpose()
    }

    async fn clients(&mut self, page: Page<'_>) -> Result<Vec<Client>> {
        self.all::<ClientRow>(
            sql!(
                "SELECT id, name, is_verified, is_enabled, redirect_uris, is_native, auth_method,
                        secret_hash, scopes, id_token_alg, requires_pkce, skips_consent,
                        requires_phishing_resistant, skips_check_code, requires_same_country,
                        default_max_age, logo_uri, client_uri, policy_uri, tos_uri, created_at
                   FROM clients WHERE id > $1 ORDER BY id LIMIT $2"
            ),
            bind![page.after.unwrap_or_default(), page.limit.min(PAGE)],
        )
        .await?
        .into_iter()
        .map(Client::try_from)
        .collect()
    }

    async fn consent(&mut self, account: &AccountId, client: &ClientId) -> Result<Option<Consent>> {
        self.optional::<ConsentRow>(
            sql!(
                "SELECT account_id, client_id, scopes, given_at
                   FROM consents WHERE account_id = $1 AND client_id = $2"
            ),
            bind![account, client],
        )
        .await?
        .map(Consent::try_from)
        .transpose()
    }
}

#[async_trait]
impl EditClients for SqlWork {
    async fn add_client(&mut self, client: &Client) -> Result<()> {
        self.run(
            sql!(
                "INSERT INTO clients
                    (id, name, is_verified, is_enabled, redirect_uris, is_native, auth_method, secret_hash,
                     scopes, id_token_alg, requires_pkce, skips_consent, requires_phishing_resistant,
                     skips_check_code, requires_same_country, default_max_age, logo_uri, client_uri,
                     policy_uri, tos_uri, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                     $19, $20, $21)"
            ),
            bind![
                &client.id,
                &client.name,
                client.is_verified,
                client.is_enabled,
                list_text(&client.redirect_uris, "redirect_uris", client.id.as_str())?,
                client.is_native,
                client.auth_method.as_str(),
                client.secret_hash.as_ref(),
                list_text(&client.scopes, "scopes", client.id.as_str())?,
                client.id_token_alg.as_str(),
                client.requires_pkce,
                client.skips_consent,
                client.requires_phishing_resistant,
                client.skips_check_code,
                client.requires_same_country,
                client.default_max_age,
                client.logo_uri.as_ref(),
                client.client_uri.as_ref(),
                client.policy_uri.as_ref(),
                client.tos_uri.as_ref(),
                client.created_at,
            ],
        )
        .await?;
        Ok(())
    }

    async fn delete_client(&mut self, id: &ClientId, now: Timestamp) -> Result<bool> {
        // Grants that are being made just now are waited for, so that they are revoked too.
        self.alone_with(pg_sql!("LOCK TABLE grants IN SHARE ROW EXCLUSIVE MODE"), bind![]).await?;
        self.run(sql!("DELETE FROM consents WHERE client_id = $1"), bind![id]).await?;
        self.run(
            sql!("UPDATE grants SET revoked_at = $2 WHERE client_id = $1 AND revoked_at IS NULL"),
            bind![id, now],
        )
        .await?;
        let deleted = self.run(sql!("DELETE FROM clients WHERE id = $1"), bind![id]).await?;
        Ok(deleted == 1)
    }

    async fn keep_consent(&mut self, consent: &Consent) -> Result<()> {
        self.run(
            sql!(
                "INSERT INTO consents (account_id, client_id, scopes, given_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (account_id, client_id) DO UPDATE
                    SET scopes = excluded.scopes, given_at = excluded.given_at"
            ),
            bind![
                &consent.account,
                &consent.client,
                list_text(&consent.scopes, "scopes", consent.client.as_str())?,
                consent.given_at,
            ],
        )
        .await?;
        Ok(())
    }
}
