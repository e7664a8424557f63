//! The map of QR devices (§10.1): one flat object, *device id → user id*.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{NotRead, hjson};
use crate::DeviceName;

/// What the map holds, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Devices {
    /// Devices and the names of their users as CAS knew them.
    pub entries: Vec<(DeviceName, String)>,
    /// What cannot be taken over.
    pub refused: Vec<RefusedDevice>,
}

/// An entry that cannot be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedDevice {
    /// The device as written.
    pub device: String,
    /// Why.
    pub why: &'static str,
}

/// Reads the map, JSON or Hjson.
///
/// # Errors
/// It is no object.
pub fn devices(text: &str) -> Result<Devices, NotRead> {
    let Value::Object(members) = hjson::read(text)? else {
        return Err(NotRead { line: 1, why: "is not one object of device ids and users" });
    };
    let mut all = Devices::default();
    let mut known = BTreeSet::new();
    for (device, user) in members {
        if device == "@class" {
            continue;
        }
        let name = DeviceName::parse(&device);
        let user = match user {
            Value::String(user) if !user.trim().is_empty() => Some(user.trim().to_owned()),
            _ => None,
        };
        let why = match (name, user) {
            (None, _) => "the device id is not 1 to 128 characters of A-Z a-z 0-9 . _ : @ -",
            (_, None) => "the user is missing or no text",
            (Some(name), Some(user)) => {
                if known.insert(name.clone()) {
                    all.entries.push((name, user));
                    continue;
                }
                "the device id stands there twice, but for upper and lower case"
            }
        };
        all.refused.push(RefusedDevice { device, why });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_and_the_others_said() {
        let text = r#"{ "@class": "java.util.HashMap", "MyPhone": "ada", "myphone": "eve", "bad id": "bob", "p2": 5, "p3": " ", p4: bob
        }"#;
        let read = devices(text).unwrap();
        let entries: Vec<_> =
            read.entries.iter().map(|(name, user)| (name.as_str(), user.as_str())).collect();
        // Which of two spellings stands first depends on the reader's map; one of them is taken, one refused.
        assert_eq!(entries.len(), 2);
        assert!(entries.contains(&("p4", "bob")));
        assert_eq!(read.refused.len(), 4);
        assert!(devices("[]").is_err() && devices("{").is_err());
        assert_eq!(devices(""), Ok(Devices::default()));
    }
}
