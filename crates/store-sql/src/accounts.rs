//! Accounts, passwords, passkeys and the first administrator's key.

use async_trait::async_trait;
use domain::{Account, AccountId, AccountState, CredentialId, Passkey, PasswordHash, SecretHash, Timestamp};
use store::{Accounts, EditAccounts, Page, Result, StoreError};

use crate::corrupt;
use crate::devices::HOLD_ACCOUNT;
use crate::values::{bind, fixed, json, parsed, small, word};
use crate::work::{Cells, Entry, SqlWork, sql};

/// At most this many rows on a page (SEC-189).
pub(crate) const PAGE: u32 = 500;

/// `id, username, state, claims, webauthn_handle, roles, group_names, language, created_at, updated_at`
pub(crate) struct AccountRow {
    id: String,
    username: String,
    state: String,
    claims: String,
    webauthn_handle: Vec<u8>,
    roles: String,
    group_names: String,
    language: Option<String>,
    created_at: i64,
    updated_at: i64,
}

impl Entry for AccountRow {
    const TABLE: &'static str = "accounts";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            id: row.text("id")?,
            username: row.text("username")?,
            state: row.text("state")?,
            claims: row.text("claims")?,
            webauthn_handle: row.bytes("webauthn_handle")?,
            roles: row.text("roles")?,
            group_names: row.text("group_names")?,
            language: row.maybe_text("language")?,
            created_at: row.number("created_at")?,
            updated_at: row.number("updated_at")?,
        })
    }
}

impl TryFrom<AccountRow> for Account {
    type Error = StoreError;

    fn try_from(row: AccountRow) -> Result<Self> {
        const T: &str = AccountRow::TABLE;
        let id = &row.id;
        Ok(Self {
            id: parsed(id, T, "id", id)?,
            username: parsed(&row.username, T, "username", id)?,
            state: word(&row.state, T, "state", id)?,
            claims: json(&row.claims, T, "claims", id)?,
            webauthn_handle: fixed(&row.webauthn_handle, T, "webauthn_handle", id)?,
            roles: json(&row.roles, T, "roles", id)?,
            groups: json(&row.group_names, T, "group_names", id)?,
            language: row.language,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        })
    }
}

/// An account, then `phc, changed_at, wrong_in_a_row`, which an account without password lacks.
struct WithPasswordRow {
    account: AccountRow,
    password: Option<(String, i64, i64)>,
}

impl Entry for WithPasswordRow {
    const TABLE: &'static str = "accounts";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        let account = AccountRow::read(row)?;
        let password = if row.is_nothing()? {
            None
        } else {
            Some((row.text("phc")?, row.number("changed_at")?, row.number("wrong_in_a_row")?))
        };
        Ok(Self { account, password })
    }
}

impl TryFrom<WithPasswordRow> for (Account, Option<PasswordHash>, u32) {
    type Error = StoreError;

    fn try_from(row: WithPasswordRow) -> Result<Self> {
        let account = Account::try_from(row.account)?;
        let Some((phc, changed_at, wrong)) = row.password else { return Ok((account, None, 0)) };
        let wrong = small(wrong, "passwords", "wrong_in_a_row", &account.id.to_string())?;
        let changed_at = Timestamp::from_millis(changed_at);
        let password = PasswordHash { account: account.id, phc, changed_at };
        Ok((account, Some(password), wrong))
    }
}

/// `id, account_id, device_id, credential_id, passkey, name, created_at, last_used_at`
pub(crate) struct PasskeyRow {
    id: String,
    account_id: String,
    device_id: Option<String>,
    credential_id: Vec<u8>,
    passkey: String,
    name: String,
    created_at: i64,
    last_used_at: Option<i64>,
}

impl Entry for PasskeyRow {
    const TABLE: &'static str = "passkeys";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            id: row.text("id")?,
            account_id: row.text("account_id")?,
            device_id: row.maybe_text("device_id")?,
            credential_id: row.bytes("credential_id")?,
            passkey: row.text("passkey")?,
            name: row.text("name")?,
            created_at: row.number("created_at")?,
            last_used_at: row.maybe_number("last_used_at")?,
        })
    }
}

impl TryFrom<PasskeyRow> for Passkey {
    type Error = StoreError;

    fn try_from(row: PasskeyRow) -> Result<Self> {
        const T: &str = PasskeyRow::TABLE;
        let id = &row.id;
        Ok(Self {
            id: parsed(id, T, "id", id)?,
            account: parsed(&row.account_id, T, "account_id", id)?,
            device: row.device_id.map(|device| parsed(&device, T, "device_id", id)).transpose()?,
            credential_id: row.credential_id,
            passkey: row.passkey,
            name: row.name,
            created_at: Timestamp::from_millis(row.created_at),
            last_used_at: row.last_used_at.map(Timestamp::from_millis),
        })
    }
}

/// One number.
pub(crate) struct CountRow(pub(crate) i64);

impl Entry for CountRow {
    const TABLE: &'static str = "counts";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self(row.number("count")?))
    }
}

