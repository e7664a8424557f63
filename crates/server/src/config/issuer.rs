//! `[issuer]`: the one public address, fixed here and never taken from a request (SEC-111, SEC-136).

use url::{Host, Url};

use super::section::section;
use super::source::Fault;

section! {
    /// The one public address of this provider. Every link, cookie and token is made for it; the Host
    /// header of a request changes nothing.
    "issuer" {
        /// The address as browsers and relying parties see it, without a slash at the end. Plain http is
        /// taken for this computer only (localhost).
        url: String = "http://localhost:8400".to_owned();
    }
}

impl Given {
    /// What it means.
    ///
    /// # Errors
    /// An address that cannot be an issuer (OpenID Connect Discovery §3): with query or fragment, with
    /// user information, plain http away from loopback (SEC-194, SEC-196).
    pub fn resolve(&self) -> Result<String, Fault> {
        let fault = |what: &str| Fault::new("url", what);
        let text = self.url.as_str();
        let url = Url::parse(text)
            .map_err(|_| fault("This is not an address; write it as \"https://login.example.org\"."))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(fault("The issuer begins with https://."));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(fault("The issuer has neither a query (?) nor a fragment (#); take them away."));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(fault("The issuer has no user name or password in it; take them away."));
        }
        if text.ends_with('/') {
            return Err(fault("The issuer has no slash at its end; take it away."));
        }
        if url.path() != "/" {
            return Err(fault(
                "The issuer has no path: cookies and passkeys belong to a whole host. Give Latchbolt a host name of its own.",
            ));
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(fault(
                "Plain http is for this computer only (http://localhost:…). Take an https:// address and set [tls], or let a proxy do the TLS.",
            ));
        }
        // One spelling: what relying parties compare is the text.
        if url.as_str().trim_end_matches('/') != text {
            return Err(fault(
                "Write the issuer in its plain form: lower case, no default port, no dots or escapes that mean nothing.",
            ));
        }
        Ok(self.url.clone())
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_196_an_issuer_that_cannot_be_one_is_refused_with_a_sentence() {
        for (bad, word) in [
            ("http://login.example.org", "https"),
            ("https://login.example.org/", "slash"),
            ("https://login.example.org?x=1", "query"),
            ("https://login.example.org#x", "fragment"),
            ("https://ada:pw@login.example.org", "user name"),
            ("https://login.example.org/realms/one", "path"),
            ("https://LOGIN.example.org", "plain form"),
            ("https://login.example.org:443", "plain form"),
            ("ftp://login.example.org", "https"),
            ("login.example.org", "not an address"),
            ("", "not an address"),
        ] {
            let fault = Given { url: bad.to_owned() }.resolve().unwrap_err();
            assert!(fault.what.contains(word), "{bad}: {}", fault.what);
        }
    }

    #[test]
    fn sec_194_plain_http_is_for_loopback_only() {
        for good in [
            "http://localhost:8400",
            "http://127.0.0.1:8400",
            "http://[::1]:8400",
            "https://login.example.org:8443",
        ] {
            assert!(Given { url: good.to_owned() }.resolve().is_ok(), "{good}");
        }
        for bad in ["http://10.0.0.1:8400", "http://localhost.example.org", "http://127.0.0.1.example.org"] {
            assert!(Given { url: bad.to_owned() }.resolve().is_err(), "{bad}");
        }
    }
}
