//! Phones as an administrator looks at them: the list and one in full.
//!
//! Not here: who may look (`web-admin`).

use std::time::Duration;

use app::Refusal;
use domain::list::Cursor;
use domain::{
    Account, Attestation, Device, DeviceId, DeviceKind, DeviceSort, DeviceState, ListedDevice, PastKey,
    Username,
};
use store::DeviceFilter;

use crate::Registry;

const DAY: u64 = 86_400;

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct DeviceQuery {
    /// Beginning of the phone's or its owner's name; or a whole id or thumbprint.
    pub query: Option<String>,
    /// Where they stand.
    pub state: Option<DeviceState>,
    /// Of which kind.
    pub kind: Option<DeviceKind>,
    /// Vouched for or not.
    pub attestation: Option<Attestation>,
    /// Not used for so many days.
    pub unused_days: Option<u32>,
    /// Of this person alone: a user id or name.
    pub user: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<Cursor>,
    /// Rows at most.
    pub rows: u32,
}

/// One phone in full.
#[derive(Debug, Clone)]
pub struct DeviceDetails {
    /// The phone.
    pub device: Device,
    /// Whose it is.
    pub owner: Account,
    /// The keys that it has and had, oldest first.
    pub keys: Vec<PastKey>,
}

/// What a cursor of this list says of a phone.
#[must_use]
pub fn key_of(sort: DeviceSort, device: &Device) -> String {
    match sort {
        DeviceSort::Created => device.created_at.millis().to_string(),
        DeviceSort::Used => device.seen_at().millis().to_string(),
        DeviceSort::Name => device.name.to_lowercase(),
    }
}

impl Registry {
    /// Whether the owner of this phone has to be verified anew before it can claim (SEC-089).
    ///
    /// # Errors
    /// The store.
    pub async fn is_reverification_due(&self, devices: &[&Device]) -> Result<Vec<bool>, Refusal> {
        let days = self.app.policies().now().await?.policies.devices.reverify_days;
        let now = self.app.now();
        let unused = Duration::from_secs(u64::from(days) * DAY);
        Ok(devices.iter().map(|device| days > 0 && now.since(device.seen_at()) >= unused).collect())
    }

    /// Phones with their owners' names, sorted.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list; `NotFound` for an unknown user.
    pub async fn list_devices(
        &self,
        query: &DeviceQuery,
        sort: DeviceSort,
        descending: bool,
    ) -> Result<Vec<ListedDevice>, Refusal> {
        if let (Some(cursor), true) = (&query.cursor, sort != DeviceSort::Name) {
            cursor.number().map_err(|_| Refusal::Invalid { field: "cursor", why: "is none of this list" })?;
        }
        let now = self.app.now();
        let filter = DeviceFilter {
            state: query.state,
            kind: query.kind,
            attestation: query.attestation,
            unused_since: query
                .unused_days
                .map(|days| now.before(Duration::from_secs(u64::from(days) * DAY))),
            query: query.query.as_deref(),
        };
        let after = query.cursor.as_ref();
        let Some(user) = &query.user else {
            let mut view = self.app.store().read().await?;
            return Ok(view.find_devices(&filter, sort, descending, after, query.rows).await?);
        };
        let mut found = self.of_one(user, &filter, (sort, descending), after).await?;
        found.truncate(usize::try_from(query.rows).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// One person's phones are few: they are sorted and filtered here.
    async fn of_one(
        &self,
        user: &str,
        filter: &DeviceFilter<'_>,
        (sort, descending): (DeviceSort, bool),
        after: Option<&Cursor>,
    ) -> Result<Vec<ListedDevice>, Refusal> {
        let owner = self.owner(user).await?;
        let words = filter.query.map(str::to_lowercase);
        let is_meant = |device: &Device| {
            filter.state.is_none_or(|state| device.state == state)
                && filter.kind.is_none_or(|kind| device.kind == kind)
                && filter.attestation.is_none_or(|it| device.record.attestation == it)
                && filter.unused_since.is_none_or(|since| device.seen_at() < since)
                && words.as_ref().is_none_or(|words| {
                    device.name.to_lowercase().starts_with(words.as_str())
                        || owner.username.key().starts_with(words.as_str())
                        || filter.query == Some(device.id.to_string().as_str())
                        || (filter.query.is_some() && filter.query == device.thumbprint())
                        || (device.state != DeviceState::Revoked && device.cas_name.as_ref() == Some(words))
                })
        };
        let mut found = self.app.store().read().await?.devices_of(&owner.id).await?;
        found.retain(is_meant);
        let place = |device: &Device| {
            let number = match sort {
                DeviceSort::Created => device.created_at.millis(),
                DeviceSort::Used => device.seen_at().millis(),
                DeviceSort::Name => 0,
            };
            let name = if sort == DeviceSort::Name { device.name.to_lowercase() } else { String::new() };
            (number, name, device.id.to_string())
        };
        found.sort_by_cached_key(place);
        if descending {
            found.reverse();
        }
        if let Some(cursor) = after {
            let end = found.iter().position(|device| device.id.to_string() == cursor.id);
            found.drain(..end.map_or(found.len(), |end| end + 1));
        }
        let username = owner.username.as_str().to_owned();
        Ok(found.into_iter().map(|device| ListedDevice { device, username: username.clone() }).collect())
    }

    /// The account with this id or name.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn owner(&self, user: &str) -> Result<Account, Refusal> {
        let mut view = self.app.store().read().await?;
        let found = match user.parse() {
            Ok(id) => view.account(&id).await?,
            Err(_) => match user.parse::<Username>() {
                Ok(name) => view.account_by_username(name.key()).await?,
                Err(_) => None,
            },
        };
        found.ok_or(Refusal::NotFound)
    }

    /// The account that a phone belongs to.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn owner_of(&self, id: &DeviceId) -> Result<Account, Refusal> {
        let mut view = self.app.store().read().await?;
        let device = view.device(id).await?.ok_or(Refusal::NotFound)?;
        view.account(&device.account).await?.ok_or(Refusal::NotFound)
    }

    /// One phone in full.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn device_details(&self, id: &DeviceId) -> Result<DeviceDetails, Refusal> {
        let mut view = self.app.store().read().await?;
        let (device, owner, _) = view.device_to_act(id).await?.ok_or(Refusal::NotFound)?;
        let keys = view.keys_of_device(id).await?;
        Ok(DeviceDetails { device, owner, keys })
    }
}
