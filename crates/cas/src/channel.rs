//! The names of the QR mode: channels, devices, and what the browser's page is told (§1, §4, §8).
//!
//! Owns: their form. Not here: a channel's record and its states (`signin::cas_phone`), devices
//! (`registry`).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Secret;

/// Header and parameter name of the device id.
pub const DEVICE_HEADER: &str = "QR_AUTHENTICATION_DEVICE_ID";
/// Header name of the channel.
pub const CHANNEL_HEADER: &str = "QR_AUTHENTICATION_CHANNEL_ID";
/// What the phone sends to.
pub const ACCEPT: &str = "/qr/accept";
/// The error that the browser is told, and the key of its text.
pub const ERROR: &str = "cas.authn.qr.fail";
const TOPIC_START: &str = "/qrtopic/";
const TOPIC_END: &str = "/verify";

/// One rendering of the login page: a UUID v4 in lower case. It stands in the QR and is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelName(String);

impl ChannelName {
    /// From fresh random bytes.
    #[must_use]
    pub fn from_random(mut random: [u8; 16]) -> Self {
        random[6] = random[6] & 0x0f | 0x40;
        random[8] = random[8] & 0x3f | 0x80;
        let mut text = String::with_capacity(36);
        for (at, byte) in random.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            for half in [byte >> 4, byte & 15] {
                text.push(char::from(b"0123456789abcdef"[usize::from(half)]));
            }
        }
        Self(text)
    }

    /// Reads exactly its one spelling (§4).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |(at, byte): (usize, u8)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            14 => byte == b'4',
            19 => matches!(byte, b'8' | b'9' | b'a' | b'b'),
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        };
        (text.len() == 36 && text.bytes().enumerate().all(fits)).then(|| Self(text.to_owned()))
    }

    /// The channel whose result topic this is: exactly `/qrtopic/<channel>/verify`, no pattern (C-3).
    #[must_use]
    pub fn of_topic(destination: &str) -> Option<Self> {
        Self::parse(destination.strip_prefix(TOPIC_START)?.strip_suffix(TOPIC_END)?)
    }

    /// The topic on which the browser waits.
    #[must_use]
    pub fn topic(&self) -> String {
        format!("{TOPIC_START}{}{TOPIC_END}", self.0)
    }

    /// The text of the QR.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl Serialize for ChannelName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for ChannelName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a channel"))
    }
}

/// What a phone app calls itself: 1 to 128 characters of `[A-Za-z0-9._:@-]`, compared without case and kept in
/// lower case (C-10). It proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceName(String);

impl DeviceName {
    /// Reads a name and lowers it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'@' | b'-');
        ((1..=128).contains(&text.len()) && text.bytes().all(fits)).then(|| Self(text.to_ascii_lowercase()))
    }

    /// The name in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl Serialize for DeviceName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for DeviceName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a device name"))
    }
}

/// What the browser's page is told on its topic (§8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A phone approved.
    Success {
        /// The fresh code that this browser may redeem once: never the phone's token (C-5).
        handle: Secret,
        /// The device that approved.
        device: DeviceName,
    },
    /// An approval failed.
    Failure,
}

impl Told {
    /// The message's body, to the letter: `success` is the text `true`.
    #[must_use]
    pub fn json(&self) -> String {
        match self {
            Self::Success { handle, device } => format!(
                r#"{{"success":"true","token":{},"deviceId":{}}}"#,
                serde_json::Value::from(handle.expose()),
                serde_json::Value::from(device.as_str())
            ),
            Self::Failure => format!(r#"{{"error":"{ERROR}"}}"#),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHANNEL: &str = "5b6f0c0e-5a9e-4d5b-9d0a-0a8f3a1f7c11";

    proptest! {
        #[test]
        fn a_channel_is_a_uuid_v4_and_survives_its_text_and_topic(random: [u8; 16]) {
            let channel = ChannelName::from_random(random);
            prop_assert_eq!(ChannelName::parse(channel.as_str()), Some(channel.clone()));
            prop_assert_eq!(ChannelName::of_topic(&channel.topic()), Some(channel));
        }

        #[test]
        fn sec_067_no_other_text_is_a_topic(text in "/qrtopic/[-0-9a-f*?{}/]{0,40}(/verify)?") {
            if let Some(channel) = ChannelName::of_topic(&text) {
                prop_assert_eq!(channel.topic(), text);
            }
        }
    }

    #[test]
    fn sec_067_patterns_and_other_spellings_are_no_channel() {
        let upper = CHANNEL.to_uppercase();
        for bad in [
            "",
            "*",
            "**",
            &upper,
            &CHANNEL[1..],
            &CHANNEL.replace("-4", "-1"),
            &CHANNEL.replace("-9d", "-cd"),
            &format!("{CHANNEL} "),
        ] {
            assert_eq!(ChannelName::parse(bad), None, "{bad}");
        }
        for bad in [
            "/qrtopic/**",
            "/qrtopic/*/verify",
            "/qrtopic//verify",
            "/qrtopic/verify",
            &format!("/topic/{CHANNEL}/verify"),
            &format!("/qrtopic/{CHANNEL}"),
            &format!("/qrtopic/{CHANNEL}/verify/"),
        ] {
            assert_eq!(ChannelName::of_topic(bad), None, "{bad}");
        }
        assert_eq!(ChannelName::of_topic(&format!("/qrtopic/{CHANNEL}/verify")).unwrap().as_str(), CHANNEL);
    }

    #[test]
    fn a_device_is_known_without_regard_to_case() {
        assert_eq!(DeviceName::parse("MyPhone"), DeviceName::parse("myphone"));
        assert_eq!(DeviceName::parse("a.b_c:d@e-F").unwrap().as_str(), "a.b_c:d@e-f");
        for bad in ["", " ", "my phone", "phöne", "a\nb", "a\"b", &"x".repeat(129)] {
            assert_eq!(DeviceName::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_browser_is_told_in_the_letters_of_cas() {
        let device = DeviceName::parse("MyPhone").unwrap();
        let told = Told::Success { handle: Secret::new("abc"), device };
        assert_eq!(told.json(), r#"{"success":"true","token":"abc","deviceId":"myphone"}"#);
        assert_eq!(Told::Failure.json(), r#"{"error":"cas.authn.qr.fail"}"#);
        assert!(!format!("{told:?}").contains("abc"));
    }
}
