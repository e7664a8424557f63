//! Phones' public keys from a file.

use std::collections::HashMap;

use app::Mandate;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AccountId, DeviceState, RowFate, Username};
use serde_json::Map;
use store::FoundDevice;

use super::people::{Seen, accounts, username};
use super::table::Table;
use super::{CREATE, DeviceInput, Looked, NotImported};
use crate::Registry;
use crate::jobs::Planned;

const COLUMNS: &[&str] = &["username", "public_key", "name", "platform"];
const AT_ONCE: usize = 500;
/// Characters of a name or platform.
const LONGEST: usize = 60;

/// A row whose cells are good.
struct Key {
    owner: Username,
    line: u64,
    thumbprint: String,
    jwk: String,
    name: String,
    platform: String,
}

impl Registry {
    pub(super) async fn look_at_keys(&self, by: &Mandate, bytes: &[u8]) -> Result<Vec<Planned>, NotImported> {
        let table = Table::read(bytes, COLUMNS, &["username", "public_key"])?;
        let mut seen = Seen::default();
        let mut looked = Vec::with_capacity(table.rows().len());
        for (row, number) in table.rows().iter().zip(0_usize..) {
            if number % AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
            looked.push(match key(&table, row) {
                Err(bad) => Looked::Bad(*bad),
                Ok(key) => match seen.again(&key.thumbprint, key.line) {
                    Some(why) => Looked::Bad(Planned::conflict(key.owner.as_str(), "public_key", why)),
                    None => Looked::Good(key),
                },
            });
        }
        let keys = looked.iter().filter_map(|row| Some(row.good()?.owner.key().to_owned()));
        let owners = accounts(self, keys.collect::<std::collections::HashSet<_>>().into_iter()).await?;
        let thumbprints: Vec<String> =
            looked.iter().filter_map(|row| Some(row.good()?.thumbprint.clone())).collect();
        let mut known: HashMap<String, FoundDevice> = HashMap::new();
        let mut view = self.app.store().read().await?;
        for thumbprints in thumbprints.chunks(AT_ONCE) {
            for device in view.devices_with_keys(thumbprints).await? {
                known.insert(device.thumbprint.clone(), device);
            }
        }
        let decisions = self.app.policies().now().await?;
        let mut counts: HashMap<AccountId, u32> = HashMap::new();
        Ok(looked
            .into_iter()
            .map(|row| {
                let key = match row {
                    Looked::Bad(bad) => return bad,
                    Looked::Good(key) => key,
                };
                let label = key.owner.as_str().to_owned();
                let Some(owner) = owners.get(key.owner.key()) else {
                    return Planned::conflict(&label, "username", "is nobody's name");
                };
                if let Some(device) = known.get(&key.thumbprint) {
                    return known_key(&label, device, &owner.account.id).of(&owner.account.id);
                }
                if by.must_hold(owner.account.roles).is_err() {
                    return Planned::above(&label).of(&owner.account.id);
                }
                let limit = decisions.devices_of(&owner.account).per_user;
                let count = counts.entry(owner.account.id).or_insert(owner.devices);
                if *count >= limit {
                    let why = format!("would have more than {limit} phones");
                    return Planned::conflict(&label, "username", why).of(&owner.account.id);
                }
                *count += 1;
                let input = DeviceInput {
                    account: owner.account.id,
                    public_key: key.jwk,
                    name: key.name,
                    platform: key.platform,
                };
                Planned::new(&label, CREATE, &input).of(&owner.account.id)
            })
            .collect())
    }
}

/// A key belongs to one person for life (SEC-084), and a revoked one never works again (SEC-081).
fn known_key(label: &str, device: &FoundDevice, owner: &AccountId) -> Planned {
    if device.account != *owner {
        return Planned::conflict(
            label,
            "public_key",
            "belongs to somebody else: a phone has one owner for life",
        );
    }
    if device.state == DeviceState::Revoked {
        return Planned::conflict(label, "public_key", "was revoked: it never works again");
    }
    Planned::new(label, RowFate::Unchanged, &Map::new())
}

fn key(table: &Table, row: &super::table::Row) -> Result<Key, Box<Planned>> {
    let owner = username(table, row)?;
    let bad = |field: &str, why: &str| Box::new(Planned::conflict(owner.as_str(), field, why));
    let written = table.cell(row, "public_key");
    let read = jwk(written).and_then(|json| qr::Jwk::parse(&json).ok().map(|key| (json, key)));
    let Some((jwk, key)) = read else {
        return Err(bad(
            "public_key",
            "is no public key of P-256 or Ed25519: a JWK, or base64url of the JWK, of the point or of the key",
        ));
    };
    let line = |field: &'static str, otherwise: &str| {
        let cell = table.cell(row, field);
        let text = if cell.is_empty() { otherwise } else { cell };
        domain::text::plain_line(text, LONGEST).map_err(|_| bad(field, "is not 1 to 60 plain characters"))
    };
    let (name, platform) = (line("name", "Phone")?, line("platform", "App")?);
    let thumbprint = key.key().thumbprint.clone();
    Ok(Key { owner, line: row.line, thumbprint, jwk, name, platform })
}

/// The JWK that a cell means.
fn jwk(cell: &str) -> Option<String> {
    if cell.starts_with('{') {
        return Some(cell.to_owned());
    }
    let bytes = URL_SAFE_NO_PAD.decode(cell.trim_end_matches('=')).ok()?;
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match (bytes.len(), bytes.first()) {
        (65, Some(4)) => {
            let (x, y) = (text(bytes.get(1..33)?), text(bytes.get(33..)?));
            Some(format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#))
        }
        (32, _) => Some(format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, text(&bytes))),
        (_, Some(b'{')) => String::from_utf8(bytes).ok(),
        _ => None,
    }
}
