//! Signing out by way of CAS (cas-wire §14), and the services that are told by the browser (§17.2).
//!
//! Owns: who may sign a person out without a question, where the browser goes, the frames of services. Not here: ending
//! the session (`app`), telling services from server to server (`notices`), the page (`web-cas`).
//!
//! CAS asks nothing: any page could sign anybody out. Here (SEC-134) nothing ends without the person's word unless the
//! person came by themselves or from our own page, or the page of a registered service sent them.

use app::{FrontChannel, Left, Refusal, Visitor};
use async_trait::async_trait;
use cas::single_logout::LogoutNotice;
use cas::{Kind, LogoutAsked, ServiceUrl, Ticket};
use domain::SingleLogout;
use url::Url;

use crate::Tickets;

/// Who sent the browser, as far as it says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A page of ours, the address bar or a bookmark; or the person said yes, in a form of ours.
    Person,
    /// A page at this address, or on this site.
    Page(ServiceUrl),
    /// Nothing is known.
    Unknown,
}

/// What a request to sign out leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogoutOutcome {
    /// The person is asked first. Nothing has ended.
    Ask {
        /// What to call who is signed in.
        name: String,
        /// Where the browser goes after a yes, if anywhere.
        onward: Option<String>,
    },
    /// Nobody is signed in in this browser, or not any more.
    Out {
        /// What ended just now.
        left: Option<Left>,
        /// Where the browser goes then: a registered service.
        onward: Option<String>,
        /// A registered service to show a link to (protocol 2).
        link: Option<String>,
    },
}

impl Tickets {
    /// Takes a request to sign out.
    ///
    /// # Errors
    /// A port failed.
    pub async fn logout(
        &self,
        asked: &LogoutAsked,
        visitor: &Visitor,
        source: &Source,
    ) -> Result<LogoutOutcome, Refusal> {
        let onward = self.registered(asked.service.as_ref()).await?;
        let who = match &visitor.session {
            Some(secret) => self.app().sessions().peek(secret).await?,
            None => None,
        };
        let link = match onward {
            Some(_) => None,
            None => self.registered(asked.url.as_ref()).await?,
        };
        let Some(who) = who else { return Ok(LogoutOutcome::Out { left: None, onward, link }) };
        let is_believed = match source {
            Source::Person => true,
            Source::Page(url) => self.is_on_a_services_site(url).await?,
            Source::Unknown => false,
        };
        if !is_believed {
            let name = domain::text::shown(who.account.display_name(), 80);
            return Ok(LogoutOutcome::Ask { name, onward });
        }
        let left = self.app().sign_out(&who, visitor).await?;
        Ok(LogoutOutcome::Out { left: Some(left), onward, link })
    }

    async fn registered(&self, url: Option<&ServiceUrl>) -> Result<Option<String>, Refusal> {
        let Some(url) = url else { return Ok(None) };
        Ok(self.service(url).await?.map(|_| url.location()))
    }
}

#[async_trait]
impl FrontChannel for Tickets {
    async fn frames(&self, left: &Left) -> Result<Vec<Url>, Refusal> {
        let mut frames = Vec::new();
        for login in left.services.iter().filter(|login| !login.by_server) {
            let Some(service) = self.service_of(&login.client).await? else { continue };
            if service.cas.single_logout != SingleLogout::Front {
                continue;
            }
            let address = service.cas.logout_url.as_deref().unwrap_or(&login.service);
            let Ok(address) = ServiceUrl::parse(address) else { continue };
            let message = LogoutNotice {
                id: &Ticket::new(Kind::Lr, &self.app().entropy().bytes()),
                at: left.at,
                user: &login.user,
                ticket: &login.ticket,
            };
            frames.extend(Url::parse(&message.front_channel(&address)));
        }
        Ok(frames)
    }
}
