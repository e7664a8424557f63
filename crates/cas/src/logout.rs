//! `/logout` (§14).
//!
//! Owns: reading the request. Not here: ending the session, whether an address is a registered service
//! (`tickets`).

use crate::{Params, ServiceUrl};

/// A browser asks to be signed out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogoutAsked {
    /// Where to go afterwards, if it is a registered service (protocol 3).
    pub service: Option<ServiceUrl>,
    /// An address to show as a link, if it is a registered service (protocol 2).
    pub url: Option<ServiceUrl>,
}

impl LogoutAsked {
    /// Reads the request. An address that cannot be anybody's counts as absent.
    #[must_use]
    pub fn read(params: &Params) -> Self {
        let address = |name: &str| params.get(name).and_then(|text| ServiceUrl::parse(text).ok());
        Self { service: address("service"), url: address("url") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_bad_ones_left_out() {
        let read = |query: &str| LogoutAsked::read(&Params::parse(query.as_bytes()).unwrap());
        let both = read("service=https://a.example/&url=https://b.example/");
        assert_eq!(both.service.unwrap().host(), "a.example");
        assert_eq!(both.url.unwrap().host(), "b.example");
        assert_eq!(read("service=//evil.example&url=javascript:1"), LogoutAsked::default());
    }
}
