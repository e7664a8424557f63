//! Signing out: ended by a relying party's request or by the person, and who has to be told of it.
//!
//! Owns: believing hints, ending the browser's session, the frames of its clients, and noting which clients a
//! session led to. Not here: the rules (`oidc::logout`), telling clients from server to server (`notices`), pages
//! (`web-oidc`).
//!
//! Invariants (SEC-134): a browser is sent on only with a verified hint and only to an address that the hint's
//! client registered; without a hint that names the session of this very browser nothing ends before the person
//! said so.

use std::sync::Arc;

use app::{FrontChannel, Left, Refusal, Visitor};
use async_trait::async_trait;
use domain::{AccountId, Client, SessionId, text};
use oidc::logout::{Asked, Hint, frame};
use store::{EditLogouts, SessionClient, SignedIn};
use url::Url;

use crate::Provider;

/// What a request to sign out leads to.
#[derive(Debug, Clone)]
pub enum LogoutOutcome {
    /// The person is asked first. Nothing has ended.
    Ask {
        /// What to call who is signed in.
        name: String,
        /// Where the browser goes after a yes, if anywhere.
        onward: Option<String>,
    },
    /// Nobody is signed in in this browser, or not any more.
    Out(SignedOut),
}

/// Nobody is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedOut {
    /// What ended just now; none: nobody was signed in. [`app::FrontChannels`] knows whom a page tells of it.
    pub left: Option<Left>,
    /// Where the browser goes then; none: nowhere, the page says that it is done.
    pub onward: Option<String>,
}

/// A hint whose signature is ours, and its client as it is registered now.
struct Believed {
    hint: Hint,
    client: Arc<Client>,
}

impl Provider {
    /// Takes a request to sign out (RP-Initiated Logout §2). `confirmed`: the person said yes, in a form of ours.
    ///
    /// # Errors
    /// A port failed.
    pub async fn end_session(
        &self,
        asked: &Asked,
        visitor: &Visitor,
        confirmed: bool,
    ) -> Result<LogoutOutcome, Refusal> {
        let believed = match &asked.hint {
            Some(hint) => self.believed(hint).await?.filter(|it| asked.fits(&it.hint)),
            None => None,
        };
        let onward = believed.as_ref().and_then(|it| asked.way_back(&it.hint, &it.client));
        let who = match &visitor.session {
            Some(secret) => self.app().sessions().peek(secret).await?,
            None => None,
        };
        let Some(who) = who else {
            return Ok(LogoutOutcome::Out(SignedOut { left: None, onward }));
        };
        // An address that is not gone to is worth a question: the request is not what its client registered.
        let goes_where_asked = asked.to.is_none() || onward.is_some();
        let is_named = match &believed {
            Some(it) => self.names(it, &who)?,
            None => false,
        };
        if !(confirmed || is_named && goes_where_asked) {
            let name = text::shown(who.account.display_name(), 80);
            return Ok(LogoutOutcome::Ask { name, onward });
        }
        let left = self.app().sign_out(&who, visitor).await?;
        Ok(LogoutOutcome::Out(SignedOut { left: Some(left), onward }))
    }

    /// Where requests to sign out go.
    #[must_use]
    pub fn end_session_endpoint(&self) -> String {
        self.app().issuer().url("/logout")
    }

    /// Notes, in the unit that gives a client its first token of a session, that the session led there: if the
    /// client wants to know its end.
    ///
    /// # Errors
    /// The store, or the lasting key is not loaded.
    pub(crate) async fn note_session_client(
        &self,
        work: &mut dyn EditLogouts,
        client: &Client,
        session: &SessionId,
        account: &AccountId,
    ) -> Result<(), Refusal> {
        if !client.metadata.wants_logouts() {
            return Ok(());
        }
        let noted = SessionClient {
            session: *session,
            client: client.id.clone(),
            subject: self.subject_of(client, account)?,
            by_server: client.metadata.backchannel_logout.is_some(),
        };
        Ok(work.note_session_client(&noted, self.app().now()).await?)
    }

    /// A hint is believed when a key of ours signed it, also one that is retired, and its client is still there.
    async fn believed(&self, text: &str) -> Result<Option<Believed>, Refusal> {
        let Some(hint) = self.read_hint(text) else { return Ok(None) };
        let client = self.app().clients().find(&hint.client).await?;
        Ok(client.map(|client| Believed { hint, client }))
    }

    /// A client that gets its ID tokens encrypted encrypts the hint for us (RP-Initiated Logout §2): one that is still
    /// encrypted for the client is nothing that anybody could read here.
    pub(crate) fn read_hint(&self, text: &str) -> Option<Hint> {
        let opened = match jose::is_encrypted(text) {
            true => String::from_utf8(self.app().keys().open(text).ok()?).ok()?,
            false => String::new(),
        };
        let token = jose::Unverified::parse(if opened.is_empty() { text } else { &opened }).ok()?;
        let key = self.app().keys().by_kid(token.kid()?)?;
        let claims = jose::strict::object(&token.verify(key.public(), "JWT").ok()?)?;
        Hint::of_claims(&claims, self.app().issuer().as_str())
    }

    /// Whether a hint names who is signed in in this browser: by session, or, where that was replaced since, by
    /// person.
    fn names(&self, it: &Believed, who: &SignedIn) -> Result<bool, Refusal> {
        if it.hint.session == Some(who.session.id) {
            return Ok(true);
        }
        Ok(self.subject_of(&it.client, &who.account.id)? == it.hint.subject)
    }
}

/// Front-Channel Logout §2.
#[async_trait]
impl FrontChannel for Provider {
    async fn frames(&self, left: &Left) -> Result<Vec<Url>, Refusal> {
        let mut frames = Vec::new();
        for one in &left.clients {
            let Some(client) = self.app().clients().find(&one.client).await? else { continue };
            let Some(registered) = client.metadata.frontchannel_logout.as_ref().filter(|_| client.is_enabled)
            else {
                continue;
            };
            frames.extend(frame(registered, self.app().issuer().as_str(), &left.session));
        }
        Ok(frames)
    }
}
