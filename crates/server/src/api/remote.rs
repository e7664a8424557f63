//! The admin API of a server elsewhere, over HTTPS (or http on this computer).
//!
//! Owns: the HTTP client and its rules (no redirects, no proxy of the environment), the key that is shown, and reading
//! refusals. The key comes from the environment or a file, never from the arguments or the address.

use std::path::Path;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::{Host, Url};
use web::Refused;
use web_admin::api::BASE;

use super::{Asked, Came, JSON, UNREACHABLE};
use crate::failure::Failure;

/// The variable with an API key or an access token.
pub const KEY: &str = "LATCHBOLT_API_KEY";
/// The variable that names a file with it.
pub const KEY_FILE: &str = "LATCHBOLT_API_KEY_FILE";
/// How long the server may take to begin its answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server elsewhere. Cloning is cheap.
#[derive(Clone)]
pub struct Remote {
    base: String,
    key: SecretString,
    client: reqwest::Client,
}

/// RFC 9457 with our members.
#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl Remote {
    /// The server with this address; `authority` is a PEM file with a further certification authority to trust.
    ///
    /// # Errors
    /// The address, the authority or the key cannot be used.
    pub fn new(address: &str, authority: Option<&Path>) -> Result<Self, Failure> {
        Ok(Self {
            base: base(address)?,
            key: key(std::env::var(KEY).ok(), std::env::var_os(KEY_FILE).as_deref().map(Path::new))?,
            client: client(authority)?,
        })
    }

    pub(super) async fn call(self, asked: Asked) -> Result<Came, Box<Refused>> {
        let method = asked.method.as_str().parse().unwrap_or_default();
        let mut request = self
            .client
            .request(method, format!("{}{}", self.base, asked.path))
            .header("accept", JSON)
            .bearer_auth(self.key.expose_secret());
        // As the operator here: what is there is changed, unless the command looked at it.
        match asked.seen {
            Some(seen) => request = request.header("if-match", seen),
            None if [Method::PUT, Method::PATCH, Method::DELETE].contains(&asked.method) => {
                request = request.header("if-match", "*");
            }
            None => {}
        }
        if let Some((kind, bytes)) = asked.body {
            request = request.header("content-type", kind).body(bytes);
        }
        let answer = request.send().await.map_err(|error| unreachable(&error))?;
        let status = StatusCode::from_u16(answer.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
        let etag = answer.headers().get("etag").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let bytes = answer.bytes().await.map_err(|error| unreachable(&error))?.to_vec();
        if status.is_success() { Ok(Came { bytes, etag }) } else { Err(Box::new(refused(status, &bytes))) }
    }
}

fn base(address: &str) -> Result<String, Failure> {
    let bad = |why: &str| Failure::new(format!("--server {why}. Give the issuer's address, https://…"));
    let url = Url::parse(address.trim()).map_err(|_| bad("is no address"))?;
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(bad("holds more than scheme, host and path"));
    }
    let is_near = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if is_near => {}
        _ => return Err(bad("has to be https (http on this computer alone)")),
    }
    Ok(format!("{}{BASE}", url.as_str().trim_end_matches('/')))
}

fn key(given: Option<String>, file: Option<&Path>) -> Result<SecretString, Failure> {
    let text = match (given, file) {
        (Some(text), _) => text,
        (None, Some(file)) => std::fs::read_to_string(file).map_err(|error| {
            Failure::new(format!(
                "Cannot read {}: {error}. Name a readable file in {KEY_FILE}.",
                file.display()
            ))
        })?,
        (None, None) => String::new(),
    };
    let text = text.trim();
    if text.is_empty() || text.len() > 16 * 1024 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::new(format!(
            "--server needs an API key or an access token. Put it into {KEY}, or into a file that {KEY_FILE} names."
        )));
    }
    Ok(SecretString::from(text.to_owned()))
}

fn client(authority: Option<&Path>) -> Result<reqwest::Client, Failure> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(PATIENCE)
        .user_agent(concat!("latchbolt/", env!("CARGO_PKG_VERSION")));
    if let Some(path) = authority {
        let bad = |why: String| {
            Failure::new(format!("Cannot use {}: {why}. Name a PEM file with --server-ca.", path.display()))
        };
        let pem = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
        let roots = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|_| bad("it holds no PEM certificates".to_owned()))?;
        builder = builder.tls_certs_merge(roots);
    }
    builder.build().map_err(|error| Failure::new(format!("Cannot ask a server: {error}. Report it.")))
}

/// Nothing came, or not all of it; without the address, which may hold an id.
fn unreachable(error: &reqwest::Error) -> Box<Refused> {
    use std::error::Error as _;
    let mut why = if error.is_timeout() { "no answer in time" } else { "no connection" }.to_owned();
    let mut cause = error.source();
    while let Some(inner) = cause {
        why = inner.to_string();
        cause = inner.source();
    }
    let detail = format!("The server cannot be asked: {why}. Check --server, and that it runs.");
    Box::new(Refused { status: StatusCode::BAD_GATEWAY, ..Refused::shown(UNREACHABLE, detail) })
}

fn refused(status: StatusCode, bytes: &[u8]) -> Refused {
    let plain = Refused::of_status(status);
    match serde_json::from_slice::<Problem>(bytes) {
        Ok(Problem { code, detail, more }) if !code.is_empty() => Refused {
            code: code.into(),
            detail: domain::text::shown(&detail, 500).into(),
            more: Some(Box::new(more)),
            ..plain
        },
        // No server of ours, or one that something stands before.
        _ => {
            let detail = format!("The server answered {status}. Check --server.");
            Refused { status, ..Refused::shown(UNREACHABLE, detail) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_or_this_computer() {
        assert_eq!(base("https://id.example/").unwrap(), "https://id.example/api/admin/v1");
        assert_eq!(base("http://localhost:8400").unwrap(), "http://localhost:8400/api/admin/v1");
        assert_eq!(base("https://id.example/tenant").unwrap(), "https://id.example/tenant/api/admin/v1");
        for bad in [
            "http://id.example",
            "id.example",
            "https://lbk_x@id.example",
            "https://id.example/?key=lbk_x",
            "ftp://id.example",
            "http://localhost.evil.example",
        ] {
            let told = base(bad).unwrap_err().to_string();
            assert!(!told.contains("lbk_x"), "{told}");
        }
    }

    #[test]
    fn the_key_is_one_word_of_the_environment_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "lbk_file\n").unwrap();
        let shown = |given: Option<&str>, file| {
            key(given.map(str::to_owned), file).map(|key| key.expose_secret().to_owned())
        };
        assert_eq!(shown(None, Some(&file)).unwrap(), "lbk_file");
        assert_eq!(shown(Some("lbk_env"), Some(&file)).unwrap(), "lbk_env");
        assert!(shown(None, None).is_err());
        assert!(shown(Some("two words"), None).is_err());
        assert!(shown(None, Some(&folder.path().join("none"))).is_err());
    }

    #[test]
    fn refusals_are_read() {
        let status = StatusCode::BAD_REQUEST;
        let body = br#"{"code":"invalid_request","detail":"is too long","field":"name","status":400}"#;
        let one = refused(status, body);
        assert_eq!((&*one.code, &*one.detail), ("invalid_request", "is too long"));
        assert_eq!(one.more.unwrap()["field"], "name");
        assert_eq!(&*refused(StatusCode::BAD_GATEWAY, b"<html>").code, UNREACHABLE);
    }
}
