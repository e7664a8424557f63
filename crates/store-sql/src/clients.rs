//! Relying parties, consents, and rights to register.

use async_trait::async_trait;
use domain::{AccountId, Client, ClientId, Consent, InitialToken, SecretHash, Timestamp};
use store::{Clients, EditClients, Page, Result, StoreError};

use crate::accounts::PAGE;
use crate::corrupt;
use crate::values::{Values, bind, fixed, json, parsed, small, word};
use crate::work::{Cells, Entry, SqlWork, pg_sql, sql};

/// They are all kept in memory.
const MOST_SERVICES: u32 = 10_000;

/// `id, name, is_verified, is_enabled, redirect_uris, is_native, auth_method, secret_hash, scopes,
/// id_token_alg, requires_pkce, skips_consent, requires_phishing_resistant, skips_check_code,
/// requires_same_country, default_max_age, logo_uri, client_uri, policy_uri, tos_uri, created_at, metadata`
pub(crate) struct ClientRow {
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
    metadata: String,
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
            metadata: row.text("metadata")?,
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
            metadata: json(&row.metadata, T, "metadata", id)?,
        })
    }
}

/// `account_id, client_id, scopes, declined, given_at`
pub(crate) struct ConsentRow {
    account_id: String,
    client_id: String,
    scopes: String,
    declined: String,
    given_at: i64,
}

impl Entry for ConsentRow {
    const TABLE: &'static str = "consents";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            account_id: row.text("account_id")?,
            client_id: row.text("client_id")?,
            scopes: row.text("scopes")?,
            declined: row.text("declined")?,
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
            declined: json(&row.declined, T, "declined", id)?,
            given_at: Timestamp::from_millis(row.given_at),
        })
    }
}

/// A consent and its client.
struct ConsentedRow {
    consent: ConsentRow,
    client: ClientRow,
}

impl Entry for ConsentedRow {
    const TABLE: &'static str = "consents";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self { consent: ConsentRow::read(row)?, client: ClientRow::read(row)? })
    }
}

impl TryFrom<ConsentedRow> for (Consent, Client) {
    type Error = StoreError;

    fn try_from(row: ConsentedRow) -> Result<Self> {
        Ok((row.consent.try_into()?, row.client.try_into()?))
    }
}

/// `token_hash, name, uses_left, expires_at, created_at`
struct InitialTokenRow {
    token_hash: Vec<u8>,
    name: String,
    uses_left: i64,
    expires_at: i64,
    created_at: i64,
}

impl Entry for InitialTokenRow {
    const TABLE: &'static str = "initial_tokens";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            token_hash: row.bytes("token_hash")?,
            name: row.text("name")?,
            uses_left: row.number("uses_left")?,
            expires_at: row.number("expires_at")?,
            created_at: row.number("created_at")?,
        })
    }
}

impl TryFrom<InitialTokenRow> for InitialToken {
    type Error = StoreError;

    fn try_from(row: InitialTokenRow) -> Result<Self> {
        const T: &str = InitialTokenRow::TABLE;
        Ok(Self {
            hash: SecretHash(fixed(&row.token_hash, T, "token_hash", &row.name)?),
            uses_left: small(row.uses_left, T, "uses_left", &row.name)?,
            expires_at: Timestamp::from_millis(row.expires_at),
            created_at: Timestamp::from_millis(row.created_at),
            name: row.name,
        })
    }
}

/// What a client is written with, in the order of the columns; all but `created_at`, which no update touches.
fn values_of(client: &Client) -> Result<Values> {
    let id = client.id.as_str();
    let metadata =
        serde_json::to_string(&client.metadata).map_err(|_| corrupt(ClientRow::TABLE, "metadata", id))?;
    Ok(bind![
        &client.id,
        &client.name,
        client.is_verified,
        client.is_enabled,
        list_text(&client.redirect_uris, "redirect_uris", id)?,
        client.is_native,
        client.auth_method.as_str(),
        client.secret_hash.as_ref(),
        list_text(&client.scopes, "scopes", id)?,
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
        metadata,
        client.metadata.cas.as_ref().map(|service| i64::from(service.order)),
    ])
}

