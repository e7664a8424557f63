//! The first administrator: made by a one-time link that the program prints at its first start
//! (SEC-188). There are no default credentials.

use std::time::Duration;

use app::{Change, Refusal, Rule, Secret, audit, throttle};
use domain::{Account, AuditEntry, AuditEvent, ClientAddress, Outcome, PasswordHash};
use secrecy::SecretString;

use crate::Registry;
use crate::users::NewUser;

/// Nodes that start within so long start together: one of them shows the link.
const TOGETHER: Duration = Duration::from_secs(30);

/// What a start has to say about the first administrator.
#[derive(Debug)]
pub enum SetupOffer {
    /// Whoever has this token makes the first administrator, once.
    Token(Secret),
    /// Another node that started just now made the token that counts.
    ShownElsewhere,
    /// There is an administrator.
    NotNeeded,
}

impl Registry {
    /// Makes the one-time token of the setup link: none once an administrator was made by one. A token that
    /// nobody took is replaced, so that a lost link costs a restart and not the installation. Of several nodes
    /// that start together one makes it, so that every link that is shown is good. Only its hash is kept.
    ///
    /// # Errors
    /// The store.
    pub async fn offer_setup(&self) -> Result<SetupOffer, Refusal> {
        let token = self.app.entropy().secret();
        let is_first = self.is_first_to_offer().await;
        let mut work = self.app.store().begin().await?;
        if !work.offer_admin_setup(&token.hash(), self.app.now()).await? {
            return Ok(SetupOffer::NotNeeded);
        }
        if !is_first {
            // Dropping the unit undoes the offer.
            return Ok(SetupOffer::ShownElsewhere);
        }
        work.commit().await?;
        Ok(SetupOffer::Token(token))
    }

    async fn is_first_to_offer(&self) -> bool {
        let key = live::Key { kind: "setup-offer", id: "offer".to_owned() };
        match self.app.live().count(&key, 1, TOGETHER).await {
            Ok(counted) => counted.sum == 1,
            Err(error) => {
                tracing::warn!(%error, "Nodes that start together may each show a setup link; the last one is good");
                true
            }
        }
    }

    /// Takes the token and makes the account of the first administrator. A wrong name or password leaves
    /// the token good; of many callers with the right one, one gets through.
    ///
    /// # Errors
    /// `Invalid` for name or password; `Gone` for a token that is wrong or was used (one answer for both);
    /// `TooMany` from one network.
    pub async fn take_setup(
        &self,
        token: &str,
        username: &str,
        password: SecretString,
        address: ClientAddress,
    ) -> Result<Account, Refusal> {
        // Before the password is hashed: guessing must not cost us hashes either.
        self.app.throttle().hit(Rule::AdminSetupAddress, &throttle::network(address)).await?;
        let token = Secret::parse(token.trim()).ok_or(Refusal::Gone)?;
        let new = NewUser { username: username.to_owned(), password: Some(password), ..NewUser::default() };
        let prepared = self.prepare_user(new).await?;
        let now = self.app.now();
        let account = prepared.account;
        let mut work = self.app.store().begin().await?;
        if !work.take_admin_setup(&token.hash(), now).await? {
            return Err(Refusal::Gone);
        }
        work.add_account(&account).await?;
        if let Some(phc) = prepared.phc {
            work.set_password(&PasswordHash { account: account.id, phc, changed_at: now }).await?;
        }
        work.make_admin(&account.id, now).await?;
        for event in [AuditEvent::AccountCreated, AuditEvent::AdminSetUp] {
            let entry = audit::from(address, event, Outcome::Done, now);
            work.audit(AuditEntry { account: Some(account.id), ..entry }).await?;
        }
        work.commit().await?;
        self.app.tell(Change::Account(account.id)).await;
        tracing::info!(account.id = %account.id, "First administrator set up");
        Ok(account)
    }
}
