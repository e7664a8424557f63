//! The one guarded HTTP client: everything that the server fetches or sends by itself goes through here (SEC-130).
//! Beside it, mail over SMTP to the one server that the configuration names ([`mail`]).
//!
//! Owns: which addresses may be called ([`rules`]), connecting to exactly the addresses that were looked at, and the
//! limits of time and size. Not here: what is fetched, and when (`provider`).
//!
//! https always, also for what is allowed by configuration: whoever tests on loopback brings an authority of their
//! own. No redirects, no proxies, no cookies, no credentials, no compression. The authorities are those of Mozilla
//! and the configured ones, the same on every machine.

mod lookup;
pub mod mail;
pub mod rules;

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use outbound::{Fetched, MAX_BYTES, MAX_TIME, Outbound, OutboundError};
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use url::Url;

pub use lookup::{Lookup, SystemLookup};
pub use rules::{Allowed, Network, Rules};

use lookup::{Guard, NotAllowed};

/// Requests under way at once: in all, and to one host. More are refused: whoever makes us call slow hosts must not
/// keep us from calling others.
const MOST: usize = 256;
const MOST_PER_HOST: usize = 32;
/// A connection is kept for the next request so long.
const KEPT: Duration = Duration::from_secs(15);
/// Of an answer that nobody needs, so much is read: then its connection can be used again.
const DRAINED: usize = 4 * 1024;
const AGENT: &str = concat!("Latchbolt/", env!("CARGO_PKG_VERSION"));

/// How the client is set up.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Further certification authorities.
    pub extra_ca: Vec<CertificateDer<'static>>,
    /// What may be called although it is not public.
    pub allow: Vec<Allowed>,
}

/// The client cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum BadSettings {
    /// A configured authority is none.
    #[error("a certification authority cannot be used: {0}")]
    Authority(rustls::Error),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
    /// The client cannot be made.
    #[error("the HTTP client cannot be made: {0}")]
    Client(reqwest::Error),
}

/// The guarded client.
pub struct Net {
    rules: Arc<Rules>,
    /// For hosts of the world: their names lead to public or allowed networks, or nowhere.
    guarded: Client,
    /// For hosts that are allowed by name and port, wherever they are.
    named: Client,
    under_way: Mutex<HashMap<String, usize>>,
}

impl Net {
    /// With the names of the system.
    ///
    /// # Errors
    /// See [`BadSettings`].
    pub fn new(settings: Settings) -> Result<Self, BadSettings> {
        Self::with_lookup(settings, &(Arc::new(SystemLookup) as Arc<dyn Lookup>))
    }

    /// With names of the caller's: for tests.
    ///
    /// # Errors
    /// See [`BadSettings`].
    pub fn with_lookup(settings: Settings, lookup: &Arc<dyn Lookup>) -> Result<Self, BadSettings> {
        let tls = tls(settings.extra_ca)?;
        let rules = Arc::new(Rules::new(settings.allow));
        let client = |rules: Option<Arc<Rules>>| {
            Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .dns_resolver(Guard { lookup: Arc::clone(lookup), rules })
                .https_only(true)
                .redirect(Policy::none())
                .referer(false)
                .no_proxy()
                .http1_only()
                .timeout(MAX_TIME)
                .connect_timeout(MAX_TIME)
                .pool_idle_timeout(KEPT)
                .pool_max_idle_per_host(MOST_PER_HOST)
                .user_agent(AGENT)
                .build()
                .map_err(BadSettings::Client)
        };
        Ok(Self {
            guarded: client(Some(Arc::clone(&rules)))?,
            named: client(None)?,
            rules,
            under_way: Mutex::default(),
        })
    }

    async fn send(&self, url: &Url, asked: Asked<'_>) -> Result<Fetched, OutboundError> {
        let client = match self.rules.check(url).map_err(|why| OutboundError::Refused(why.to_string()))? {
            rules::Verdict::Guarded => &self.guarded,
            rules::Verdict::Named => &self.named,
        };
        let _turn = self.turn(url)?;
        let talk = async {
            let request = match asked {
                Asked::Get { accept, .. } => client.request(Method::GET, url.clone()).header(ACCEPT, accept),
                Asked::Post { body } => client
                    .request(Method::POST, url.clone())
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(body.to_owned()),
            };
            let mut answer = request.send().await.map_err(unreachable)?;
            let status = answer.status();
            if !status.is_success() {
                return Err(OutboundError::Status(status.as_u16()));
            }
            match asked {
                Asked::Get { max_bytes, .. } => read(answer, max_bytes.min(MAX_BYTES)).await,
                Asked::Post { .. } => {
                    let mut rest = DRAINED;
                    while rest > 0
                        && let Ok(Some(chunk)) = answer.chunk().await
                    {
                        rest = rest.saturating_sub(chunk.len());
                    }
                    Ok(Fetched::default())
                }
            }
        };
        // Names are looked up in it too.
        match tokio::time::timeout(MAX_TIME, talk).await {
            Ok(answered) => answered,
            Err(_) => Err(OutboundError::Unreachable("it took too long".to_owned())),
        }
    }

