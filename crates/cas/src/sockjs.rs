//! SockJS at `/qr-websocket` (§6): its paths, its frames, its pages, and the rules of its sessions.
//!
//! Not here: sockets and answers (`web-cas`), what the strings in the frames mean ([`crate::stomp`]). A session's
//! id authorises nothing.

mod frame;
mod pages;
mod route;
mod session;

pub use frame::{BadPayload, Frame, payload, websocket_payload};
pub use pages::{GREETING, IframePage, Info, NO_CALLBACK, htmlfile_head, is_callback};
pub use route::{Route, Transport};
pub use session::{Attached, Session};

/// Seconds without other traffic after which a heart-beat is sent.
pub const HEART_BEAT_SECONDS: u64 = 25;
/// Seconds without a receiver after which a session is forgotten.
pub const FORGOTTEN_AFTER_SECONDS: i64 = 5;
/// Most messages that wait for a receiver.
pub const MAX_PENDING: usize = 100;
/// Bytes after which a streaming answer ends.
pub const MAX_STREAMED: usize = 128 * 1024;
