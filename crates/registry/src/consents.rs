//! Consents as an administrator finds and withdraws them.
//!
//! Owns: finding, and withdrawing one. Not here: giving, and people's own (`signin`).

use app::{Change, Mandate, Refusal, notices};
use domain::notice::NoticeKind;
use domain::{AccountId, AuditEntry, AuditEvent, ClientId, Cursor, ListedConsent, Outcome};

use crate::Registry;

impl Registry {
    /// Consents, newest first.
    ///
    /// # Errors
    /// The store.
    pub async fn consents(
        &self,
        account: Option<&AccountId>,
        client: Option<&ClientId>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<ListedConsent>, Refusal> {
        Ok(self.app.store().read().await?.find_consents(account, client, after, limit).await?)
    }

    /// Takes a person's consent back, and all tokens made from it (SEC-124); they are told.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn withdraw_consent(
        &self,
        by: &Mandate,
        account: &AccountId,
        client: &ClientId,
    ) -> Result<(), Refusal> {
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let owner = work.account(account).await?.ok_or(Refusal::NotFound)?;
            let name = work.client(client).await?.map_or_else(|| client.to_string(), |client| client.name);
            if !work.delete_consent(account, client, now).await? {
                return Err(Refusal::NotFound);
            }
            work.audit(AuditEntry {
                account: Some(*account),
                client: Some(client.clone()),
                ..by.entry(AuditEvent::ConsentRevoked, Outcome::Done, now)
            })
            .await?;
            let told = NoticeKind::ConsentWithdrawn { client: domain::text::shown(&name, 80) };
            notices::post(&self.app, &mut *work, &owner, told, now).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.app.tell(Change::Account(*account)).await;
        Ok(())
    }
}
