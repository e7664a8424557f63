//! The sign-in service as a phone sees it: one issuer, reached over HTTPS (or http on this computer).
//!
//! Owns: the HTTP client and its rules (no redirects, no proxy of the environment, bounded answers), and
//! the clock. Not here: what is said (`phone`).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::error::{PhoneError, Result, refusal};
use crate::link::issuer_of;

/// Largest answer that is read, in bytes.
const MAX_ANSWER: usize = 256 * 1024;

/// Where the API lives under the issuer.
pub(crate) const API: &str = "/api/phone/v1";

/// Tells the time in seconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How to reach a service beyond its address.
#[derive(Clone)]
pub struct Options {
    /// Certificates to trust besides the public ones: PEM, one or several.
    pub extra_ca: Option<Vec<u8>>,
    /// Connect here instead of where the name leads (a test server, a tunnel). TLS still checks the name.
    pub connect_to: Option<SocketAddr>,
    /// How long one request may take.
    pub timeout: Duration,
    /// The time that is signed.
    pub clock: Clock,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("extra_ca", &self.extra_ca.is_some())
            .field("connect_to", &self.connect_to)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            extra_ca: None,
            connect_to: None,
            timeout: Duration::from_secs(20),
            clock: Arc::new(|| {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
            }),
        }
    }
}

/// One sign-in service. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Service {
    issuer: Arc<str>,
    client: reqwest::Client,
    clock: Clock,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Service({})", self.issuer)
    }
}

/// An answer as it came: for callers (and tests) that want to look themselves.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The header of that name, in seconds.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

impl Service {
    /// The service at this address, with default options.
    ///
    /// # Errors
    /// The address is neither https nor http on this computer.
    pub fn at(base_url: &str) -> Result<Self> {
        Self::with(base_url, Options::default())
    }

    /// The service at this address.
    ///
    /// # Errors
    /// The address is neither https nor http on this computer; the extra certificates are unusable.
    pub fn with(base_url: &str, options: Options) -> Result<Self> {
        // Only the first call in a process installs it; a provider that is there already is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let bad = |why| PhoneError::BadAddress(base_url.to_owned(), why);
        let url = Url::parse(base_url.trim()).map_err(|_| bad("it is no address"))?;
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            return Err(bad("it holds more than scheme, host and path"));
        }
        let issuer = issuer_of(&url).ok_or_else(|| bad("it must be https (http only on this computer)"))?;
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(options.timeout)
            .user_agent(concat!("latchbolt-phone/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = &options.extra_ca {
            let roots = reqwest::Certificate::from_pem_bundle(pem)
                .map_err(|_| bad("the extra certificates are no PEM certificates"))?;
            builder = builder.tls_certs_merge(roots);
        }
        if let (Some(address), Some(host)) = (options.connect_to, url.host_str()) {
            builder = builder.resolve(host, address);
        }
        let client = builder.build().map_err(|error| PhoneError::Unreachable(sentence(&error)))?;
        Ok(Self { issuer: issuer.into(), client, clock: options.clock })
    }

    /// The issuer: its address without a trailing slash.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        (self.clock)()
    }

    /// Posts JSON to a path below `/api/phone/v1` and answers what came.
    ///
    /// # Errors
    /// Nothing came, or more than 256 kB.
    pub async fn send(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Result<Answer> {
        let mut request = self
            .client
            .post(format!("{}{API}{path}", self.issuer))
            .header("content-type", "application/json")
            .header("accept", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let unreachable = |error: reqwest::Error| PhoneError::Unreachable(sentence(&error));
        let mut response = request.body(body).send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.parse().ok());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(PhoneError::Nonsense("it is too long".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, retry_after, body })
    }

    /// Posts JSON and reads a JSON answer.
    pub(crate) async fn ask<Q: Serialize, A: DeserializeOwned>(&self, path: &str, question: &Q) -> Result<A> {
        let body = to_json(question)?;
        self.send(path, &[], body).await?.read()
    }

    /// Posts JSON and only looks whether it was accepted.
    pub(crate) async fn tell<Q: Serialize>(&self, path: &str, question: &Q) -> Result<()> {
        let body = to_json(question)?;
        self.send(path, &[], body).await?.accepted().map(|_| ())
    }
}

pub(crate) fn to_json<Q: Serialize>(question: &Q) -> Result<Vec<u8>> {
    serde_json::to_vec(question).map_err(|error| PhoneError::Nonsense(error.to_string()))
}

impl Answer {
    /// Itself, if the service accepted; else the refusal in words.
    ///
    /// # Errors
    /// The service refused.
    pub fn accepted(self) -> Result<Self> {
        if (200..300).contains(&self.status) {
            Ok(self)
        } else {
            Err(refusal(self.status, self.retry_after, &self.body))
        }
    }

    /// Its JSON, if the service accepted.
    ///
    /// # Errors
    /// The service refused, or its answer is not of the expected form.
    pub fn read<A: DeserializeOwned>(self) -> Result<A> {
        let accepted = self.accepted()?;
        serde_json::from_slice(&accepted.body).map_err(|error| PhoneError::Nonsense(error.to_string()))
    }
}

/// An error with its causes in one sentence, without the address (it may hold a claim handle).
fn sentence(error: &reqwest::Error) -> String {
    use std::error::Error as _;
    let mut text = if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        "no connection".to_owned()
    } else {
        "the request failed".to_owned()
    };
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_or_this_computer() {
        for good in
            ["https://id.example", "https://id.example/", "http://localhost:8400", "http://127.0.0.1:1/"]
        {
            let service = Service::at(good).unwrap();
            assert!(!service.issuer().ends_with('/'), "{good}");
        }
        for bad in [
            "http://id.example",
            "http://localhost.evil.test",
            "ftp://id.example",
            "id.example",
            "https://u@id.example",
            "https://id.example/?a",
            "https://id.example/#a",
        ] {
            assert!(matches!(Service::at(bad), Err(PhoneError::BadAddress(..))), "{bad}");
        }
    }

    #[test]
    fn an_answer_is_read_or_refused() {
        let answer =
            |status, body: &str| Answer { status, retry_after: None, body: body.as_bytes().to_vec() };
        assert_eq!(answer(200, "[1]").read::<Vec<u8>>().unwrap(), [1]);
        assert!(matches!(answer(200, "x").read::<Vec<u8>>(), Err(PhoneError::Nonsense(_))));
        assert!(matches!(answer(400, "{}").read::<Vec<u8>>(), Err(PhoneError::Refused { status: 400, .. })));
        assert!(matches!(answer(302, "").read::<Vec<u8>>(), Err(PhoneError::Refused { status: 302, .. })));
    }
}
