//! The language in which an account's owner is written to, as its owner chooses it.

use app::{Change, Refusal, Visitor, audit};
use domain::{AccountId, Actor, AuditEntry, AuditEvent, Outcome};

use crate::Registry;

impl Registry {
    /// Keeps the choice; none: as the browser that is there.
    ///
    /// # Errors
    /// `NotFound`; `Conflict("version")` when others change the account all the time.
    pub async fn choose_language(
        &self,
        account: &AccountId,
        language: Option<&str>,
        visitor: &Visitor,
    ) -> Result<(), Refusal> {
        // Who edits the account in the same moment is let go first.
        for _ in 0..3 {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let person = work.person(account).await?.ok_or(Refusal::NotFound)?;
            let mut changed = person.account;
            if changed.language.as_deref() == language {
                return Ok(());
            }
            changed.language = language.map(str::to_owned);
            if !work.edit_account(&changed, person.version, now).await? {
                continue;
            }
            let entry = audit::by(visitor, AuditEvent::AccountChanged, Outcome::Done, now);
            let (actor, detail) = (Some(Actor::Account(*account)), audit::detail("language"));
            work.audit(AuditEntry { account: Some(*account), actor, detail, ..entry }).await?;
            work.commit().await?;
            self.app.tell(Change::Account(*account)).await;
            return Ok(());
        }
        Err(Refusal::Conflict("version"))
    }
}
