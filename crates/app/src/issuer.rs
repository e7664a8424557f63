//! Our name on the web.
//!
//! Owns: the issuer identifier (OpenID Connect Discovery §2) and the addresses made from it.

use std::net::IpAddr;
use std::sync::Arc;

use url::{Host, Url};

/// The issuer identifier: a scheme, a host, perhaps a port and a path, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(Arc<Parsed>);

#[derive(Debug, PartialEq, Eq)]
struct Parsed {
    text: String,
    origin: String,
    host: String,
    path: String,
    is_https: bool,
    is_loopback: bool,
}

/// The text is no issuer identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadIssuer {
    /// Not an absolute URL with a host.
    #[error("is no absolute http or https URL")]
    NotAUrl,
    /// Query, fragment, user name or password (OpenID Connect Discovery §2).
    #[error("must not have a query, a fragment, a user name or a password")]
    Extras,
}

impl Issuer {
    /// Reads it. A slash at the end is taken off; the scheme may be http, which only a switch of the
    /// configuration or a loopback host makes acceptable (SEC-194).
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn parse(text: &str) -> Result<Self, BadIssuer> {
        let url = Url::parse(text.trim()).map_err(|_| BadIssuer::NotAUrl)?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(BadIssuer::NotAUrl);
        }
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
            None => return Err(BadIssuer::NotAUrl),
        };
        let has_user = !url.username().is_empty() || url.password().is_some();
        if has_user || url.query().is_some() || url.fragment().is_some() {
            return Err(BadIssuer::Extras);
        }
        let origin = url.origin().ascii_serialization();
        let path = url.path().trim_end_matches('/').to_owned();
        Ok(Self(Arc::new(Parsed {
            text: format!("{origin}{path}"),
            origin,
            host: url.host_str().unwrap_or_default().to_owned(),
            path,
            is_https: url.scheme() == "https",
            is_loopback,
        })))
    }

    /// The identifier, as in `iss`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The address of a path (which begins with a slash) under it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0.text)
    }

    /// Scheme, host and port, as in the header `Origin`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.0.origin
    }

    /// The host without port; IPv6 in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// Its path: empty, or beginning with a slash.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// Whether the scheme is https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.is_https
    }

    /// Whether the host is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.0.is_loopback
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_taken_apart() {
        let issuer = Issuer::parse("https://ID.example:8443/tenant/").unwrap();
        assert_eq!(issuer.as_str(), "https://id.example:8443/tenant");
        assert_eq!(issuer.url("/token"), "https://id.example:8443/tenant/token");
        assert_eq!(issuer.origin(), "https://id.example:8443");
        assert_eq!((issuer.host(), issuer.path()), ("id.example", "/tenant"));
        assert!(issuer.is_https() && !issuer.is_loopback());
        assert_eq!(Issuer::parse("https://id.example/").unwrap().as_str(), "https://id.example");
        assert_eq!(Issuer::parse("https://id.example:443").unwrap().as_str(), "https://id.example");
    }

    #[test]
    fn loopback_is_told() {
        for here in ["http://localhost:8400", "http://127.0.0.1", "http://[::1]:1", "http://a.localhost"] {
            assert!(Issuer::parse(here).unwrap().is_loopback(), "{here}");
        }
        for away in ["http://localhost.example", "http://10.0.0.1", "http://127.0.0.1.example"] {
            assert!(!Issuer::parse(away).unwrap().is_loopback(), "{away}");
        }
    }

    #[test]
    fn what_is_no_issuer_is_refused() {
        for bad in ["", "id.example", "ftp://id.example", "https://", "mailto:a@b"] {
            assert_eq!(Issuer::parse(bad), Err(BadIssuer::NotAUrl), "{bad}");
        }
        for bad in
            ["https://a.example?x", "https://a.example#x", "https://u@a.example", "https://u:p@a.example"]
        {
            assert_eq!(Issuer::parse(bad), Err(BadIssuer::Extras), "{bad}");
        }
    }
}