#[async_trait]
impl Accounts for SqlWork {
    async fn account(&mut self, id: &AccountId) -> Result<Option<Account>> {
        self.optional::<AccountRow>(
            sql!(
                "SELECT id, username, state, claims, webauthn_handle, roles, group_names, language, created_at,
                        updated_at
                   FROM accounts WHERE id = $1"
            ),
            bind![id],
        )
        .await?
        .map(Account::try_from)
        .transpose()
    }

    async fn account_for_password(
        &mut self,
        username_key: &str,
    ) -> Result<Option<(Account, Option<PasswordHash>, u32)>> {
        self.optional::<WithPasswordRow>(
            sql!(
                sqlite: "SELECT a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at,
                        p.phc, p.changed_at, p.wrong_in_a_row
                   FROM accounts a LEFT JOIN passwords p ON p.account_id = a.id
                  WHERE a.username_key = $1",
                postgres: "SELECT a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at,
                        p.phc, p.changed_at, p.wrong_in_a_row
                   FROM accounts a LEFT JOIN passwords p ON p.account_id = a.id COLLATE \"default\"
                  WHERE a.username_key = $1"
            ),
            bind![username_key],
        )
        .await?
        .map(TryFrom::try_from)
        .transpose()
    }

    async fn account_by_username(&mut self, username_key: &str) -> Result<Option<Account>> {
        self.optional::<AccountRow>(
            sql!(
                "SELECT id, username, state, claims, webauthn_handle, roles, group_names, language, created_at,
                        updated_at
                   FROM accounts WHERE username_key = $1"
            ),
            bind![username_key],
        )
        .await?
        .map(Account::try_from)
        .transpose()
    }

    async fn account_by_handle(&mut self, handle: &[u8; 16]) -> Result<Option<Account>> {
        self.optional::<AccountRow>(
            sql!(
                "SELECT id, username, state, claims, webauthn_handle, roles, group_names, language, created_at,
                        updated_at
                   FROM accounts WHERE webauthn_handle = $1"
            ),
            bind![handle],
        )
        .await?
        .map(Account::try_from)
        .transpose()
    }

    async fn accounts(&mut self, page: Page<'_>) -> Result<Vec<Account>> {
        self.all::<AccountRow>(
            sql!(
                "SELECT id, username, state, claims, webauthn_handle, roles, group_names, language, created_at,
                        updated_at
                   FROM accounts WHERE username_key > $1 ORDER BY username_key LIMIT $2"
            ),
            bind![page.after.unwrap_or_default(), page.limit.min(PAGE)],
        )
        .await?
        .into_iter()
        .map(Account::try_from)
        .collect()
    }

    async fn has_accounts(&mut self) -> Result<bool> {
        let any = self
            .optional::<CountRow>(sql!("SELECT CAST(1 AS BIGINT) FROM accounts LIMIT 1"), bind![])
            .await?;
        Ok(any.is_some())
    }

    async fn passkey(&mut self, credential_id: &[u8]) -> Result<Option<Passkey>> {
        self.optional::<PasskeyRow>(
            sql!(
                "SELECT id, account_id, device_id, credential_id, passkey, name, created_at, last_used_at
                   FROM passkeys WHERE credential_id = $1"
            ),
            bind![credential_id],
        )
        .await?
        .map(Passkey::try_from)
        .transpose()
    }

    async fn passkeys(&mut self, account: &AccountId) -> Result<Vec<Passkey>> {
        self.all::<PasskeyRow>(
            sql!(
                "SELECT id, account_id, device_id, credential_id, passkey, name, created_at, last_used_at
                   FROM passkeys WHERE account_id = $1 ORDER BY created_at, id LIMIT 100"
            ),
            bind![account],
        )
        .await?
        .into_iter()
        .map(Passkey::try_from)
        .collect()
    }
}

/// An account's id.
struct IdRow(String);

impl Entry for IdRow {
    const TABLE: &'static str = "accounts";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        row.text("id").map(Self)
    }
}

/// Accounts that a search meets are looked after one by one, if they are no more than this.
const FEW: usize = 4_000;

impl SqlWork {
    /// Ids of the accounts whose folded user name is like this, as a JSON list; none when they are more than [`FEW`]. Then a
    /// list soon has a full page of what is theirs, and goes along its own order.
    pub(crate) async fn accounts_like(&mut self, pattern: &str) -> Result<Option<String>> {
        let rows = self
            .all::<IdRow>(
                sql!("SELECT id FROM accounts WHERE username_key LIKE $1 ESCAPE '!' LIMIT $2"),
                bind![pattern, i64::try_from(FEW).unwrap_or_default() + 1],
            )
            .await?;
        let ids: Vec<String> = rows.into_iter().map(|IdRow(id)| id).collect();
        Ok((ids.len() <= FEW).then(|| serde_json::Value::from(ids).to_string()))
    }
}

