//! Asking what a ticket is worth: `/validate` and its four successors (§15).
//!
//! Owns: reading the question. Not here: taking the ticket (`tickets`), the answer's text ([`crate::answer`]).

use crate::{BadService, Failure, Kind, Params, ProxyCallback, Secret, ServiceUrl};

/// Which of the five addresses is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `/validate`: CAS 1, two lines of text.
    Validate,
    /// `/serviceValidate`: CAS 2.
    ServiceValidate,
    /// `/proxyValidate`: CAS 2, proxy tickets too.
    ProxyValidate,
    /// `/p3/serviceValidate`: CAS 3, with attributes.
    P3ServiceValidate,
    /// `/p3/proxyValidate`: CAS 3, proxy tickets too.
    P3ProxyValidate,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Validate,
        Self::ServiceValidate,
        Self::ProxyValidate,
        Self::P3ServiceValidate,
        Self::P3ProxyValidate,
    ];

    /// Its path below the prefix.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Validate => "/validate",
            Self::ServiceValidate => "/serviceValidate",
            Self::ProxyValidate => "/proxyValidate",
            Self::P3ServiceValidate => "/p3/serviceValidate",
            Self::P3ProxyValidate => "/p3/proxyValidate",
        }
    }

    /// Whether it answers in two lines of text.
    #[must_use]
    pub const fn is_plain(self) -> bool {
        matches!(self, Self::Validate)
    }

    /// Whether a ticket of this kind is what it demands. One of another kind dies all the same.
    #[must_use]
    pub const fn takes(self, kind: Kind) -> bool {
        match kind {
            Kind::St => true,
            Kind::Pt => matches!(self, Self::ProxyValidate | Self::P3ProxyValidate),
            Kind::Pgt | Kind::PgtIou | Kind::Tgt | Kind::Lr => false,
        }
    }
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// The default.
    #[default]
    Xml,
    /// `format=JSON`.
    Json,
}

impl Format {
    /// What a request wants; any word but `JSON` means XML (§15.2).
    #[must_use]
    pub fn of(params: &Params) -> Self {
        if params.get("format").is_some_and(|word| word.eq_ignore_ascii_case("json")) {
            Self::Json
        } else {
            Self::Xml
        }
    }

    /// The answer's `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Xml => "application/xml;charset=UTF-8",
            Self::Json => "application/json;charset=UTF-8",
        }
    }
}

/// A service asks about a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidateAsked {
    /// Who it says it is: compared with [`ServiceUrl::is_named_by`], not believed.
    pub service: String,
    /// The ticket as sent: it may be anything.
    pub ticket: Secret,
    /// Only a ticket from credentials entered just now will do.
    pub renew: bool,
    /// Where the proxy-granting ticket is to be sent; or that it cannot be sent there, which is said only after
    /// the ticket is taken.
    pub callback: Option<Result<ProxyCallback, BadService>>,
}

impl ValidateAsked {
    /// Reads the question.
    ///
    /// # Errors
    /// [`Failure::Missing`]: `service` or `ticket` is not there.
    pub fn read(endpoint: Endpoint, params: &Params) -> Result<Self, Failure> {
        let service = params.get("service").ok_or(Failure::Missing("service"))?;
        let ticket = params.get("ticket").ok_or(Failure::Missing("ticket"))?;
        let callback = params.get("pgtUrl").filter(|_| !endpoint.is_plain()).map(ProxyCallback::parse);
        Ok(Self {
            service: service.to_owned(),
            ticket: Secret::new(ticket),
            renew: params.is_set("renew"),
            callback,
        })
    }

    /// Whether it is asked by the service the ticket was issued for.
    #[must_use]
    pub fn is_by(&self, issued_for: &ServiceUrl) -> bool {
        issued_for.is_named_by(&self.service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(endpoint: Endpoint, query: &str) -> Result<ValidateAsked, Failure> {
        ValidateAsked::read(endpoint, &Params::parse(query.as_bytes()).unwrap())
    }

    #[test]
    fn both_parameters_are_required() {
        let p3 = Endpoint::P3ServiceValidate;
        assert_eq!(read(p3, "ticket=ST-1"), Err(Failure::Missing("service")));
        assert_eq!(read(p3, "service=https://a.example/&ticket="), Err(Failure::Missing("ticket")));
        assert!(read(p3, "service=x&ticket=y").is_ok());
    }

    #[test]
    fn a_callback_is_https_and_not_of_protocol_1() {
        let query = "service=s&ticket=t&pgtUrl=http://a.example/cb";
        assert_eq!(read(Endpoint::Validate, query).unwrap().callback, None);
        assert_eq!(read(Endpoint::ProxyValidate, query).unwrap().callback, Some(Err(BadService::NotHttps)));
        let good =
            read(Endpoint::ServiceValidate, "service=s&ticket=t&pgtUrl=https://a.example/cb?x=1").unwrap();
        assert_eq!(good.callback.unwrap().unwrap().as_str(), "https://a.example/cb?x=1");
    }

    #[test]
    fn proxy_tickets_are_for_two_of_five() {
        let takes = |kind| Endpoint::ALL.iter().filter(|endpoint| endpoint.takes(kind)).count();
        assert_eq!(Kind::ALL.map(takes), [5, 2, 0, 0, 0, 0]);
    }

    #[test]
    fn formats() {
        for (query, format) in [
            ("format=json", Format::Json),
            ("format=JSON", Format::Json),
            ("format=yaml", Format::Xml),
            ("", Format::Xml),
        ] {
            assert_eq!(Format::of(&Params::parse(query.as_bytes()).unwrap()), format);
        }
    }

    #[test]
    fn the_ticket_is_not_printed() {
        assert!(
            !format!("{:?}", read(Endpoint::Validate, "service=s&ticket=ST-abc").unwrap()).contains("ST-abc")
        );
    }
}