fn list_text(list: &[String], column: &'static str, id: &str) -> Result<String> {
    serde_json::to_string(list).map_err(|_| corrupt(ClientRow::TABLE, column, id))
}

#[async_trait]
impl Clients for SqlWork {
    async fn client(&mut self, id: &ClientId) -> Result<Option<Client>> {
        // What a unit then writes must not undo what another one did meanwhile.
        self.alone_with(pg_sql!("SELECT id FROM clients WHERE id = $1 FOR UPDATE"), bind![id]).await?;
        self.optional::<ClientRow>(
            sql!(
                "SELECT id, name, is_verified, is_enabled, redirect_uris, is_native, auth_method,
                        secret_hash, scopes, id_token_alg, requires_pkce, skips_consent,
                        requires_phishing_resistant, skips_check_code, requires_same_country,
                        default_max_age, logo_uri, client_uri, policy_uri, tos_uri, created_at,
                        metadata
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
                        default_max_age, logo_uri, client_uri, policy_uri, tos_uri, created_at,
                        metadata
                   FROM clients WHERE id > $1 ORDER BY id LIMIT $2"
            ),
            bind![page.after.unwrap_or_default(), page.limit.min(PAGE)],
        )
        .await?
        .into_iter()
        .map(Client::try_from)
        .collect()
    }

    async fn cas_services(&mut self, limit: u32) -> Result<Vec<Client>> {
        self.all::<ClientRow>(
            sql!(
                "SELECT id, name, is_verified, is_enabled, redirect_uris, is_native, auth_method,
                        secret_hash, scopes, id_token_alg, requires_pkce, skips_consent,
                        requires_phishing_resistant, skips_check_code, requires_same_country,
                        default_max_age, logo_uri, client_uri, policy_uri, tos_uri, created_at,
                        metadata
                   FROM clients WHERE cas_order IS NOT NULL ORDER BY cas_order, id LIMIT $1"
            ),
            bind![limit.min(MOST_SERVICES)],
        )
        .await?
        .into_iter()
        .map(Client::try_from)
        .collect()
    }

    async fn consent(&mut self, account: &AccountId, client: &ClientId) -> Result<Option<Consent>> {
        self.optional::<ConsentRow>(
            sql!(
                "SELECT account_id, client_id, scopes, declined, given_at
                   FROM consents WHERE account_id = $1 AND client_id = $2"
            ),
            bind![account, client],
        )
        .await?
        .map(Consent::try_from)
        .transpose()
    }

    async fn consents_of(&mut self, account: &AccountId, page: Page<'_>) -> Result<Vec<(Consent, Client)>> {
        self.all::<ConsentedRow>(
            sql!(
                "SELECT k.account_id, k.client_id, k.scopes, k.declined, k.given_at,
                        c.id, c.name, c.is_verified, c.is_enabled, c.redirect_uris, c.is_native, c.auth_method,
                        c.secret_hash, c.scopes, c.id_token_alg, c.requires_pkce, c.skips_consent,
                        c.requires_phishing_resistant, c.skips_check_code, c.requires_same_country,
                        c.default_max_age, c.logo_uri, c.client_uri, c.policy_uri, c.tos_uri, c.created_at,
                        c.metadata
                   FROM consents k JOIN clients c ON c.id = k.client_id
                  WHERE k.account_id = $1 AND c.id > $2 ORDER BY c.id LIMIT $3"
            ),
            bind![account, page.after.unwrap_or_default(), page.limit.min(PAGE)],
        )
        .await?
        .into_iter()
        .map(TryFrom::try_from)
        .collect()
    }

    async fn initial_tokens(&mut self, limit: u32) -> Result<Vec<InitialToken>> {
        self.all::<InitialTokenRow>(
            sql!(
                "SELECT token_hash, name, uses_left, expires_at, created_at
                   FROM initial_tokens ORDER BY created_at DESC, token_hash LIMIT $1"
            ),
            bind![limit.min(PAGE)],
        )
        .await?
        .into_iter()
        .map(InitialToken::try_from)
        .collect()
    }
}