#[async_trait]
impl EditAccounts for SqlWork {
    async fn add_account(&mut self, account: &Account) -> Result<()> {
        let claims = serde_json::to_string(&account.claims)
            .map_err(|_| corrupt(AccountRow::TABLE, "claims", account.id))?;
        self.run(
            sql!(
                "INSERT INTO accounts
                    (id, username, username_key, state, claims, webauthn_handle, is_admin, language, created_at,
                     updated_at, own_roles, roles, skeleton, search)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, $13)"
            ),
            bind![
                &account.id,
                account.username.as_str(),
                account.username.key(),
                account.state.as_str(),
                claims,
                &account.webauthn_handle,
                false,
                account.language.as_ref(),
                account.created_at,
                account.updated_at,
                serde_json::to_string(&account.roles)
                    .map_err(|_| corrupt(AccountRow::TABLE, "roles", account.id))?,
                account.username.skeleton(),
                account.search_text(),
            ],
        )
        .await?;
        Ok(())
    }

    async fn set_account_state(
        &mut self,
        id: &AccountId,
        state: AccountState,
        now: Timestamp,
    ) -> Result<bool> {
        let changed = self
            .run(
                sql!(
                    "UPDATE accounts SET state = $2, updated_at = $3, version = version + 1
                      WHERE id = $1 AND state <> $2"
                ),
                bind![id, state.as_str(), now],
            )
            .await?;
        Ok(changed == 1)
    }

    async fn set_password(&mut self, hash: &PasswordHash) -> Result<()> {
        self.alone_with(HOLD_ACCOUNT, bind![&hash.account]).await?;
        self.run(
            sql!(
                "INSERT INTO passwords (account_id, phc, changed_at, wrong_in_a_row) VALUES ($1, $2, $3, 0)
                 ON CONFLICT (account_id) DO UPDATE
                    SET phc = excluded.phc, changed_at = excluded.changed_at, wrong_in_a_row = 0"
            ),
            bind![&hash.account, &hash.phc, hash.changed_at],
        )
        .await?;
        Ok(())
    }

    async fn rehash_password(&mut self, account: &AccountId, old: &str, new: &str) -> Result<bool> {
        let changed = self
            .run(
                sql!("UPDATE passwords SET phc = $3 WHERE account_id = $1 AND phc = $2"),
                bind![account, old, new],
            )
            .await?;
        Ok(changed == 1)
    }

    async fn count_wrong_password(&mut self, account: &AccountId) -> Result<u32> {
        let count = self
            .optional::<CountRow>(
                sql!(
                    "UPDATE passwords SET wrong_in_a_row = wrong_in_a_row + 1
                      WHERE account_id = $1 RETURNING wrong_in_a_row"
                ),
                bind![account],
            )
            .await?;
        let CountRow(count) = count.unwrap_or(CountRow(0));
        small(count, "passwords", "wrong_in_a_row", &account.to_string())
    }

    async fn forget_wrong_passwords(&mut self, account: &AccountId) -> Result<()> {
        self.run(
            sql!("UPDATE passwords SET wrong_in_a_row = 0 WHERE account_id = $1 AND wrong_in_a_row <> 0"),
            bind![account],
        )
        .await?;
        Ok(())
    }

    async fn add_passkey(&mut self, passkey: &Passkey) -> Result<()> {
        self.run(
            sql!(
                "INSERT INTO passkeys
                    (id, account_id, device_id, credential_id, passkey, name, created_at, last_used_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
            ),
            bind![
                &passkey.id,
                &passkey.account,
                passkey.device.as_ref(),
                &passkey.credential_id,
                &passkey.passkey,
                &passkey.name,
                passkey.created_at,
                passkey.last_used_at,
            ],
        )
        .await?;
        Ok(())
    }

    async fn passkey_used(&mut self, id: &CredentialId, passkey: &str, now: Timestamp) -> Result<bool> {
        let changed = self
            .run(
                sql!("UPDATE passkeys SET passkey = $2, last_used_at = $3 WHERE id = $1"),
                bind![id, passkey, now],
            )
            .await?;
        Ok(changed == 1)
    }

    async fn offer_admin_setup(&mut self, token_hash: &SecretHash, now: Timestamp) -> Result<bool> {
        let kept = self
            .run(
                sql!(
                    "INSERT INTO admin_setup (number, token_hash, offered_at) VALUES (1, $1, $2)
                     ON CONFLICT (number) DO UPDATE
                       SET token_hash = excluded.token_hash, offered_at = excluded.offered_at
                     WHERE admin_setup.taken_at IS NULL"
                ),
                bind![token_hash, now],
            )
            .await?;
        Ok(kept == 1)
    }

    async fn take_admin_setup(&mut self, token_hash: &SecretHash, now: Timestamp) -> Result<bool> {
        let taken = self
            .run(
                sql!(
                    "UPDATE admin_setup SET taken_at = $2
                      WHERE number = 1 AND token_hash = $1 AND taken_at IS NULL"
                ),
                bind![token_hash, now],
            )
            .await?;
        Ok(taken == 1)
    }

    async fn make_admin(&mut self, account: &AccountId, now: Timestamp) -> Result<()> {
        self.run(
            sql!(
                "UPDATE accounts SET is_admin = TRUE, roles = '[\"superadmin\"]', own_roles = '[\"superadmin\"]',
                        updated_at = $2, version = version + 1
                  WHERE id = $1"
            ),
            bind![account, now],
        )
        .await?;
        Ok(())
    }
}
