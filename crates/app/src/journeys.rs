//! How a protocol continues after sign-in.
//!
//! Owns: the slot of a journey, and the trait by which a protocol is asked what the browser gets once
//! somebody is signed in. Not here: the steps (`journey`), the use cases (`signin`).
//!
//! A [`Purpose`] is opaque to all but the crate that made it; it stays on the server.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use domain::{ClientAddress, ClientId, JourneyId, SecretHash};
use journey::{Journey, MethodPolicy, Need};
use live::Slot;
use serde::{Deserialize, Serialize};
use store::SignedIn;

use crate::{App, Refusal};

/// What a journey is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purpose {
    /// Whose: finds the [`Ending`].
    pub kind: String,
    /// What its maker needs to go on.
    pub payload: String,
}

/// What the person is shown of the one who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Shown {
    /// The relying party, if it is one.
    pub client_id: Option<ClientId>,
    /// Its name.
    pub client_name: String,
    /// The host the browser goes back to.
    pub host: String,
    /// An administrator vouches for name and logo.
    pub is_verified: bool,
    /// Logo, as registered. Browsers get it from us (`/logo/{client_id}`).
    pub logo_uri: Option<String>,
    /// Privacy policy.
    pub policy_uri: Option<String>,
    /// Terms of service.
    pub tos_uri: Option<String>,
    /// Home page.
    pub client_uri: Option<String>,
    /// Scopes asked for.
    pub scopes: Vec<String>,
    /// `login_hint`.
    pub login_hint: Option<String>,
    /// `ui_locales`, most wanted first.
    pub ui_locales: Vec<String>,
    /// A line of its own, by language. Plain text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<String, String>,
    /// It speaks CAS: the page also goes by the names that scripts made for CAS look for.
    #[serde(default)]
    pub is_cas: bool,
}

/// A journey to be started.
#[derive(Debug, Clone)]
pub struct NewJourney {
    /// What has to be proven.
    pub need: Need,
    /// What for.
    pub purpose: Purpose,
    /// What is shown.
    pub shown: Shown,
    /// By which means.
    pub methods: MethodPolicy,
}

/// What has to be agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ConsentAsked {
    /// All that is asked for, in the order in which it is shown.
    pub items: Vec<ConsentItem>,
}

impl ConsentAsked {
    /// The names of all that is asked for.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.items.iter().map(|item| item.name.clone()).collect()
    }
}

/// One thing to agree to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentItem {
    /// What a form sends back: a scope, or its maker's word for single claims.
    pub name: String,
    /// The scope in whose words it is shown.
    pub scope: String,
    /// The person may leave it out and agree to the rest.
    pub is_optional: bool,
    /// It was agreed to before.
    pub is_already: bool,
    /// It was asked for before and left out.
    pub is_declined: bool,
    /// What will be told of the person now, as it will be told.
    pub facts: Vec<Fact>,
}

/// A claim and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// The claim's name.
    pub claim: String,
    /// Its value; none: nothing is known of it, and nothing will be told.
    pub value: Option<serde_json::Value>,
    /// The relying party calls it essential.
    pub is_essential: bool,
    /// What the operator calls it, by language; nothing: it is a claim that the texts know.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// Where the browser goes at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Landing {
    /// To an absolute address of a relying party, by 303. Checked by the ending.
    SeeOther(String),
    /// To a path of ours.
    Local(String),
    /// To an absolute address of a relying party, by a form that sends itself. Checked by the ending.
    Form(FormPost),
}

/// A form that the browser sends to a relying party with POST (OAuth 2.0 Form Post Response Mode).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormPost {
    /// The registered address it is sent to.
    pub action: String,
    /// Names and values of its fields.
    pub fields: Vec<(String, String)>,
}

/// A protocol's part after sign-in.
#[async_trait]
pub trait Ending: Send + Sync {
    /// The kind of purposes it makes.
    fn kind(&self) -> &'static str;

    /// What must be agreed to before going on; `None`: nothing.
    async fn consent(&self, purpose: &Purpose, who: &SignedIn) -> Result<Option<ConsentAsked>, Refusal>;

    /// The person agreed to what was asked: to what must be, and of the rest to what is `chosen`. Answers the
    /// purpose with which the journey goes on, which knows of it.
    ///
    /// Something chosen that was not asked for is [`Refusal::Invalid`] (SEC-108).
    async fn consent_given(
        &self,
        purpose: &Purpose,
        who: &SignedIn,
        chosen: &[String],
        address: ClientAddress,
    ) -> Result<Purpose, Refusal>;

    /// Somebody is signed in as needed: what does the browser get?
    async fn finish(&self, purpose: &Purpose, who: &SignedIn) -> Result<Landing, Refusal>;

    /// The person declined (`access_denied` to the relying party).
    async fn declined(&self, purpose: &Purpose) -> Result<Landing, Refusal>;
}

/// The kind of slot that keeps journeys, by [`JourneyId`] text.
#[derive(Debug)]
pub struct JourneySlot;

impl Slot for JourneySlot {
    const KIND: &'static str = "journey";
    const TTL: Duration = Duration::from_secs(30 * 60);
    // Whoever fills the table with starts displaces the oldest of them and keeps nobody from signing in.
    const MAKES_ROOM: bool = true;
    type Value = KeptJourney;
}

/// A journey as kept between requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptJourney {
    /// Its rules and state.
    pub journey: Journey,
    /// What for.
    pub purpose: Purpose,
    /// What is shown.
    pub shown: Shown,
    /// The hash of the secret of the browser that began it.
    pub browser: SecretHash,
    /// The live key of its current QR channel.
    pub channel: Option<String>,
}

/// Starts a journey for the browser with this secret's hash. The id is no secret: without the browser's
/// cookie it opens nothing.
///
/// # Errors
/// The live store is unavailable or full.
pub async fn start(app: &App, new: NewJourney, browser: &SecretHash) -> Result<JourneyId, Refusal> {
    let NewJourney { need, purpose, shown, methods } = new;
    let id: JourneyId = app.entropy().id();
    let journey = Journey::new(id, need, methods, app.now());
    let kept = KeptJourney { journey, purpose, shown, browser: *browser, channel: None };
    app.slots::<JourneySlot>().put(&id.to_string(), &kept).await?;
    Ok(id)
}
