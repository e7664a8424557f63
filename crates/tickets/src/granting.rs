//! Tickets for programs without a browser: the REST protocol (cas-wire §12).
//!
//! Owns: what a ticket-granting ticket is good for. Not here: how one comes about (`signin`: it is the secret of a
//! session like any other, made by a password), paths (`web-cas`).

use std::sync::Arc;

use app::{Change, Refusal, audit};
use cas::{Attributes, Kind, ServiceUrl, Ticket};
use domain::{Account, AuditEntry, AuditEvent, ClientAddress, Method, Outcome, Proof, SessionEnd, Timestamp};
use store::SignedIn;

use crate::Tickets;
use crate::login::{Issued, TicketKind, key};
use crate::validate::{PASSWORD_HANDLER, released};

/// Whether a ticket is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketStatus {
    /// It is.
    Good,
    /// It never was, or is not any more.
    NotFound,
}

impl Tickets {
    /// A new ticket-granting ticket: worth nothing until a session is kept under its hash.
    #[must_use]
    pub fn new_granting_ticket(&self) -> Ticket {
        Ticket::new(Kind::Tgt, &self.app().entropy().bytes())
    }

    /// The address below which tickets have theirs.
    #[must_use]
    pub fn rest_url(&self) -> String {
        self.app().issuer().url("/cas/v1/tickets")
    }

    /// What a service is told of somebody whose password was right just now: user name, attributes, how it was
    /// verified, and when. Without a service there are no attributes.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`]: the service is not registered, or asks for more than a password; the store is unavailable
    /// or corrupt.
    pub async fn told_of(
        &self,
        account: &Account,
        service: Option<&ServiceUrl>,
    ) -> Result<(String, Attributes, &'static str, Timestamp), Refusal> {
        let (user, attributes) = match service {
            None => (account.username.as_str().to_owned(), Attributes::none()),
            Some(url) => {
                let service = self.service(url).await?.ok_or(Refusal::Forbidden)?;
                let proof = Proof { method: Method::Password, at: self.app().now(), known_browser: false };
                if !self.need(Some(&service), false).met_by(&[proof]) {
                    return Err(Refusal::Forbidden);
                }
                (self.user_of(account, &service).await?, released(account, &service, Attributes::none()))
            }
        };
        Ok((user, attributes, PASSWORD_HANDLER, self.app().now()))
    }

    /// Who is signed in with a ticket-granting ticket. Browsers' sessions are not found: their secrets are no tickets.
    ///
    /// # Errors
    /// The store is unavailable or corrupt.
    pub async fn holder(&self, ticket: &str) -> Result<Option<Arc<SignedIn>>, Refusal> {
        let Some(ticket) = Ticket::read(Kind::Tgt, ticket) else { return Ok(None) };
        self.app().sessions().by_hash(&ticket.hash()).await
    }

    /// A service ticket for whoever holds a ticket-granting ticket. `is_new`: credentials came with the request.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]: the ticket is not good; [`Refusal::Forbidden`]: the service is not registered, or asks for more
    /// than was proven.
    pub async fn service_ticket(
        &self,
        ticket: &str,
        url: &ServiceUrl,
        is_new: bool,
    ) -> Result<Ticket, Refusal> {
        let who = self.holder(ticket).await?.ok_or(Refusal::NotFound)?;
        let service = self.service(url).await?.ok_or(Refusal::Forbidden)?;
        if !self.need(Some(&service), false).met_by(&who.session.proofs) {
            return Err(Refusal::Forbidden);
        }
        self.issue(url, &service, &who, TicketKind::Service, (is_new, Vec::new())).await
    }

    /// Whether a ticket-granting or service ticket is good; looking does not use it up.
    ///
    /// # Errors
    /// The store is unavailable or corrupt.
    pub async fn status(&self, ticket: &str) -> Result<TicketStatus, Refusal> {
        let Some(ticket) = Ticket::read_any(ticket) else { return Ok(TicketStatus::NotFound) };
        let is_good = match ticket.kind() {
            Kind::Tgt => self.app().sessions().by_hash(&ticket.hash()).await?.is_some(),
            Kind::St => {
                let found = self.app().slots::<Issued>().get(&key(&ticket)).await?;
                found.is_some_and(|(record, _)| self.app().now() < record.ends)
            }
            Kind::Pt | Kind::Pgt | Kind::PgtIou | Kind::Lr => false,
        };
        Ok(if is_good { TicketStatus::Good } else { TicketStatus::NotFound })
    }

    /// Ends the session of a ticket-granting ticket. One that is not good is no error.
    ///
    /// # Errors
    /// The store is unavailable.
    pub async fn end(&self, ticket: &str, address: ClientAddress) -> Result<(), Refusal> {
        let Some(who) = self.holder(ticket).await? else { return Ok(()) };
        let (now, id, why) = (self.app().now(), who.session.id, SessionEnd::SignedOut);
        let deed = || async {
            let mut work = self.app().store().begin().await?;
            if work.end_session(&id, why, now).await? {
                work.audit(AuditEntry {
                    account: Some(who.account.id),
                    session: Some(id),
                    detail: audit::detail(why.as_str()),
                    ..audit::from(address, AuditEvent::SessionEnded, Outcome::Done, now)
                })
                .await?;
            }
            Ok(work.commit().await?)
        };
        self.app().repeatable(deed).await?;
        self.app().tell(Change::Session(id)).await;
        Ok(())
    }
}
