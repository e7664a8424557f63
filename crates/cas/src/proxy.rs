//! Proxying: where a proxy-granting ticket is sent, and asking for a proxy ticket (§16).
//!
//! Owns: reading the request, the callback's address, and the answers' text. Not here: calling the callback,
//! who may proxy (`tickets`).

use std::fmt::Write as _;

use crate::answer::{CLOSE, OPEN, push_escaped};
use crate::{BadService, Params, Secret, ServiceUrl, Ticket};

/// `pgtUrl`: an `https` address without a fragment. Not known to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyCallback(ServiceUrl);

impl ProxyCallback {
    /// Reads an address.
    ///
    /// # Errors
    /// See [`BadService`].
    pub fn parse(text: &str) -> Result<Self, BadService> {
        let address = ServiceUrl::parse(text)?;
        if !address.is_https() {
            return Err(BadService::NotHttps);
        }
        if address.as_str().contains('#') {
            return Err(BadService::Character);
        }
        Ok(Self(address))
    }

    /// The address as given: what later answers name as the proxy.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The same as an address to be matched.
    #[must_use]
    pub const fn address(&self) -> &ServiceUrl {
        &self.0
    }

    /// The address to be called, with `pgtIou` and `pgtId` added to its query.
    #[must_use]
    pub fn with_tickets(&self, iou: &Ticket, pgt: &Ticket) -> Secret {
        Secret::new(self.0.with(&[("pgtIou", iou.text()), ("pgtId", pgt.text())]))
    }
}

/// A service asks for a ticket for another (§16.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyAsked {
    /// The proxy-granting ticket as sent: it may be anything.
    pub pgt: Secret,
    /// The other service. Not known to be registered.
    pub target: ServiceUrl,
}

impl ProxyAsked {
    /// Reads the request; CAS also understands `service` for `targetService`.
    ///
    /// # Errors
    /// [`ProxyRefused::Missing`], or [`ProxyRefused::UnknownService`] for an address that cannot be anybody's.
    pub fn read(params: &Params) -> Result<Self, ProxyRefused> {
        let pgt = params.get("pgt").ok_or(ProxyRefused::Missing("pgt"))?;
        let target = params.get("targetService").or_else(|| params.get("service"));
        let target = target.ok_or(ProxyRefused::Missing("targetService"))?;
        let target = ServiceUrl::parse(target).map_err(|_| ProxyRefused::UnknownService)?;
        Ok(Self { pgt: Secret::new(pgt), target })
    }
}

/// Why there is no proxy ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyRefused {
    /// This parameter is not there.
    Missing(&'static str),
    /// The parameters cannot be read.
    Unreadable,
    /// The proxy-granting ticket is unknown or its session has ended.
    NotRecognised,
    /// The target is not registered or disabled.
    UnknownService,
    /// The asking service may not proxy, or not to there.
    MayNotProxy,
    /// Something of ours failed.
    Internal,
}

impl ProxyRefused {
    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing(_) | Self::Unreadable => "INVALID_REQUEST",
            Self::NotRecognised => "INVALID_TICKET",
            Self::UnknownService => "UNAUTHORIZED_SERVICE",
            Self::MayNotProxy => "UNAUTHORIZED_SERVICE_PROXY",
            Self::Internal => "INTERNAL_ERROR",
        }
    }

    /// A sentence; never empty, as clients know a failure by it.
    #[must_use]
    pub fn description(self) -> String {
        match self {
            Self::Missing(name) => format!("The parameter '{name}' is required"),
            Self::Unreadable => "The parameters cannot be read".into(),
            Self::NotRecognised => "The proxy-granting ticket is not recognized".into(),
            Self::UnknownService => "The target service is not authorized to use this server".into(),
            Self::MayNotProxy => "The service is not authorized to proxy".into(),
            Self::Internal => "The request cannot be answered now".into(),
        }
    }

    /// The answer as XML.
    #[must_use]
    pub fn xml(self) -> String {
        let mut out = format!("{OPEN}    <cas:proxyFailure code=\"{}\">", self.code());
        push_escaped(&self.description(), &mut out);
        out.push_str("</cas:proxyFailure>\n");
        out.push_str(CLOSE);
        out
    }
}

/// The answer that hands out a proxy ticket, as XML.
#[must_use]
pub fn granted(ticket: &Ticket) -> String {
    let mut out = String::from(OPEN);
    let _ = writeln!(
        out,
        "    <cas:proxySuccess><cas:proxyTicket>{}</cas:proxyTicket></cas:proxySuccess>",
        ticket.text()
    );
    out.push_str(CLOSE);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn a_callback_keeps_its_query() {
        let (iou, pgt) = (Ticket::new(Kind::PgtIou, &[1; 32]), Ticket::new(Kind::Pgt, &[2; 32]));
        let callback = ProxyCallback::parse("https://a.example/cb?x=1").unwrap();
        let called = callback.with_tickets(&iou, &pgt);
        let wanted = format!("https://a.example/cb?x=1&pgtIou={}&pgtId={}", iou.text(), pgt.text());
        assert_eq!(called.expose(), wanted);
        for (bad, why) in [
            ("http://a.example/", BadService::NotHttps),
            ("https://a.example/#x", BadService::Character),
            ("x", BadService::Scheme),
        ] {
            assert_eq!(ProxyCallback::parse(bad), Err(why));
        }
    }

    #[test]
    fn requests_are_read_or_refused_by_name() {
        let read = |query: &str| ProxyAsked::read(&Params::parse(query.as_bytes()).unwrap());
        assert_eq!(read("pgt=PGT-1&targetService=https://b.example/").unwrap().target.host(), "b.example");
        assert_eq!(read("pgt=PGT-1&service=https://b.example/").unwrap().target.host(), "b.example");
        assert_eq!(read("targetService=https://b.example/"), Err(ProxyRefused::Missing("pgt")));
        assert_eq!(read("pgt=PGT-1"), Err(ProxyRefused::Missing("targetService")));
        assert_eq!(read("pgt=PGT-1&targetService=b"), Err(ProxyRefused::UnknownService));
    }

    #[test]
    fn answers_are_those_of_the_reference() {
        let ticket = Ticket::new(Kind::Pt, &[3; 32]);
        assert_eq!(
            granted(&ticket),
            format!(
                "<cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'>\n    <cas:proxySuccess><cas:proxyTicket>{}</cas:proxyTicket></cas:proxySuccess>\n</cas:serviceResponse>\n",
                ticket.text()
            )
        );
        assert_eq!(
            ProxyRefused::Missing("pgt").xml(),
            "<cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'>\n    <cas:proxyFailure code=\"INVALID_REQUEST\">The parameter &#39;pgt&#39; is required</cas:proxyFailure>\n</cas:serviceResponse>\n"
        );
    }
}
