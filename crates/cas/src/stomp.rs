//! STOMP 1.0, 1.1 and 1.2 on the QR socket (§7).
//!
//! Owns: frames from bytes ([`Decoder`]), frames to text ([`encode`]), and what one connection may say and is told
//! ([`Session`]). Not here: sockets (`web-cas`), SockJS framing ([`crate::sockjs`]), whose a channel is and what an
//! approval leads to (`signin::cas_phone`).

mod decoder;
mod encoder;
mod session;

use std::fmt;

pub use decoder::{BadFrame, Decoder};
pub use encoder::encode;
pub use session::{Approval, Close, Ignored, Out, Session};

/// Largest frame in bytes, headers and all.
pub const MAX_FRAME: usize = 8 * 1024;
/// Seconds within which the first frame must come (§7.1).
pub const CONNECT_WITHIN_SECONDS: u64 = 60;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 1.0: headers are taken as they stand.
    V10,
    /// 1.1: `\n`, `\c` and `\\` in headers.
    V11,
    /// 1.2: `\r` too.
    V12,
}

impl Version {
    /// All of them, the newest first.
    pub const ALL: [Self; 3] = [Self::V12, Self::V11, Self::V10];

    /// As in `accept-version`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V10 => "1.0",
            Self::V11 => "1.1",
            Self::V12 => "1.2",
        }
    }

    /// The WebSocket subprotocol (§6.4).
    #[must_use]
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Self::V10 => "v10.stomp",
            Self::V11 => "v11.stomp",
            Self::V12 => "v12.stomp",
        }
    }

    /// The newest of an `accept-version` header; without one it is 1.0. `None`: none of them is known.
    #[must_use]
    pub fn negotiate(accepted: Option<&str>) -> Option<Self> {
        let Some(accepted) = accepted else { return Some(Self::V10) };
        Self::ALL.into_iter().find(|known| accepted.split(',').any(|word| word.trim() == known.as_str()))
    }
}

/// A frame as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// `SEND`, `SUBSCRIBE` …
    pub command: String,
    /// In order of arrival.
    pub headers: Vec<(String, String)>,
    /// May hold a token: not printed.
    pub body: Vec<u8>,
}

impl Frame {
    /// A header's value; of a repeated one the first counts.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Frame")
            .field("command", &self.command)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_common_version_is_chosen() {
        for (accepted, version) in [
            (Some("1.2,1.1,1.0"), Some(Version::V12)),
            (Some("1.1,1.0"), Some(Version::V11)),
            (Some("1.0, 1.1"), Some(Version::V11)),
            (Some("1.0"), Some(Version::V10)),
            (Some("2.0,1.3"), None),
            (Some(""), None),
            (None, Some(Version::V10)),
        ] {
            assert_eq!(Version::negotiate(accepted), version, "{accepted:?}");
        }
    }
}
