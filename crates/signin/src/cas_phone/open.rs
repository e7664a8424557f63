//! Showing a code for apps made for CAS.
//!
//! Owns: for whom one is shown, and how many live at once (SEC-016, SEC-054, SEC-065). Not here: the page.

use std::time::Duration;

use app::{Refusal, Rule, Visitor, meters};
use cas::ChannelName;
use domain::{ClientId, JourneyId, SecretHash, Username};
use live::Slot;
use qr::CasChannel;
use qr::Seen;
use qr::cas_channel::{CODE_LIFE, Created, Opening};

use super::{CasChannels, Fence, page};
use crate::SignIn;
use crate::phone;
use crate::way::{Way, name};

/// So many codes of one browser live at once (SEC-016).
const MOST_PER_BROWSER: usize = 5;

/// The channel that a journey's page shows.
struct CasPages;

impl Slot for CasPages {
    const KIND: &'static str = "cas-page";
    const TTL: Duration = Duration::from_secs(150);
    type Value = String;
}

/// The channels that a browser opened, oldest first, by the hash of its secret.
struct CasBrowsers;

impl Slot for CasBrowsers {
    const KIND: &'static str = "cas-browser";
    const TTL: Duration = Duration::from_secs(150);
    type Value = Vec<String>;
}

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CasOpened {
    /// The text of the QR: nothing but a UUID, as such apps read it. It collects nothing.
    pub channel: ChannelName,
    /// The QR.
    pub svg: String,
    /// Seconds until another has to be shown.
    pub expires_in: u16,
}

impl SignIn {
    /// Opens a channel for the journey. The one that its page showed before ends, unless an app approved it already.
    /// `username` is what was entered in the browser; it counts with [`Fence::Username`].
    ///
    /// # Errors
    /// [`Refusal::NotFound`] while the mode is off; [`Refusal::Forbidden`] where it is not offered; `Invalid` without a
    /// user name where one is asked for; [`Refusal::TooMany`]; [`Refusal::Gone`] when the journey is over.
    pub async fn cas_open(
        &self,
        id: &JourneyId,
        visitor: &Visitor,
        username: Option<&str>,
    ) -> Result<CasOpened, Refusal> {
        self.cas_is_on()?;
        let way = self.way(id, visitor).await?;
        let client = self.takes_cas_apps(&way).await?;
        let person = self.named(username)?;
        let app = self.app();
        app.throttle().hit(Rule::ChannelBrowser, &name(&way.kept.browser)).await?;
        self.may_open(visitor).await?;
        let channel = ChannelName::from_random(app.entropy().bytes());
        let svg = phone::drawn(channel.as_str())?;
        let key = self.cas_key(&channel);
        let seen = Seen {
            address: visitor.address,
            agent: visitor.agent.clone(),
            mark: visitor.known.as_ref().map(app::Secret::hash),
        };
        let opening = Opening { browser: way.kept.browser, journey: way.id, client, person, seen };
        let created = CasChannel::Created(Created::open(opening, app.now()));
        app.slots::<CasChannels>().put(&key, &created).await.map_err(phone::full)?;
        self.show_on_page(&way.id, &key).await?;
        self.make_room_for_cas(&way.kept.browser, &key).await?;
        self.0.phones.count_opened();
        app.meters().count(meters::Event::QrShown);
        let expires_in = u16::try_from(CODE_LIFE.as_secs()).unwrap_or(u16::MAX);
        Ok(CasOpened { channel, svg, expires_in })
    }

    /// The relying party of a journey on which such apps are taken: by the deployment, by itself, and for what it asks
    /// (SEC-065, SEC-068).
    pub(super) async fn takes_cas_apps(&self, way: &Way) -> Result<ClientId, Refusal> {
        if !self.offered(&way.kept.journey).cas_phone {
            return Err(Refusal::Forbidden);
        }
        let id = way.kept.shown.client_id.as_ref().ok_or(Refusal::Forbidden)?;
        let client = self.app().clients().find(id).await?.ok_or(Refusal::Gone)?;
        let takes =
            client.is_enabled && client.metadata.takes_cas_apps && !client.requires_phishing_resistant;
        if takes { Ok(id.clone()) } else { Err(Refusal::Forbidden) }
    }

    /// Whoever was named, or none: nobody learns whether there is such a person.
    fn named(&self, username: Option<&str>) -> Result<Option<SecretHash>, Refusal> {
        if self.cas_fence() != Fence::Username {
            return Ok(None);
        }
        let why = "is needed before a code is shown";
        let username: Option<Username> = username.and_then(|name| name.parse().ok());
        let username = username.ok_or(Refusal::Invalid { field: "username", why })?;
        Ok(Some(self.cas_person(username.key())))
    }

    async fn show_on_page(&self, journey: &JourneyId, key: &str) -> Result<(), Refusal> {
        let slots = self.app().slots::<CasPages>();
        let (page, key) = (page(journey), key.to_owned());
        for _ in 0..8 {
            let Some((before, seen)) = slots.get(&page).await? else {
                slots.put(&page, &key).await?;
                return Ok(());
            };
            if slots.swap_for(&page, seen, &key, CasPages::TTL).await?.is_ok() {
                return self.end_unless_approved(&before).await;
            }
        }
        Ok(())
    }

    /// What a page does not show any more, nobody approves any more.
    async fn end_unless_approved(&self, key: &str) -> Result<(), Refusal> {
        match self.app().slots::<CasChannels>().get(key).await? {
            Some((CasChannel::Approved(_), _)) | None => Ok(()),
            Some((CasChannel::Created(_) | CasChannel::Denied(_), _)) => self.end_cas(key, "cancelled").await,
        }
    }

    /// Ends what a journey's page shows.
    pub(super) async fn end_cas_page(&self, journey: &JourneyId) -> Result<(), Refusal> {
        match self.app().slots::<CasPages>().take(&page(journey)).await? {
            Some(key) => self.end_cas(&key, "cancelled").await,
            None => Ok(()),
        }
    }

    /// Opening one too many ends the oldest.
    async fn make_room_for_cas(&self, browser: &SecretHash, key: &str) -> Result<(), Refusal> {
        let slots = self.app().slots::<CasBrowsers>();
        let browser = name(browser);
        for _ in 0..8 {
            let Some((mut all, seen)) = slots.get(&browser).await? else {
                slots.put(&browser, &vec![key.to_owned()]).await?;
                return Ok(());
            };
            all.push(key.to_owned());
            let too_many = all.len().saturating_sub(MOST_PER_BROWSER);
            let oldest: Vec<String> = all.drain(..too_many).collect();
            if slots.swap_for(&browser, seen, &all, CasBrowsers::TTL).await?.is_ok() {
                for key in oldest {
                    self.end_unless_approved(&key).await?;
                }
                return Ok(());
            }
        }
        Ok(())
    }
}
