//! Telling services from server to server that a session ended (cas-wire §17.1).
//!
//! Owns: what is sent to a service, and what of its answers counts. Not here: when and how often (`app::back_channel`);
//! leaving the notices, which the unit does that ends a session (`store`); HTTP (`outbound`).

use app::Refusal;
use app::back_channel::{self, Attempt, BackChannel};
use async_trait::async_trait;
use cas::single_logout::LogoutNotice;
use cas::{Kind, Ticket};
use domain::{SingleLogout, Timestamp};
use outbound::OutboundError;
use store::{CasLogoutNotice, View, Work};
use url::Url;

use crate::Tickets;

impl Tickets {
    /// Tells services of ended sessions, for as long as it is polled. The server runs one of these.
    pub async fn tell_services(&self) {
        back_channel::tell(self.app(), self.clone()).await;
    }
}

#[async_trait]
impl BackChannel for Tickets {
    type Notice = CasLogoutNotice;

    async fn waiting(&self, view: &mut dyn View) -> Result<u64, Refusal> {
        Ok(view.waiting_cas_logouts().await?)
    }

    async fn claim(
        &self,
        work: &mut dyn Work,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<CasLogoutNotice>, Refusal> {
        Ok(work.claim_cas_logouts(now, until, limit).await?)
    }

    async fn attempt(&self, notice: &CasLogoutNotice) -> Result<Attempt, Refusal> {
        let Some(service) = self.service_of(&notice.client).await? else { return Ok(Attempt::Nobody) };
        if service.cas.single_logout != SingleLogout::Back {
            return Ok(Attempt::Nobody);
        }
        let address = service.cas.logout_url.as_deref().unwrap_or(&notice.service);
        let Ok(url) = Url::parse(address) else { return Ok(Attempt::Nobody) };
        let message = LogoutNotice {
            id: &Ticket::new(Kind::Lr, &self.app().entropy().bytes()),
            at: notice.created_at,
            user: &notice.user,
            ticket: &notice.ticket,
        };
        Ok(match self.app().outbound().post_form(&url, &[("logoutRequest", &message.xml())]).await {
            // A service's page may answer as it likes: what counts is that it was reached.
            Ok(()) | Err(OutboundError::TooLong) => Attempt::Delivered,
            Err(OutboundError::Status(status)) if status < 500 => Attempt::Delivered,
            Err(error) => Attempt::failed(&error),
        })
    }

    async fn postpone(
        &self,
        work: &mut dyn Work,
        notice: &CasLogoutNotice,
        due_at: Timestamp,
    ) -> Result<(), Refusal> {
        work.postpone_cas_logout(&notice.ticket, due_at).await?;
        Ok(())
    }

    async fn settle(&self, work: &mut dyn Work, notice: &CasLogoutNotice) -> Result<bool, Refusal> {
        Ok(work.settle_cas_logout(&notice.ticket).await?)
    }
}
