//! A browser asks for a ticket: answered at once, or begun as a journey (cas-wire §13).
//!
//! Owns: bringing together service, session and what is asked. Not here: the way through sign-in (`signin`), what the
//! page looks like (`web-login`).

use app::journeys::{self, NewJourney, Purpose};
use app::{Refusal, Rule, Secret, Visitor, throttle};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cas::{Kind, LoginAsked, Method, ServiceUrl, Ticket};
use domain::{AccountId, ClientId, SessionId, Timestamp};
use journey::{MethodPolicy, Need};
use live::Slot;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::SignedIn;

use crate::{Service, Tickets};

/// The kind of our journeys.
pub(crate) const KIND: &str = "cas";

/// How a ticket travels.
#[derive(Debug)]
pub enum Answer {
    /// By 302 or 303 to the service: the address holds the ticket.
    SeeOther(String),
    /// By a form that the browser posts to the service.
    Form {
        /// The service.
        action: String,
        /// The field `ticket`.
        ticket: Ticket,
    },
    /// In headers of a page (`method=HEADER`).
    Headers {
        /// The service.
        service: ServiceUrl,
        /// The header `ticket`.
        ticket: Ticket,
    },
}

/// What the browser gets.
#[derive(Debug)]
pub enum LoginOutcome {
    /// To the service.
    Back(Answer),
    /// To our sign-in page, by 303.
    SignIn {
        /// Where it is.
        url: String,
        /// A browser secret for a browser that had none.
        browser: Option<Secret>,
    },
    /// Signed in, and no service to go to.
    SignedIn {
        /// What to call who is signed in.
        name: String,
    },
    /// The address is no registered service: a page, never a redirect.
    NotRegistered,
}

/// A request as kept while a person signs in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// For whom; none: just signing in.
    pub service: Option<(ServiceUrl, ClientId)>,
    /// How the ticket travels.
    pub method: Method,
    /// `renew`: what was proven before does not count.
    pub renew: bool,
    /// Asked.
    pub at: Timestamp,
}

impl Kept {
    pub(crate) fn read(purpose: &Purpose) -> Result<Self, Refusal> {
        serde_json::from_str(&purpose.payload).map_err(|e| Refusal::Corrupt(format!("kept request: {e}")))
    }

    fn purpose(&self) -> Result<Purpose, Refusal> {
        let payload = serde_json::to_string(self).map_err(|e| Refusal::Corrupt(e.to_string()))?;
        Ok(Purpose { kind: KIND.to_owned(), payload })
    }
}

/// Service and proxy tickets that were issued, by the hash of their text.
pub(crate) struct Issued;

impl Slot for Issued {
    const KIND: &'static str = "cas-ticket";
    const TTL: Duration = Duration::from_secs(60);
    type Value = TicketRecord;
}

/// What a ticket stands for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TicketRecord {
    pub kind: TicketKind,
    /// For which address, as it was asked for.
    pub service: ServiceUrl,
    pub client: ClientId,
    pub account: AccountId,
    pub session: SessionId,
    /// Credentials were entered for this very ticket.
    pub is_new: bool,
    /// Not at or after this.
    pub ends: Timestamp,
    /// The proxies it came through, the last first.
    pub proxies: Vec<String>,
}

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TicketKind {
    Service,
    Proxy,
}

impl TicketKind {
    pub(crate) const fn wire(self) -> Kind {
        match self {
            Self::Service => Kind::St,
            Self::Proxy => Kind::Pt,
        }
    }
}

impl Tickets {
    /// Takes a request for a ticket. `gateway` never asks the person anything.
    ///
    /// # Errors
    /// A port failed, or journeys are begun too often from this network.
    pub async fn login(&self, asked: &LoginAsked, visitor: &Visitor) -> Result<LoginOutcome, Refusal> {
        let service = match &asked.service {
            None => None,
            Some(url) => match self.service(url).await? {
                Some(service) => Some((url, service)),
                None => return Ok(LoginOutcome::NotRegistered),
            },
        };
        let who = match &visitor.session {
            Some(secret) => self.app().sessions().current(secret).await?,
            None => None,
        };
        let need = self.need(service.as_ref().map(|(_, service)| service), asked.renew);
        let is_enough = !asked.renew && who.as_ref().is_some_and(|who| need.met_by(&who.session.proofs));
        match (service, who) {
            (None, Some(who)) if !asked.renew => {
                let name = domain::text::shown(who.account.display_name(), 80);
                Ok(LoginOutcome::SignedIn { name })
            }
            (Some((url, service)), Some(who)) if is_enough => {
                let back = self.answer(url, &service, &who, asked.method, false).await?;
                Ok(LoginOutcome::Back(back))
            }
            (Some((url, _)), _) if asked.gateway && !asked.renew => {
                Ok(LoginOutcome::Back(Answer::SeeOther(url.location())))
            }
            (service, _) => self.begin(asked, service, need, visitor).await,
        }
    }

