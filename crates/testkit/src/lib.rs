//! The harness of our tests.
//!
//! Owns: the real program with its own database, one node or a cluster ([`Server`]), and those who visit it as
//! types: [`Browser`], [`Phone`] (with [`SoftPasskey`] where a web phone is meant), [`RelyingParty`], and
//! the bare wire ([`wire`]) for strangers; a relying party's own web site over https ([`site`], [`tls`]). The
//! phone's messages are written here a second time, by hand, from their description: a mistake shared by `qr` and
//! `phone-client` would show.
//! Not here: the tests (`tests/`), load (`bench`).
//!
//! A failed expectation of this crate is a failed test, so it panics.
#![expect(clippy::expect_used, clippy::panic, reason = "a failed expectation is a failed test")]

mod administrator;
mod browser;
mod events;
mod ground;
pub mod key;
mod mailbox;
mod maker;
mod node;
mod one_node;
mod page;
mod passkey;
mod phone;
mod picture;
mod program;
mod relying_party;
mod server;
pub mod site;
pub mod tls;
pub mod wire;

pub use administrator::{Administrator, api_request};
pub use browser::{Browser, QrShown};
pub use events::{Events, Told};
pub use ground::PROXY;
pub use key::ClientKey;
pub use mailbox::{Letter, Mailbox, Manner};
pub use maker::Maker;
pub use node::Node;
pub use one_node::ONE_NODE;
pub use page::{Form, Page, press};
pub use passkey::SoftPasskey;
pub use phone::{Claim, DeviceKey, Draft, Kind, Phone, canonical};
pub use picture::picture_of_svg;
pub use program::{Run, free_port, program, run};
pub use relying_party::{RelyingParty, Started, Tokens, basic, verify_by};
pub use server::{Server, Setup};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// SHA-256.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Base64url without padding.
#[must_use]
pub fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of base64url without padding.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn unb64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap_or_else(|why| panic!("no base64url: {text}: {why}"))
}

/// Random bytes of the operating system.
///
/// # Panics
/// When there are none.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes).expect("randomness");
    bytes
}

/// Seconds since 1970.
#[must_use]
pub fn unix_now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
