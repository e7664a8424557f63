//! Accounts, phones and sessions as long work finds them.

use store::{FoundAccount, FoundDevice, FoundSession, Result, StoreError};

use crate::accounts::AccountRow;
use crate::values::{parsed, small, word};
use crate::work::{Cells, Entry};

/// An account, then how many phones it has.
pub(super) struct AccountFound(AccountRow, i64);

impl Entry for AccountFound {
    const TABLE: &'static str = "accounts";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self(AccountRow::read(row)?, row.number("devices")?))
    }
}

impl TryFrom<AccountFound> for FoundAccount {
    type Error = StoreError;

    fn try_from(row: AccountFound) -> Result<Self> {
        let account = domain::Account::try_from(row.0)?;
        let devices = small(row.1, AccountFound::TABLE, "devices", &account.id.to_string())?;
        Ok(Self { account, devices })
    }
}

/// `id, account_id`, the owner's name, `name, state, key_thumbprint`
pub(super) struct DeviceFound([String; 6]);

impl Entry for DeviceFound {
    const TABLE: &'static str = "devices";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self([
            row.text("id")?,
            row.text("account_id")?,
            row.text("username")?,
            row.text("name")?,
            row.text("state")?,
            row.text("key_thumbprint")?,
        ]))
    }
}

impl TryFrom<DeviceFound> for FoundDevice {
    type Error = StoreError;

    fn try_from(row: DeviceFound) -> Result<Self> {
        const T: &str = DeviceFound::TABLE;
        let [id, account, username, name, state, thumbprint] = row.0;
        Ok(Self {
            account: parsed(&account, T, "account_id", &id)?,
            state: word(&state, T, "state", &id)?,
            id: parsed(&id, T, "id", &id)?,
            username,
            name,
            thumbprint,
        })
    }
}

/// `id, account_id`, the owner's name
pub(super) struct SessionFound(String, String, String);

impl Entry for SessionFound {
    const TABLE: &'static str = "sessions";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self(row.text("id")?, row.text("account_id")?, row.text("username")?))
    }
}

impl TryFrom<SessionFound> for FoundSession {
    type Error = StoreError;

    fn try_from(row: SessionFound) -> Result<Self> {
        const T: &str = SessionFound::TABLE;
        let SessionFound(id, account, username) = row;
        Ok(Self {
            account: parsed(&account, T, "account_id", &id)?,
            id: parsed(&id, T, "id", &id)?,
            username,
        })
    }
}