    fn turn(&self, url: &Url) -> Result<Turn<'_>, OutboundError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = under_way.values().sum();
        let here = under_way.get(&host).copied().unwrap_or_default();
        if all >= MOST || here >= MOST_PER_HOST {
            return Err(OutboundError::Unreachable("too many requests are under way".to_owned()));
        }
        under_way.insert(host.clone(), here + 1);
        Ok(Turn { net: self, host })
    }
}

#[derive(Clone, Copy)]
enum Asked<'a> {
    Get { accept: &'a str, max_bytes: usize },
    Post { body: &'a str },
}

/// One request's place among those under way.
struct Turn<'n> {
    net: &'n Net,
    host: String,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut under_way = self.net.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = under_way.get_mut(&self.host) {
            *here -= 1;
            if *here == 0 {
                under_way.remove(&self.host);
            }
        }
    }
}

#[async_trait]
impl Outbound for Net {
    async fn get(&self, url: &Url, accept: &str, max_bytes: usize) -> Result<Fetched, OutboundError> {
        self.send(url, Asked::Get { accept, max_bytes }).await
    }

    async fn post_form(&self, url: &Url, form: &[(&str, &str)]) -> Result<(), OutboundError> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send(url, Asked::Post { body: &body }).await.map(drop)
    }
}

impl std::fmt::Debug for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Net({:?})", self.rules)
    }
}

/// TLS 1.3 and 1.2.
fn tls(extra: Vec<CertificateDer<'static>>) -> Result<ClientConfig, BadSettings> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for authority in extra {
        roots.add(authority).map_err(BadSettings::Authority)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(builder.map_err(BadSettings::Tls)?.with_root_certificates(roots).with_no_client_auth())
}

async fn read(mut answer: Response, max_bytes: usize) -> Result<Fetched, OutboundError> {
    if answer.content_length().is_some_and(|length| length > max_bytes as u64) {
        return Err(OutboundError::TooLong);
    }
    let content_type = essence(answer.headers());
    let max_age = max_age(answer.headers());
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > max_bytes {
            return Err(OutboundError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Fetched { content_type, max_age, body: body.freeze() })
}

fn essence(headers: &HeaderMap) -> String {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// RFC 9111 §5.2.2: `no-store` and `no-cache` are stronger than any age.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let mut age = None;
    let lines = headers.get_all(CACHE_CONTROL).into_iter().filter_map(|value| value.to_str().ok());
    for directive in lines.flat_map(|line| line.split(',')).map(|one| one.trim().to_ascii_lowercase()) {
        if directive == "no-store" || directive == "no-cache" {
            return Some(Duration::ZERO);
        }
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            age = seconds.trim_matches('"').parse().ok().map(Duration::from_secs);
        }
    }
    age
}

/// The cause for our log, without the address, which may hold something that is not for logs.
fn unreachable(error: reqwest::Error) -> OutboundError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(refused) = cause.downcast_ref::<NotAllowed>() {
            return OutboundError::Refused(refused.to_string());
        }
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    OutboundError::Unreachable(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CACHE_CONTROL, reqwest::header::HeaderValue::from_static(line));
        }
        headers
    }

    #[test]
    fn an_age_is_read_where_it_is_said() {
        let seconds = |lines: &[&'static str]| max_age(&headers(lines)).map(|age| age.as_secs());
        assert_eq!(seconds(&["public, max-age=60"]), Some(60));
        assert_eq!(seconds(&["Max-Age=\"7\""]), Some(7));
        assert_eq!(seconds(&["max-age=60, no-store"]), Some(0));
        assert_eq!(seconds(&["max-age=60", "no-cache"]), Some(0));
        assert_eq!(seconds(&["public"]), None);
        assert_eq!(seconds(&["max-age=-1"]), None);
        assert_eq!(seconds(&[]), None);
    }

    #[test]
    fn a_media_type_is_its_essence() {
        let mut headers = HeaderMap::new();
        assert_eq!(essence(&headers), "");
        headers.insert(
            CONTENT_TYPE,
            reqwest::header::HeaderValue::from_static("Application/JSON; charset=utf-8"),
        );
        assert_eq!(essence(&headers), "application/json");
    }
}
