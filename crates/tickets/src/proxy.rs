//! Services that ask for tickets on behalf of a person (cas-wire §16).
//!
//! Owns: proxy-granting tickets and what they are good for. Not here: the request that brings them to the callback
//! (`outbound`, which holds SEC-130).
//!
//! A proxy-granting ticket goes only to a callback that the service registered, and is good as long as the session in
//! which it was given.

use std::time::Duration;

use app::{Refusal, audit};
use cas::{BadService, Failure, Kind, ProxyAsked, ProxyCallback, ProxyRefused, ServiceUrl, Ticket};
use domain::{AuditEntry, AuditEvent, ClientAddress, ClientId, Outcome, SessionId};
use live::Slot;
use outbound::OutboundError;
use serde::{Deserialize, Serialize};
use store::SignedIn;
use url::Url;

use crate::login::{TicketKind, TicketRecord, key};
use crate::{Service, Tickets};

/// As long as a session can be.
const LIFE: Duration = Duration::from_secs(24 * 3600);
/// A callback's answer is not read further.
const MAX_ANSWER: usize = 4 * 1024;
/// Proxies behind one another.
const MOST_PROXIES: usize = 5;

/// Proxy-granting tickets by the hash of their text.
struct Granting;

impl Slot for Granting {
    const KIND: &'static str = "cas-granting";
    const TTL: Duration = LIFE;
    type Value = Grant;
}

#[derive(Serialize, Deserialize)]
struct Grant {
    /// Whose it is.
    client: ClientId,
    session: SessionId,
    /// The proxies, the last first; the owner's callback is the first of them.
    proxies: Vec<String>,
}

impl Grant {
    /// Whether its owner has still registered the callback that it was brought to.
    fn is_still_for(&self, owner: &Service) -> bool {
        let callback = self.proxies.first().and_then(|text| ServiceUrl::parse(text).ok());
        callback.is_some_and(|callback| owner.callbacks.iter().any(|pattern| pattern.matches(&callback)))
    }
}

impl Tickets {
    /// Brings a proxy-granting ticket to the service's callback, and answers the word by which the service finds it.
    pub(crate) async fn granted(
        &self,
        callback: Result<&ProxyCallback, &BadService>,
        service: &Service,
        record: &TicketRecord,
    ) -> Result<Result<Ticket, Failure>, Refusal> {
        let Ok(callback) = callback else { return Ok(Err(Failure::Callback)) };
        if service.callbacks.is_empty() {
            return Ok(Err(Failure::MayNotProxy));
        }
        let is_registered = service.callbacks.iter().any(|pattern| pattern.matches(callback.address()));
        if !is_registered || record.proxies.len() >= MOST_PROXIES {
            return Ok(Err(Failure::Callback));
        }
        let entropy = self.app().entropy();
        let (pgt, iou) =
            (Ticket::new(Kind::Pgt, &entropy.bytes()), Ticket::new(Kind::PgtIou, &entropy.bytes()));
        let mut proxies = record.proxies.clone();
        proxies.insert(0, callback.as_str().to_owned());
        let grant = Grant { client: record.client.clone(), session: record.session, proxies };
        // Kept first: the callback may use it before it has answered.
        self.app().slots::<Granting>().put(&key(&pgt), &grant).await?;
        let called = match Url::parse(callback.with_tickets(&iou, &pgt).expose()) {
            // What it says does not matter, nor how much.
            Ok(url) => matches!(
                self.app().outbound().get(&url, "*/*", MAX_ANSWER).await,
                Ok(_) | Err(OutboundError::TooLong)
            ),
            Err(_) => false,
        };
        if !called {
            self.app().slots::<Granting>().take(&key(&pgt)).await?;
            tracing::info!(client.id = %record.client, "A proxy callback did not answer");
            return Ok(Err(Failure::Callback));
        }
        Ok(Ok(iou))
    }

    /// Gives a proxy a ticket for another service.
    ///
    /// # Errors
    /// See [`ProxyRefused`].
    pub async fn proxy(&self, asked: &ProxyAsked, address: ClientAddress) -> Result<Ticket, ProxyRefused> {
        self.proxied(asked, address).await.unwrap_or_else(|refusal| {
            tracing::error!(cause = refusal.cause(), "A proxy ticket could not be made");
            Err(ProxyRefused::Internal)
        })
    }

    async fn proxied(
        &self,
        asked: &ProxyAsked,
        address: ClientAddress,
    ) -> Result<Result<Ticket, ProxyRefused>, Refusal> {
        let Some(pgt) = Ticket::read(Kind::Pgt, asked.pgt.expose()) else {
            return Ok(Err(ProxyRefused::NotRecognised));
        };
        let Some((grant, _)) = self.app().slots::<Granting>().get(&key(&pgt)).await? else {
            return Ok(Err(ProxyRefused::NotRecognised));
        };
        let Some((account, session)) = self.person(&grant.session).await? else {
            self.app().slots::<Granting>().take(&key(&pgt)).await?;
            return Ok(Err(ProxyRefused::NotRecognised));
        };
        // It is asked again: whoever may not proxy any more does not.
        let owner = self.service_of(&grant.client).await?;
        if !owner.is_some_and(|owner| grant.is_still_for(&owner)) {
            return Ok(Err(ProxyRefused::MayNotProxy));
        }
        let Some(target) = self.service(&asked.target).await? else {
            return Ok(Err(ProxyRefused::UnknownService));
        };
        let who = SignedIn { session, account };
        if !self.need(Some(&target), false).met_by(&who.session.proofs) {
            return Ok(Err(ProxyRefused::MayNotProxy));
        }
        let made = (false, grant.proxies);
        let ticket = self.issue(&asked.target, &target, &who, TicketKind::Proxy, made).await?;
        self.app()
            .write_down(AuditEntry {
                account: Some(who.account.id),
                client: Some(grant.client),
                session: Some(who.session.id),
                detail: audit::detail(&format!("for {}", target.client.id)),
                ..audit::from(address, AuditEvent::TicketProxied, Outcome::Done, self.app().now())
            })
            .await?;
        Ok(Ok(ticket))
    }
}