#[async_trait]
impl EditClients for SqlWork {
    async fn add_client(&mut self, client: &Client) -> Result<()> {
        let mut values = values_of(client)?;
        values.extend(bind![client.created_at]);
        self.run(
            sql!(
                "INSERT INTO clients
                    (id, name, is_verified, is_enabled, redirect_uris, is_native, auth_method, secret_hash,
                     scopes, id_token_alg, requires_pkce, skips_consent, requires_phishing_resistant,
                     skips_check_code, requires_same_country, default_max_age, logo_uri, client_uri,
                     policy_uri, tos_uri, metadata, cas_order, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                     $19, $20, $21, $22, $23)"
            ),
            values,
        )
        .await?;
        Ok(())
    }

    async fn update_client(&mut self, client: &Client) -> Result<bool> {
        let updated = self
            .run(
                sql!(
                    "UPDATE clients
                        SET name = $2, is_verified = $3, is_enabled = $4, redirect_uris = $5, is_native = $6,
                            auth_method = $7, secret_hash = $8, scopes = $9, id_token_alg = $10,
                            requires_pkce = $11, skips_consent = $12, requires_phishing_resistant = $13,
                            skips_check_code = $14, requires_same_country = $15, default_max_age = $16,
                            logo_uri = $17, client_uri = $18, policy_uri = $19, tos_uri = $20, metadata = $21,
                            cas_order = $22
                      WHERE id = $1"
                ),
                values_of(client)?,
            )
            .await?;
        Ok(updated == 1)
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
                "INSERT INTO consents (account_id, client_id, scopes, declined, given_at)
                 VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (account_id, client_id) DO UPDATE
                    SET scopes = excluded.scopes, declined = excluded.declined, given_at = excluded.given_at"
            ),
            bind![
                &consent.account,
                &consent.client,
                list_text(&consent.scopes, "scopes", consent.client.as_str())?,
                list_text(&consent.declined, "declined", consent.client.as_str())?,
                consent.given_at,
            ],
        )
        .await?;
        Ok(())
    }

    async fn delete_consent(
        &mut self,
        account: &AccountId,
        client: &ClientId,
        now: Timestamp,
    ) -> Result<bool> {
        // Grants that are being made just now are waited for: they refer to the account.
        let held = pg_sql!("SELECT id FROM accounts WHERE id = $1 FOR UPDATE");
        self.alone_with(held, bind![account]).await?;
        let deleted = self
            .run(
                sql!("DELETE FROM consents WHERE account_id = $1 AND client_id = $2"),
                bind![account, client],
            )
            .await?;
        self.run(
            sql!(
                "UPDATE grants SET revoked_at = $3
                  WHERE account_id = $1 AND client_id = $2 AND revoked_at IS NULL"
            ),
            bind![account, client, now],
        )
        .await?;
        Ok(deleted == 1)
    }

    async fn add_initial_token(&mut self, token: &InitialToken) -> Result<()> {
        self.run(
            sql!(
                "INSERT INTO initial_tokens (token_hash, name, uses_left, expires_at, created_at)
                 VALUES ($1, $2, $3, $4, $5)"
            ),
            bind![&token.hash, &token.name, token.uses_left, token.expires_at, token.created_at],
        )
        .await?;
        Ok(())
    }

    async fn spend_initial_token(&mut self, token: &SecretHash, now: Timestamp) -> Result<bool> {
        let spent = self
            .run(
                sql!(
                    "UPDATE initial_tokens SET uses_left = uses_left - 1
                      WHERE token_hash = $1 AND uses_left > 0 AND expires_at > $2"
                ),
                bind![token, now],
            )
            .await?;
        Ok(spent == 1)
    }

    async fn delete_initial_token(&mut self, name: &str) -> Result<bool> {
        let deleted = self.run(sql!("DELETE FROM initial_tokens WHERE name = $1"), bind![name]).await?;
        Ok(deleted == 1)
    }
}
