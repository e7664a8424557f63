//! A person's own sessions: where they are signed in, and ending it (SEC-154).
//!
//! Owns: the owner's view of their browser sessions. Not here: signing this browser out (`app::App::sign_out`), an
//! administrator's view (`registry`).

use app::{Change, Refusal, Visitor, audit};
use domain::{
    Account, AccountId, AuditEntry, AuditEvent, BrowserSession, Outcome, SessionEnd, SessionId, Timestamp,
};
use store::{SignedIn, Work};

use crate::SignIn;

/// Sessions shown at most; more than these are ended by "everywhere else" all the same.
const MOST: u32 = 200;

/// Where a person is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSessions {
    /// The session of the browser that asks.
    pub this: SessionId,
    /// The living ones, last used first.
    pub sessions: Vec<BrowserSession>,
}

impl SignIn {
    /// Who is signed in in this browser.
    ///
    /// # Errors
    /// [`Refusal::NotSignedIn`]; the store is unavailable.
    pub async fn own_account(&self, visitor: &Visitor) -> Result<Account, Refusal> {
        Ok(self.who(visitor).await?.ok_or(Refusal::NotSignedIn)?.account.clone())
    }

    /// Where the person in this browser is signed in.
    ///
    /// # Errors
    /// [`Refusal::NotSignedIn`]; the store is unavailable.
    pub async fn own_sessions(&self, visitor: &Visitor) -> Result<OwnSessions, Refusal> {
        let who = self.who(visitor).await?.ok_or(Refusal::NotSignedIn)?;
        let now = self.app().now();
        let mut view = self.app().store().read().await?;
        let sessions = view.sessions_of_account(&who.account.id, now, MOST).await?;
        Ok(OwnSessions { this: who.session.id, sessions })
    }

    /// Ends one of the person's sessions in another browser.
    ///
    /// # Errors
    /// [`Refusal::NotSignedIn`]; [`Refusal::NotFound`] for one that is over, or another person's; [`Refusal::Invalid`]
    /// for the one that asks.
    pub async fn end_own_session(&self, visitor: &Visitor, id: &str) -> Result<(), Refusal> {
        let who = self.who(visitor).await?.ok_or(Refusal::NotSignedIn)?;
        let id: SessionId = id.parse().map_err(|_| Refusal::NotFound)?;
        if id == who.session.id {
            return Err(Refusal::Invalid { field: "session", why: "is this browser's: sign out instead" });
        }
        let now = self.app().now();
        let deed = || async {
            let mut work = self.app().store().begin().await?;
            let theirs = work.session(&id).await?.is_some_and(|session| session.account == who.account.id);
            if !theirs || !work.end_session(&id, SessionEnd::SignedOut, now).await? {
                return Err(Refusal::NotFound);
            }
            note(&mut *work, visitor, &who, &[id], now).await?;
            Ok(work.commit().await?)
        };
        self.app().repeatable(deed).await?;
        self.app().tell(Change::Session(id)).await;
        Ok(())
    }

    /// Ends all of the person's sessions but this browser's; answers how many.
    ///
    /// # Errors
    /// [`Refusal::NotSignedIn`]; the store is unavailable.
    pub async fn end_own_other_sessions(&self, visitor: &Visitor) -> Result<usize, Refusal> {
        let who = self.who(visitor).await?.ok_or(Refusal::NotSignedIn)?;
        let (account, this, now): (AccountId, SessionId, Timestamp) =
            (who.account.id, who.session.id, self.app().now());
        let deed = || async {
            let mut work = self.app().store().begin().await?;
            let ended = work.end_other_sessions(&account, &this, SessionEnd::SignedOut, now).await?;
            note(&mut *work, visitor, &who, &ended, now).await?;
            work.commit().await?;
            Ok(ended)
        };
        let ended = self.app().repeatable(deed).await?;
        let changes: Vec<Change> = ended.iter().map(|id| Change::Session(*id)).collect();
        self.app().tell_all(&changes).await;
        Ok(ended.len())
    }
}

async fn note(
    work: &mut dyn Work,
    visitor: &Visitor,
    who: &SignedIn,
    ended: &[SessionId],
    now: Timestamp,
) -> Result<(), Refusal> {
    for id in ended {
        work.audit(AuditEntry {
            account: Some(who.account.id),
            session: Some(*id),
            detail: audit::detail("by its owner, from another browser"),
            ..audit::by(visitor, AuditEvent::SessionEnded, Outcome::Done, now)
        })
        .await?;
    }
    Ok(())
}
