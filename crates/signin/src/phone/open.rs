//! Opening a channel, and showing another id.
//!
//! Owns: who may open how many (SEC-016, SEC-040, SEC-054), and drawing the symbol: here alone, because it
//! costs more than everything else on the page.

use std::time::Duration;

use app::journeys::JourneySlot;
use app::{Refusal, Rule, Visitor, meters, throttle};
use domain::{Client, ClientAddress, JourneyId, SecretHash, Timestamp};
use live::Slot;
use qr::facts::Asker;
use qr::{Channel, Created, Opening, Seen, State, wire};

use super::{ChannelIds, Channels, Found, encode, symbol};
use crate::SignIn;
use crate::way::{Way, name};

/// So many channels of one browser live at once (SEC-016).
const MOST_PER_BROWSER: usize = 5;
/// After "this was not me" the browser's network may open so many more for a while (SEC-029).
const MOST_AFTER_REPORT: u64 = 3;
const REPORT_WINDOW: Duration = Duration::from_secs(10 * 60);

/// The channels that a browser opened, oldest first, by the hash of its secret.
struct BrowserChannels;

impl Slot for BrowserChannels {
    const KIND: &'static str = "browser-channels";
    const TTL: Duration = Duration::from_secs(6 * 60);
    type Value = Vec<String>;
}

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// What the symbol says: `<issuer>/s#1<channel id>`; empty unless it waits for a phone.
    pub url: String,
    /// The symbol; empty unless it waits for a phone.
    pub svg: String,
    /// Seconds until another id has to be shown, or the state ends.
    pub expires_in: u16,
    /// `waiting`, or where a phone already is: `claimed`, `approved`.
    pub state: &'static str,
}

impl SignIn {
    /// Opens a channel for the journey, or shows another id of the one it has. A channel that a phone has
    /// claimed stays as it is: its state is told, and nothing is drawn.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] where no phone is taken; [`Refusal::TooMany`]; [`Refusal::Gone`] when the
    /// journey is over.
    pub async fn phone_open(&self, id: &JourneyId, visitor: &Visitor) -> Result<Opened, Refusal> {
        for _ in 0..4 {
            let way = self.way(id, visitor).await?;
            if !self.offered(&way.kept.journey).phone {
                return Err(Refusal::Forbidden);
            }
            let now = self.app().now();
            let browser = name(&way.kept.browser);
            self.app().throttle().hit(Rule::ChannelBrowser, &browser).await?;
            let opened = match self.channel_of(&way.kept).await? {
                None => self.open_new(way, visitor, now).await?,
                Some(found) => match found.channel.standing(now).state {
                    State::Waiting => self.rotate(found, visitor, now).await?,
                    State::Claimed | State::Approved => Some(shown(&found.channel, None, now)?),
                    State::Denied | State::Expired => {
                        self.cancel(&found.handle).await?;
                        self.open_new(way, visitor, now).await?
                    }
                },
            };
            // Nothing: a phone, or another tab of the same page, was quicker. See what there is now.
            if let Some(opened) = opened {
                return Ok(opened);
            }
        }
        Err(Refusal::TooMany { retry_after: Duration::from_secs(1) })
    }

    /// Gives up the journey's channel: "show a new code" while a phone has it, or another method is taken.
    ///
    /// # Errors
    /// [`Refusal::Gone`] when the journey is over.
    pub async fn phone_cancel(&self, id: &JourneyId, visitor: &Visitor) -> Result<(), Refusal> {
        let way = self.way(id, visitor).await?;
        self.end_channel(&way.kept).await
    }

    async fn rotate(
        &self,
        found: Found,
        visitor: &Visitor,
        now: Timestamp,
    ) -> Result<Option<Opened>, Refusal> {
        let Found { handle, channel: Channel::Created(created), version } = found else { return Ok(None) };
        // Each id takes a slot of its own for a minute.
        self.app().throttle().hit(Rule::RotateAddress, &throttle::network(visitor.address)).await?;
        let (id, mac) = self.new_channel_id();
        let Ok(created) = created.rotate(mac, now) else { return Ok(None) };
        let channel = Channel::Created(created);
        self.app().slots::<ChannelIds>().put(&name(&mac), &handle).await.map_err(full)?;
        if self.app().slots::<Channels>().swap(&handle, version, &channel).await?.is_err() {
            return Ok(None);
        }
        shown(&channel, Some(&self.url(&id)), now).map(Some)
    }

