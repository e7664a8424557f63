//! The first administrator: made by a one-time link that the program prints at its first start
//! (SEC-188). There are no default credentials.

use app::{Change, Refusal, Rule, Secret, audit, throttle};
use domain::{Account, AuditEntry, AuditEvent, ClientAddress, Outcome, PasswordHash};
use secrecy::SecretString;

use crate::Registry;
use crate::users::NewUser;

impl Registry {
    /// Makes the one-time token of the setup link: none once an administrator was made by one. A token that
    /// nobody took is replaced, so that a lost link costs a restart and not the installation. Only its hash
    /// is kept.
    ///
    /// # Errors
    /// The store.
    pub async fn offer_setup(&self) -> Result<Option<Secret>, Refusal> {
        let token = self.app.entropy().secret();
        let mut work = self.app.store().begin().await?;
        if !work.offer_admin_setup(&token.hash(), self.app.now()).await? {
            return Ok(None);
        }
        work.commit().await?;
        Ok(Some(token))
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
        self.app.tell(Change::Account(account.id)).await?;
        tracing::info!(account.id = %account.id, "First administrator set up");
        Ok(account)
    }
}
