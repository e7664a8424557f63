//! The phones of a CAS server: its map of device ids and users.

use std::collections::{HashMap, HashSet};

use app::Mandate;
use cas::DeviceName;
use domain::{Device, DeviceState, RowFate, Username};
use serde_json::Map;
use store::FoundAccount;

use super::people::accounts;
use super::{CREATE, CasDeviceInput, FileFault, NotImported};
use crate::Registry;
use crate::jobs::Planned;

const AT_ONCE: usize = 500;
/// Rows of a map, as of any file.
const MOST: usize = 100_000;

impl Registry {
    pub(super) async fn look_at_cas_devices(
        &self,
        by: &Mandate,
        bytes: &[u8],
    ) -> Result<Vec<Planned>, NotImported> {
        let text = std::str::from_utf8(bytes).map_err(|_| FileFault::whole("is not UTF-8"))?;
        let map = cas::import::devices(text).map_err(|fault| FileFault {
            line: u64::try_from(fault.line).ok(),
            field: None,
            why: fault.why.to_owned(),
        })?;
        if map.entries.len() + map.refused.len() > MOST {
            return Err(FileFault::whole("has more than 100,000 devices: split it").into());
        }
        // Also by the other half of an entry: published versions of the endpoint wrote them the wrong way round.
        let names = map.entries.iter().flat_map(|(device, user)| [user.as_str(), device.as_str()]);
        let keys: HashSet<String> =
            names.filter_map(|name| Some(name.parse::<Username>().ok()?.key().to_owned())).collect();
        let owners = accounts(self, keys.into_iter()).await?;
        let known = self.known_cas_devices(map.entries.iter().map(|(device, _)| device)).await?;
        let decisions = self.app.policies().now().await?;
        let mut counts: HashMap<_, u32> = HashMap::new();
        let planned = map.entries.into_iter().map(|(device, user)| {
            let label = format!("{device}: {user}");
            let Some(owner) = of(&owners, &user) else {
                let why = if of(&owners, device.as_str()).is_some() {
                    "is nobody's name, but the device's is: the entry may stand the wrong way round"
                } else {
                    "is nobody's name"
                };
                return Planned::conflict(&label, "username", why);
            };
            let id = owner.account.id;
            if let Some(there) = known.get(device.as_str()) {
                return there_already(&label, there, owner).of(&id);
            }
            if by.must_hold(owner.account.roles).is_err() {
                return Planned::above(&label).of(&id);
            }
            let limit = decisions.devices_of(&owner.account).per_user;
            let count = counts.entry(id).or_insert(owner.devices);
            if *count >= limit {
                let why = format!("would have more than {limit} phones");
                return Planned::conflict(&label, "username", why).of(&id);
            }
            *count += 1;
            Planned::new(&label, CREATE, &CasDeviceInput { account: id, cas_name: device }).of(&id)
        });
        let refused = map.refused.iter().map(|bad| Planned::conflict(&bad.device, "device", bad.why));
        Ok(planned.chain(refused).collect())
    }

    async fn known_cas_devices(
        &self,
        names: impl Iterator<Item = &DeviceName>,
    ) -> Result<HashMap<String, Device>, NotImported> {
        let names: Vec<String> = names.map(|name| name.as_str().to_owned()).collect();
        let mut known = HashMap::new();
        let mut view = self.app.store().read().await?;
        for names in names.chunks(AT_ONCE) {
            for device in view.devices_with_cas_names(names).await? {
                known.extend(device.cas_name.clone().map(|name| (name, device)));
            }
        }
        Ok(known)
    }
}

fn of<'a>(owners: &'a HashMap<String, FoundAccount>, name: &str) -> Option<&'a FoundAccount> {
    owners.get(name.parse::<Username>().ok()?.key())
}

/// A phone has one owner for life (SEC-084); one that was stopped is let back by name, not by a file.
fn there_already(label: &str, device: &Device, owner: &FoundAccount) -> Planned {
    if device.account != owner.account.id {
        return Planned::conflict(
            label,
            "device",
            "belongs to somebody else: a phone has one owner for life",
        );
    }
    if device.state != DeviceState::Active {
        return Planned::conflict(label, "device", "is there, but was stopped or waits: let it back first");
    }
    Planned::new(label, RowFate::Unchanged, &Map::new())
}
