//! Redeemed codes, and what is kept so that it counts once or not any more.

use async_trait::async_trait;
use domain::{Account, Grant, GrantId, SecretHash, Timestamp};
use store::{EditGrants, Grants, Result, Spend, StoreError};

use crate::accounts::{AccountRow, CountRow};
use crate::values::{bind, parsed};
use crate::work::{Cells, Entry, SqlWork, sql};

/// `id, account_id, client_id, session_id, scope, created_at, expires_at, revoked_at`
pub(crate) struct GrantRow {
    id: String,
    account_id: String,
    client_id: String,
    session_id: String,
    scope: String,
    created_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
}

impl Entry for GrantRow {
    const TABLE: &'static str = "grants";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            id: row.text("id")?,
            account_id: row.text("account_id")?,
            client_id: row.text("client_id")?,
            session_id: row.text("session_id")?,
            scope: row.text("scope")?,
            created_at: row.number("created_at")?,
            expires_at: row.number("expires_at")?,
            revoked_at: row.maybe_number("revoked_at")?,
        })
    }
}

impl TryFrom<GrantRow> for Grant {
    type Error = StoreError;

    fn try_from(row: GrantRow) -> Result<Self> {
        const T: &str = GrantRow::TABLE;
        let id = &row.id;
        Ok(Self {
            id: parsed(id, T, "id", id)?,
            account: parsed(&row.account_id, T, "account_id", id)?,
            client: parsed(&row.client_id, T, "client_id", id)?,
            session: parsed(&row.session_id, T, "session_id", id)?,
            scope: row.scope,
            created_at: Timestamp::from_millis(row.created_at),
            expires_at: Timestamp::from_millis(row.expires_at),
            revoked_at: row.revoked_at.map(Timestamp::from_millis),
        })
    }
}

/// A grant and its account.
struct WithAccountRow {
    grant: GrantRow,
    account: AccountRow,
}

impl Entry for WithAccountRow {
    const TABLE: &'static str = "grants";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self { grant: GrantRow::read(row)?, account: AccountRow::read(row)? })
    }
}

impl TryFrom<WithAccountRow> for (Grant, Account) {
    type Error = StoreError;

    fn try_from(row: WithAccountRow) -> Result<Self> {
        Ok((row.grant.try_into()?, row.account.try_into()?))
    }
}

/// Whether the code was spent before.
struct SpentRow(bool);

impl Entry for SpentRow {
    const TABLE: &'static str = "grants";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self(row.flag("revoked_at")?))
    }
}

#[async_trait]
impl Grants for SqlWork {
    async fn grant(&mut self, id: &GrantId) -> Result<Option<(Grant, Account)>> {
        self.optional::<WithAccountRow>(
            sql!(
                "SELECT g.id, g.account_id, g.client_id, g.session_id, g.scope, g.created_at, g.expires_at,
                        g.revoked_at,
                        a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at
                   FROM grants g JOIN accounts a ON a.id = g.account_id
                  WHERE g.id = $1"
            ),
            bind![id],
        )
        .await?
        .map(TryFrom::try_from)
        .transpose()
    }

    async fn is_token_revoked(&mut self, token: &SecretHash) -> Result<bool> {
        let revoked = self
            .optional::<CountRow>(
                sql!("SELECT CAST(1 AS BIGINT) FROM revoked_tokens WHERE token_hash = $1"),
                bind![token],
            )
            .await?;
        Ok(revoked.is_some())
    }
}

#[async_trait]
impl EditGrants for SqlWork {
    async fn spend_code(&mut self, grant: &Grant, now: Timestamp) -> Result<Spend> {
        // Only a row that was there can come back revoked: a new one has nothing in that column.
        let spent = self
            .optional::<SpentRow>(
                sql!(
                    "INSERT INTO grants
                        (id, account_id, client_id, session_id, scope, created_at, expires_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7)
                     ON CONFLICT (id) DO UPDATE SET revoked_at = COALESCE(grants.revoked_at, $8)
                     RETURNING revoked_at IS NOT NULL"
                ),
                bind![
                    &grant.id,
                    &grant.account,
                    &grant.client,
                    &grant.session,
                    &grant.scope,
                    grant.created_at,
                    grant.expires_at,
                    now,
                ],
            )
            .await?;
        match spent {
            Some(SpentRow(false)) => Ok(Spend::First),
            Some(SpentRow(true)) => Ok(Spend::Again),
            None => Err(StoreError::Unavailable("the database did not say whether a code was spent".into())),
        }
    }

    async fn revoke_grant(&mut self, id: &GrantId, now: Timestamp) -> Result<bool> {
        let revoked = self
            .run(
                sql!("UPDATE grants SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL"),
                bind![id, now],
            )
            .await?;
        Ok(revoked == 1)
    }

    async fn revoke_token(&mut self, token: &SecretHash, expires_at: Timestamp) -> Result<()> {
        self.run(
            sql!(
                "INSERT INTO revoked_tokens (token_hash, expires_at) VALUES ($1, $2)
                 ON CONFLICT (token_hash) DO NOTHING"
            ),
            bind![token, expires_at],
        )
        .await?;
        Ok(())
    }

    async fn spend_assertion(&mut self, assertion: &SecretHash, expires_at: Timestamp) -> Result<bool> {
        let spent = self
            .run(
                sql!(
                    "INSERT INTO used_assertions (assertion_hash, expires_at) VALUES ($1, $2)
                     ON CONFLICT (assertion_hash) DO NOTHING"
                ),
                bind![assertion, expires_at],
            )
            .await?;
        Ok(spent == 1)
    }
}
