//! Browser sessions as an administrator finds and ends them.
//!
//! Owns: finding, and ending one. Not here: beginning sessions, and people's own (`signin`).

use app::{Change, Mandate, Refusal, notices};
use domain::notice::{NoticeBy, NoticeKind};
use domain::{
    AccountId, AuditEntry, AuditEvent, BrowserSession, Cursor, ListedSession, Outcome, SessionEnd,
    SessionFilter, SessionId,
};

use crate::Registry;

/// So many of the sessions that end together are told one by one.
const TOLD: u32 = 20;

impl Registry {
    /// Living sessions, newest first.
    ///
    /// # Errors
    /// The store.
    pub async fn sessions(
        &self,
        filter: &SessionFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<ListedSession>, Refusal> {
        Ok(self.app.store().read().await?.find_sessions(filter, after, limit, self.app.now()).await?)
    }

    /// Ends a session with the tokens made in it; its owner is told, and so are the relying parties.
    ///
    /// # Errors
    /// `NotFound`, also when it is over already.
    pub async fn end_session(&self, by: &Mandate, id: &SessionId) -> Result<BrowserSession, Refusal> {
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let session = work.session(id).await?.ok_or(Refusal::NotFound)?;
            if !work.end_session(id, SessionEnd::EndedByAdmin, now).await? {
                return Err(Refusal::NotFound);
            }
            work.audit(AuditEntry {
                account: Some(session.account),
                device: session.device,
                session: Some(*id),
                detail: Some(SessionEnd::EndedByAdmin.as_str().to_owned()),
                ..by.entry(AuditEvent::SessionEnded, Outcome::Done, now)
            })
            .await?;
            let owner = work.account(&session.account).await?.ok_or(Refusal::NotFound)?;
            let told = NoticeKind::SessionEnded { browser: session.browser.clone(), by: NoticeBy::Admin };
            notices::post(&self.app, &mut *work, &owner, told, now).await?;
            work.commit().await?;
            Ok(BrowserSession { ended: Some((now, SessionEnd::EndedByAdmin)), ..session })
        };
        let session = self.app.repeatable(deed).await?;
        self.app.tell(Change::Session(*id)).await;
        tracing::info!(session.id = %id, "Session ended by an administrator");
        Ok(session)
    }

    /// Ends all sessions of a person, and all tokens, also those that outlive sessions; answers how many were alive.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn end_sessions_of(&self, by: &Mandate, account: &AccountId) -> Result<usize, Refusal> {
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let owner = work.account(account).await?.ok_or(Refusal::NotFound)?;
            let filter = SessionFilter { account: Some(*account), ..Default::default() };
            let told = work.find_sessions(&filter, None, TOLD, now).await?;
            let ended = work.end_sessions_of_account(account, SessionEnd::EndedByAdmin, now).await?;
            work.audit(AuditEntry {
                account: Some(*account),
                detail: Some(format!("{}: {}", SessionEnd::EndedByAdmin.as_str(), ended.len())),
                ..by.entry(AuditEvent::SessionEnded, Outcome::Done, now)
            })
            .await?;
            for one in told {
                let told = NoticeKind::SessionEnded { browser: one.session.browser, by: NoticeBy::Admin };
                notices::post(&self.app, &mut *work, &owner, told, now).await?;
            }
            work.commit().await?;
            Ok(ended)
        };
        let ended = self.app.repeatable(deed).await?;
        let mut changes: Vec<Change> = ended.iter().copied().map(Change::Session).collect();
        changes.push(Change::Account(*account));
        self.app.tell_all(&changes).await;
        Ok(ended.len())
    }
}