    /// What the person must have proven.
    pub(crate) fn need(&self, service: Option<&Service>, renew: bool) -> Need {
        Need {
            acr: service.and_then(|service| service.cas.required_acr.max(service.client.least_acr())),
            fresh_since: renew.then(|| self.app().now()),
            phishing_resistant: service.is_some_and(|service| service.client.requires_phishing_resistant),
            ..Need::default()
        }
    }

    async fn begin(
        &self,
        asked: &LoginAsked,
        service: Option<(&ServiceUrl, Service)>,
        need: Need,
        visitor: &Visitor,
    ) -> Result<LoginOutcome, Refusal> {
        let network = throttle::network(visitor.address);
        self.app().throttle().hit(Rule::JourneyAddress, &network).await?;
        let shown = match &service {
            None => journeys::Shown::default(),
            Some((url, Service { client, cas, .. })) => journeys::Shown {
                client_id: Some(client.id.clone()),
                client_name: client.name.clone(),
                host: url.host().to_owned(),
                is_verified: client.is_verified,
                logo_uri: client.logo_uri.clone(),
                policy_uri: client.policy_uri.clone(),
                tos_uri: client.tos_uri.clone(),
                client_uri: client.client_uri.clone(),
                texts: cas.texts.clone(),
                ..journeys::Shown::default()
            },
        };
        let any = !need.phishing_resistant;
        let takes_cas_apps =
            service.as_ref().is_some_and(|(_, service)| service.client.metadata.takes_cas_apps);
        let kept = Kept {
            service: service.map(|(url, service)| (url.clone(), service.client.id.clone())),
            method: asked.method,
            renew: asked.renew,
            at: self.app().now(),
        };
        let new = NewJourney {
            need,
            purpose: kept.purpose()?,
            shown: journeys::Shown {
                ui_locales: asked.locale.iter().cloned().collect(),
                is_cas: true,
                ..shown
            },
            methods: MethodPolicy {
                password: any,
                passkey: true,
                phone: any,
                cas_phone: any && takes_cas_apps,
            },
        };
        let (hash, browser) = match visitor.browser_hash() {
            Some(hash) => (hash, None),
            None => {
                let secret = self.app().entropy().secret();
                (secret.hash(), Some(secret))
            }
        };
        let id = journeys::start(self.app(), new, &hash).await?;
        Ok(LoginOutcome::SignIn { url: self.app().issuer().url(&format!("/login?journey={id}")), browser })
    }

    /// A ticket for a service, on its way.
    pub(crate) async fn answer(
        &self,
        url: &ServiceUrl,
        service: &Service,
        who: &SignedIn,
        method: Method,
        is_new: bool,
    ) -> Result<Answer, Refusal> {
        let ticket = self.issue(url, service, who, TicketKind::Service, (is_new, Vec::new())).await?;
        Ok(match method {
            Method::Get => Answer::SeeOther(url.with_ticket(&ticket)),
            Method::Post => Answer::Form { action: url.as_str().to_owned(), ticket },
            Method::Header => Answer::Headers { service: url.clone(), ticket },
        })
    }

    pub(crate) async fn issue(
        &self,
        url: &ServiceUrl,
        service: &Service,
        who: &SignedIn,
        kind: TicketKind,
        (is_new, proxies): (bool, Vec<String>),
    ) -> Result<Ticket, Refusal> {
        let ticket = Ticket::new(kind.wire(), &self.app().entropy().bytes());
        let record = TicketRecord {
            kind,
            service: url.clone(),
            client: service.client.id.clone(),
            account: who.account.id,
            session: who.session.id,
            is_new,
            ends: self.app().now().after(self.settings().ticket_life),
            proxies,
        };
        self.app().slots::<Issued>().put(&key(&ticket), &record).await?;
        Ok(ticket)
    }
}

/// What a ticket is kept under.
pub(crate) fn key(ticket: &Ticket) -> String {
    URL_SAFE_NO_PAD.encode(ticket.hash().0)
}
