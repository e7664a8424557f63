//! Files of many rows.
//!
//! Owns: reading a CSV file into rows with their columns, with everything that can be wrong with it as a whole
//! (encoding, columns, sizes), and the dry run of each kind. Not here: doing the rows (`jobs`).
//!
//! A file is refused as a whole where it cannot be understood; where one row is wrong, that row says so and the others
//! are looked at.

mod cas_devices;
mod devices;
mod people;
mod table;

use app::{Mandate, Refusal};
use domain::{AccountId, AccountState, GroupId, Job, JobKind, RowFate};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::AccountFit;

pub use table::{FileFault, Table, defused};

use crate::Registry;
use crate::jobs::{Options, Planned};

/// Letters of one job: all of them are one PDF.
const MOST_LETTERS: usize = 20_000;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportKind {
    /// People.
    Users,
    /// Phones' public keys.
    Devices,
    /// Phones with apps made for CAS: the map of a CAS server, device id to user, as JSON or Hjson.
    CasDevices,
    /// People who get a letter.
    Letters,
}

impl ImportKind {
    /// The one with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "users" => Some(Self::Users),
            "devices" => Some(Self::Devices),
            "cas_devices" => Some(Self::CasDevices),
            "letters" => Some(Self::Letters),
            _ => None,
        }
    }

    const fn job(self) -> JobKind {
        match self {
            Self::Users => JobKind::ImportUsers,
            Self::Devices | Self::CasDevices => JobKind::ImportDevices,
            Self::Letters => JobKind::BulkEnrol,
        }
    }
}

/// Why a file was not planned.
#[derive(Debug)]
pub enum NotImported {
    /// The file is at fault.
    File(FileFault),
    /// As other use cases refuse.
    Refused(Refusal),
}

impl From<Refusal> for NotImported {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
impl From<FileFault> for NotImported {
    fn from(fault: FileFault) -> Self {
        Self::File(fault)
    }
}
impl From<store::StoreError> for NotImported {
    fn from(error: store::StoreError) -> Self {
        Self::Refused(error.into())
    }
}

/// A person to be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UserInput {
    pub(crate) username: String,
    pub(crate) claims: Map<String, Value>,
    #[serde(default)]
    pub(crate) groups: Vec<GroupId>,
    #[serde(default)]
    pub(crate) language: Option<String>,
}

/// A phone's public key to be added.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DeviceInput {
    pub(crate) account: AccountId,
    /// A JWK.
    pub(crate) public_key: String,
    pub(crate) name: String,
    pub(crate) platform: String,
}

/// A phone with an app made for CAS to be added.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CasDeviceInput {
    pub(crate) account: AccountId,
    /// What the app calls itself.
    pub(crate) cas_name: cas::DeviceName,
}

/// A letter to be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LetterInput {
    pub(crate) account: AccountId,
    pub(crate) name: String,
    pub(crate) username: String,
    #[serde(default)]
    pub(crate) language: Option<String>,
}

impl Registry {
    /// Looks at every row of a file and plans what it says. Nothing is changed by it.
    ///
    /// # Errors
    /// The file cannot be understood, with the row and field; `Forbidden`.
    pub async fn import(&self, by: &Mandate, kind: ImportKind, bytes: &[u8]) -> Result<Job, NotImported> {
        by.must(crate::jobs::permission(kind.job(), None))?;
        let mut options = Options::default();
        let rows = match kind {
            ImportKind::Users => self.look_at_people(by, bytes, &mut options).await?,
            ImportKind::Devices => self.look_at_keys(by, bytes).await?,
            ImportKind::CasDevices => self.look_at_cas_devices(by, bytes).await?,
            ImportKind::Letters => self.look_at_readers(by, bytes).await?,
        };
        if kind == ImportKind::Letters && rows.len() > MOST_LETTERS {
            return Err(FileFault::whole("are more than 20,000 letters at once: split the file").into());
        }
        Ok(self.plan(by, kind.job(), None, &options, rows).await?)
    }

    /// Plans letters for everybody who fits: in a group, and without a phone.
    ///
    /// # Errors
    /// `Invalid` for a group that is not there, or more than 20,000 people; `Forbidden`.
    pub async fn plan_letters(
        &self,
        by: &Mandate,
        group: Option<&str>,
        without_device: bool,
    ) -> Result<Job, Refusal> {
        by.must(crate::jobs::permission(JobKind::BulkEnrol, None))?;
        let group = match group {
            None => None,
            Some(name) => Some(self.group_by_name(name).await.map_err(|refusal| match refusal {
                Refusal::NotFound => Refusal::Invalid { field: "group", why: "is not there" },
                other => other,
            })?),
        };
        let fit = AccountFit {
            group: group.as_ref().map(|group| group.name.as_str()),
            state: Some(AccountState::Active),
            search: None,
            without_device,
        };
        let (mut rows, mut after) = (Vec::new(), String::new());
        let mut view = self.app.store().read().await?;
        loop {
            let found = view.accounts_that_fit(fit, &after, 500).await?;
            let Some(last) = found.last() else { break };
            after = last.account.id.to_string();
            for account in found.into_iter().map(|found| found.account) {
                rows.push(match by.must_hold(account.roles) {
                    Ok(()) => people::letter(&account, None),
                    Err(_) => Planned::above(account.username.as_str()).of(&account.id),
                });
            }
            if rows.len() > MOST_LETTERS {
                return Err(Refusal::Invalid { field: "group", why: "fits more than 20,000 people" });
            }
        }
        self.plan(by, JobKind::BulkEnrol, None, &Options::default(), rows).await
    }
}

/// A row that says why it cannot be done, before anything is looked up.
pub(crate) enum Looked<T> {
    Good(T),
    Bad(Planned),
}

impl<T> Looked<T> {
    pub(crate) const fn good(&self) -> Option<&T> {
        match self {
            Self::Good(it) => Some(it),
            Self::Bad(_) => None,
        }
    }
}

/// How a row that makes something begins.
pub(crate) const CREATE: RowFate = RowFate::Create;
