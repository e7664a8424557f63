//! Which addresses may be registered (SEC-100, SEC-101).
//!
//! Owns: the rules for redirect, logout and https addresses, and their hosts and origins. Not here: comparing
//! them with those of requests (`authorize`), calling them (`provider`).

use url::{Host, Url};

const LONGEST: usize = 2000;

/// Whether browsers may be sent there: https; http to the machine itself; for native apps also a private scheme
/// that is a reversed domain name (RFC 8252 §7.1).
pub(super) fn check_redirect(uri: &str, is_native: bool) -> Result<Url, &'static str> {
    let url = readable(uri)?;
    if uri.contains('#') {
        return Err("has a fragment");
    }
    match url.scheme() {
        "https" | "http" => {
            let is_loopback = check_host(uri, &url)?;
            if url.scheme() == "http" && !is_loopback {
                return Err("must be https, or http to this machine (127.0.0.1, [::1], localhost)");
            }
            Ok(url)
        }
        scheme if is_native && scheme.contains('.') && !scheme.starts_with('.') => Ok(url),
        _ if is_native => Err("must be https, loopback http, or a scheme that is a reversed domain name"),
        _ => Err("must be https (or http to this machine)"),
    }
}

/// Whether we, or browsers for us, may call it: https.
pub(super) fn check_https(uri: &str, fragment: bool) -> Result<Url, &'static str> {
    let url = readable(uri).map_err(|_| "must be an https address")?;
    if url.scheme() != "https" || !url.has_host() {
        return Err("must be an https address");
    }
    if !fragment && uri.contains('#') {
        return Err("has a fragment");
    }
    check_host(uri, &url)?;
    Ok(url)
}

/// A resource indicator (RFC 8707 §2): an absolute URI without a fragment.
pub(super) fn check_resource(uri: &str) -> Result<(), &'static str> {
    readable(uri)?;
    if uri.contains('#') { Err("has a fragment") } else { Ok(()) }
}

fn readable(uri: &str) -> Result<Url, &'static str> {
    if uri.len() > LONGEST {
        return Err("is longer than 2000 characters");
    }
    if !uri.bytes().all(|b| (0x21..=0x7e).contains(&b) && !b"\"<>\\^`{|}".contains(&b)) {
        return Err("holds a character that no URL has");
    }
    Url::parse(uri).map_err(|_| "is not an absolute URL")
}

/// Answers whether the host is the machine itself.
fn check_host(uri: &str, url: &Url) -> Result<bool, &'static str> {
    if !url.username().is_empty() || url.password().is_some() || has_userinfo(uri) {
        return Err("has a user name or password");
    }
    if url.host_str().is_some_and(|host| host.contains('*')) {
        return Err("has a wildcard: addresses are compared exactly");
    }
    Ok(match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => return Err("has no host"),
    })
}

/// An at sign before the path, also with an empty user name, which parsers forget.
fn has_userinfo(uri: &str) -> bool {
    uri.split_once("://").is_some_and(|(_, rest)| {
        rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
    })
}

/// The one host of all of them, in lower case; none when there are several, or a private scheme among them.
pub(super) fn one_host(uris: &[String]) -> Option<String> {
    let mut hosts = uris.iter().map(|uri| host(uri));
    let first = hosts.next()??;
    hosts.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// The host of a web address. What stands in that place of an app's own address (`org.example.app://host/`) is
/// nobody's: any app may write it.
pub(super) fn host(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
    url.host_str().map(str::to_ascii_lowercase)
}

/// Whether an address has scheme, host and port of one of these.
pub(super) fn shares_origin(uri: &Url, with: &[String]) -> bool {
    let origin = uri.origin();
    with.iter().filter_map(|other| Url::parse(other).ok()).any(|other| other.origin() == origin)
}