    async fn open_new(&self, way: Way, visitor: &Visitor, now: Timestamp) -> Result<Option<Opened>, Refusal> {
        let app = self.app();
        self.may_open(visitor).await?;
        let client = match &way.kept.shown.client_id {
            Some(id) => Some(app.clients().find(id).await?.ok_or(Refusal::Gone)?),
            None => None,
        };
        let may = client.as_ref().is_none_or(|c| c.is_enabled && !c.requires_phishing_resistant);
        if !may {
            return Err(Refusal::Forbidden);
        }
        let (id, mac) = self.new_channel_id();
        let handle = encode(app.entropy().bytes());
        let opening = opening(&way, visitor, client.as_deref());
        let channel = Channel::Created(Created::open(opening, mac, now));
        app.slots::<Channels>().put(&handle, &channel).await.map_err(full)?;
        app.slots::<ChannelIds>().put(&name(&mac), &handle).await.map_err(full)?;
        let Way { id: journey, mut kept, version } = way;
        kept.channel = Some(handle.clone());
        if app.slots::<JourneySlot>().swap(&journey.to_string(), version, &kept).await?.is_err() {
            app.slots::<Channels>().take(&handle).await?;
            return Ok(None);
        }
        self.make_room(&kept.browser, &handle).await?;
        self.0.phones.count_opened();
        app.meters().count(meters::Event::QrShown);
        // Streams of this page that saw the one before end hear that there is another.
        self.say(&journey, State::Waiting).await;
        shown(&channel, Some(&self.url(&id)), now).map(Some)
    }

    pub(crate) async fn may_open(&self, visitor: &Visitor) -> Result<(), Refusal> {
        let throttles = self.app().throttle();
        let network = throttle::network(visitor.address);
        // The total last: what one network is refused must not use up everybody's share (SEC-222, SEC-224).
        throttles.hit(Rule::ChannelAddress, &network).await?;
        throttles.hit(Rule::ChannelTotal, "").await?;
        let live = self.app().live();
        let reported = live.count(&self.reports("qr-reports", &network), 0, REPORT_WINDOW).await?;
        if reported.sum > 0 {
            let opens = self.reports("qr-opens-after-report", &network);
            let opens = live.count(&opens, 1, REPORT_WINDOW).await?;
            if opens.sum > MOST_AFTER_REPORT {
                return Err(Refusal::TooMany { retry_after: opens.ends_in.max(Duration::from_secs(1)) });
            }
        }
        Ok(())
    }

    /// Opening one too many cancels the oldest.
    async fn make_room(&self, browser: &SecretHash, handle: &str) -> Result<(), Refusal> {
        let slots = self.app().slots::<BrowserChannels>();
        let key = name(browser);
        for _ in 0..8 {
            let Some((mut all, seen)) = slots.get(&key).await? else {
                slots.put(&key, &vec![handle.to_owned()]).await?;
                return Ok(());
            };
            all.push(handle.to_owned());
            let too_many = all.len().saturating_sub(MOST_PER_BROWSER);
            let oldest: Vec<String> = all.drain(..too_many).collect();
            if slots.swap(&key, seen, &all).await?.is_ok() {
                for handle in oldest {
                    self.cancel(&handle).await?;
                }
                return Ok(());
            }
        }
        Ok(())
    }

    /// An id for the QR, and what is kept in its place.
    fn new_channel_id(&self) -> (String, SecretHash) {
        let id = encode(self.app().entropy().bytes());
        let mac = self.channel_mac(&id);
        (id, mac)
    }

    /// Notes that a phone's owner reported a browser of this network (SEC-029).
    pub(super) async fn reported(&self, browser: ClientAddress) -> Result<(), Refusal> {
        let key = self.reports("qr-reports", &throttle::network(browser));
        self.app().live().count(&key, 1, REPORT_WINDOW).await?;
        Ok(())
    }

    fn reports(&self, kind: &'static str, network: &str) -> live::Key {
        live::Key { kind, id: name(&self.app().mac("qr reports", network.as_bytes())) }
    }

    fn url(&self, channel_id: &str) -> String {
        wire::qr_text(self.app().issuer().as_str(), channel_id)
    }
}

/// At the cap the start is refused and other methods go on (SEC-054).
pub(crate) fn full(error: live::LiveError) -> Refusal {
    match error {
        live::LiveError::Full(_) => Refusal::TooMany { retry_after: Duration::from_secs(30) },
        other => other.into(),
    }
}

fn opening(way: &Way, visitor: &Visitor, client: Option<&Client>) -> Opening {
    let shown = &way.kept.shown;
    Opening {
        browser: way.kept.browser,
        journey: way.id,
        asker: Asker {
            id: shown.client_id.as_ref().map(|id| id.as_str().to_owned()),
            name: shown.client_name.clone(),
            host: shown.host.clone(),
            verified: shown.is_verified,
        },
        scopes: shown.scopes.clone(),
        needs_code: client.is_none_or(|client| !client.skips_check_code),
        same_country: client.is_some_and(|client| client.requires_same_country),
        seen: Seen {
            address: visitor.address,
            agent: visitor.agent.clone(),
            mark: visitor.known.as_ref().map(app::Secret::hash),
        },
    }
}

fn shown(channel: &Channel, url: Option<&str>, now: Timestamp) -> Result<Opened, Refusal> {
    let standing = channel.standing(now);
    let svg = match url {
        Some(url) => symbol::svg(url).map_err(|error| Refusal::Corrupt(format!("no QR symbol: {error}")))?,
        None => String::new(),
    };
    Ok(Opened {
        url: url.unwrap_or_default().to_owned(),
        svg,
        expires_in: u16::try_from(super::watch::seconds(standing.expires_in)).unwrap_or(u16::MAX),
        state: standing.state.as_str(),
    })
}
