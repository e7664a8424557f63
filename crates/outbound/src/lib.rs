//! The port to the outside: requests that the server makes itself.
//!
//! Owns: what can be asked for, the limits that always hold, and the one error type, which tells its reader nothing
//! about the network inside. Not here: HTTP (`outbound-net`), what is fetched for (`provider`).
//!
//! Every implementation holds SEC-130: https only, public addresses only (looked at again when connecting), no
//! redirects, at most 5 seconds, at most the asked-for bytes and never more than 64 kB, never credentials. What is
//! not public can be allowed by configuration.

mod mail;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use url::Url;

pub use mail::{Mail, MailError, Mailer};

/// No answer is longer, whatever is asked for.
pub const MAX_BYTES: usize = 64 * 1024;
/// No request takes longer, from looking up the name to the last byte.
pub const MAX_TIME: Duration = Duration::from_secs(5);

/// What came back, with a 2xx status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    /// The essence of `Content-Type`, in lower case, without parameters; empty when there was none.
    pub content_type: String,
    /// `max-age` of `Cache-Control`; zero for `no-store` and `no-cache`, none where nothing was said.
    pub max_age: Option<Duration>,
    /// The body.
    pub body: Bytes,
}

/// A request was not made or not answered. One word is all that a caller from outside may learn (SEC-130): the
/// cause is for our log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The address may not be called: not https, not public, or outbound requests are off.
    #[error("the address may not be called: {0}")]
    Refused(String),
    /// It could not be reached in time, or the connection failed.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// It answered with another status than 2xx (redirects are not followed).
    #[error("answered with status {0}")]
    Status(u16),
    /// Its answer is longer than asked for.
    #[error("the answer is too long")]
    TooLong,
}

/// The outside.
#[async_trait]
pub trait Outbound: Send + Sync {
    /// Fetches with GET. `accept` is sent as the header of that name; at most `max_bytes` of body are read.
    ///
    /// # Errors
    /// See [`OutboundError`].
    async fn get(&self, url: &Url, accept: &str, max_bytes: usize) -> Result<Fetched, OutboundError>;

    /// Sends a form with POST (`application/x-www-form-urlencoded`); what comes back is not read.
    ///
    /// # Errors
    /// See [`OutboundError`].
    async fn post_form(&self, url: &Url, form: &[(&str, &str)]) -> Result<(), OutboundError>;
}

/// An outside that cannot be reached: for commands that need none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Closed;

#[async_trait]
impl Outbound for Closed {
    async fn get(&self, _: &Url, _: &str, _: usize) -> Result<Fetched, OutboundError> {
        Err(OutboundError::Refused("nothing is called from here".to_owned()))
    }

    async fn post_form(&self, _: &Url, _: &[(&str, &str)]) -> Result<(), OutboundError> {
        Err(OutboundError::Refused("nothing is called from here".to_owned()))
    }
}
