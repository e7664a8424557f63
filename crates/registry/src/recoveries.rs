//! Recoveries by the helpdesk: the way back of somebody who has nothing left to sign in with (SEC-086).
//!
//! Owns: opening one with a reason, its wait, calling it off, completing it. Every step is told to the account's owner on
//! every channel. Not here: what the link gives its owner (`signin::redeem_recovery`).

use std::time::Duration;

use app::{Mandate, Refusal, audit, notices};
use domain::{
    Account, AccountId, Actor, AuditEntry, AuditEvent, ClientAddress, Cursor, ListedRecovery, NoticeBy,
    NoticeKind, Outcome, Recovery, RecoveryId, RecoveryState, text,
};

use crate::Registry;

/// A recovery that nobody completed is over so long after its wait.
const PATIENCE: Duration = Duration::from_secs(7 * 24 * 3600);
/// The link is good for so long.
const LINK_LIFE: Duration = Duration::from_secs(60 * 60);

/// Which recoveries.
#[derive(Debug, Clone, Default)]
pub struct RecoveryQuery {
    /// Only this account's.
    pub account: Option<AccountId>,
    /// Only those that are not over.
    pub is_open: bool,
}

/// A completed recovery and its link.
#[derive(Debug)]
pub struct RecoveryLink {
    /// The recovery.
    pub recovery: ListedRecovery,
    /// `<issuer>/recover#r1<token>`: a secret until it is used; said this once.
    pub url: String,
}

impl Registry {
    /// Opens a recovery. Its owner is told, and may call it off while it waits.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` for an account that may do more than who opens it (SEC-181); `Invalid` for the reason;
    /// `Conflict("account_state")`; `Conflict("recovery_open")`.
    pub async fn open_recovery(
        &self,
        by: &Mandate,
        account: &AccountId,
        reason: &str,
    ) -> Result<ListedRecovery, Refusal> {
        let why = "is one plain line of 3 to 200 characters: who asked, and how you know them";
        let reason = text::plain_line(reason, 200).ok().filter(|reason| reason.chars().count() >= 3);
        let reason = reason.ok_or(Refusal::Invalid { field: "reason", why })?;
        let hours = self.app.policies().now().await?.policies.recovery.waiting_hours;
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let owner = recoverable(&mut *work, by, account).await?;
            let ready_at = now.after(Duration::from_secs(u64::from(hours) * 3600));
            let recovery = Recovery {
                id: self.app.entropy().id(),
                account: owner.id,
                state: RecoveryState::Waiting,
                reason: reason.clone(),
                opened_by: by.actor.clone(),
                opened_at: now,
                ready_at,
                expires_at: ready_at.after(PATIENCE),
                completed: None,
                token_hash: None,
                ended_at: None,
                cancelled_by: None,
            };
            work.add_recovery(&recovery).await?;
            let entry = by.entry(AuditEvent::RecoveryOpened, Outcome::Done, now);
            let detail = audit::detail(&recovery.reason);
            work.audit(AuditEntry { account: Some(owner.id), detail, ..entry }).await?;
            let told = NoticeKind::RecoveryOpened { recovery: recovery.id, ready_at };
            notices::post(&self.app, &mut *work, &owner, told, now).await?;
            work.commit().await?;
            Ok(ListedRecovery { recovery, username: owner.username.to_string() })
        };
        let opened = self.app.repeatable(deed).await?;
        tracing::info!(recovery.id = %opened.recovery.id, account.id = %account, "Recovery opened");
        Ok(opened)
    }

    /// Recoveries, newest first.
    ///
    /// # Errors
    /// The store.
    pub async fn recoveries(
        &self,
        query: &RecoveryQuery,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<ListedRecovery>, Refusal> {
        let open_at = query.is_open.then(|| self.app.now());
        let filter = store::RecoveryFilter { account: query.account, open_at };
        Ok(self.app.store().read().await?.recoveries(&filter, after, limit).await?)
    }

    /// The recovery with this id.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn recovery(&self, id: &RecoveryId) -> Result<ListedRecovery, Refusal> {
        let mut view = self.app.store().read().await?;
        let recovery = view.recovery(id).await?.ok_or(Refusal::NotFound)?;
        let owner = view.account(&recovery.account).await?.ok_or(Refusal::NotFound)?;
        Ok(ListedRecovery { recovery, username: owner.username.to_string() })
    }

    /// Calls a recovery off.
    ///
    /// # Errors
    /// `NotFound`; `Conflict("recovery_state")` when it is over.
    pub async fn cancel_recovery(&self, by: &Mandate, id: &RecoveryId) -> Result<ListedRecovery, Refusal> {
        let before = self.recovery(id).await?;
        let entry = by.entry(AuditEvent::RecoveryCancelled, Outcome::Done, self.app.now());
        self.call_off(&before.recovery, &by.actor, NoticeBy::Admin, entry).await?;
        self.recovery(id).await
    }

    /// The recovery of this account that is not over.
    ///
    /// # Errors
    /// The store.
    pub async fn running_recovery(&self, account: &AccountId) -> Result<Option<Recovery>, Refusal> {
        self.app.running_recovery(account).await
    }

    /// Its owner calls off whatever recovery of theirs is open ("this was not me"). `false`: there was none.
    ///
    /// # Errors
    /// The store.
    pub async fn cancel_own_recovery(
        &self,
        account: &AccountId,
        from: Option<ClientAddress>,
    ) -> Result<bool, Refusal> {
        let Some(open) = self.app.running_recovery(account).await? else { return Ok(false) };
        let by = Actor::Account(*account);
        let entry = audit::of(&by, from, AuditEvent::RecoveryCancelled, Outcome::Done, self.app.now());
        match self.call_off(&open, &by, NoticeBy::Owner, entry).await {
            Ok(()) => Ok(true),
            Err(Refusal::Conflict(_)) => Ok(false),
            Err(other) => Err(other),
        }
    }

    async fn call_off(
        &self,
        recovery: &Recovery,
        by: &Actor,
        told_by: NoticeBy,
        entry: AuditEntry,
    ) -> Result<(), Refusal> {
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            if !work.cancel_recovery(&recovery.id, by, now).await? {
                return Err(Refusal::Conflict("recovery_state"));
            }
            let owner = work.account(&recovery.account).await?.ok_or(Refusal::NotFound)?;
            work.audit(AuditEntry { account: Some(owner.id), ..entry.clone() }).await?;
            let told = NoticeKind::RecoveryCancelled { by: told_by };
            notices::post(&self.app, &mut *work, &owner, told, now).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await
    }

    /// Completes a recovery whose wait is over, and answers its link. Where the policy has no wait, it takes another
    /// person than the one who opened it.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` as for opening; `Conflict("recovery_waiting")`; `Conflict("recovery_same_person")`;
    /// `Conflict("recovery_state")` when it is over, or completed already.
    pub async fn complete_recovery(&self, by: &Mandate, id: &RecoveryId) -> Result<RecoveryLink, Refusal> {
        let token = self.app.entropy().secret();
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let recovery = work.recovery(id).await?.ok_or(Refusal::NotFound)?;
            let owner = recoverable(&mut *work, by, &recovery.account).await?;
            if recovery.state == RecoveryState::Waiting && now < recovery.ready_at {
                return Err(Refusal::Conflict("recovery_waiting"));
            }
            let had_no_wait = recovery.ready_at <= recovery.opened_at;
            if had_no_wait && !are_two_people(by, &recovery.opened_by) {
                return Err(Refusal::Conflict("recovery_same_person"));
            }
            let hash = token.hash();
            if !work.complete_recovery(id, &by.actor, (&hash, now.after(LINK_LIFE)), now).await? {
                return Err(Refusal::Conflict("recovery_state"));
            }
            let entry = by.entry(AuditEvent::RecoveryCompleted, Outcome::Done, now);
            work.audit(AuditEntry { account: Some(owner.id), ..entry }).await?;
            notices::post(&self.app, &mut *work, &owner, NoticeKind::RecoveryCompleted, now).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        tracing::info!(recovery.id = %id, "Recovery completed");
        let url = format!("{}#r1{}", self.app.issuer().url("/recover"), token.text());
        Ok(RecoveryLink { recovery: self.recovery(id).await?, url })
    }
}

/// Whether somebody else than the opener completes it. A key or a client may be the opener's own, so that without a wait
/// it takes two who are signed in themselves, or the operator.
fn are_two_people(by: &Mandate, opened_by: &Actor) -> bool {
    match (&by.actor, opened_by) {
        (Actor::Operator, _) => true,
        (Actor::Account(_), Actor::Account(_) | Actor::Operator) => by.actor != *opened_by,
        _ => false,
    }
}

/// The account, if it is active and may do no more than who acts (SEC-181).
async fn recoverable(
    work: &mut dyn store::Work,
    by: &Mandate,
    account: &AccountId,
) -> Result<Account, Refusal> {
    let owner = work.account(account).await?.ok_or(Refusal::NotFound)?;
    by.must_hold(owner.roles)?;
    if owner.is_active() { Ok(owner) } else { Err(Refusal::Conflict("account_state")) }
}

#[cfg(test)]
mod tests {
    use domain::{Permissions, Role, Roles};

    use super::*;
    use crate::tests::registry;
    use crate::users::NewUser;

    fn helpdesk(number: u8) -> Mandate {
        let id = AccountId::from_random([number; 16]);
        Mandate {
            actor: Actor::Account(id),
            account: Some(id),
            permissions: Permissions::of(Roles::NONE.with(Role::Helpdesk)),
            address: None,
            is_fresh: true,
        }
    }

    #[tokio::test]
    async fn sec_086_a_recovery_waits_whoever_asks_and_its_owner_may_call_it_off() {
        let registry = registry().await;
        let ada = NewUser { username: "ada".to_owned(), ..NewUser::default() };
        let ada = registry.create_user(ada).await.unwrap().id;
        let opened = registry.open_recovery(&helpdesk(1), &ada, "Lost the phone").await.unwrap().recovery;
        for by in [helpdesk(1), helpdesk(2), Mandate::operator()] {
            let early = registry.complete_recovery(&by, &opened.id).await;
            assert_eq!(early.unwrap_err(), Refusal::Conflict("recovery_waiting"));
        }
        assert_eq!(registry.cancel_own_recovery(&ada, None).await, Ok(true));
        assert_eq!(registry.cancel_own_recovery(&ada, None).await, Ok(false));
        registry.app.clock().advance(Duration::from_secs(25 * 3600));
        let over = registry.complete_recovery(&helpdesk(1), &opened.id).await;
        assert_eq!(over.unwrap_err(), Refusal::Conflict("recovery_state"));

        let opened = registry.open_recovery(&helpdesk(1), &ada, "Lost the phone").await.unwrap().recovery;
        registry.app.clock().advance(Duration::from_secs(24 * 3600));
        let done = registry.complete_recovery(&helpdesk(1), &opened.id).await.unwrap();
        assert!(done.url.starts_with("https://id.example/recover#r1"));
        assert_eq!(done.recovery.recovery.state, RecoveryState::Completed);
        let twice = registry.complete_recovery(&helpdesk(2), &opened.id).await;
        assert_eq!(twice.unwrap_err(), Refusal::Conflict("recovery_state"));
    }

    /// Where nothing waits, a second person completes it; an API key of the first one is none.
    #[test]
    fn sec_086_without_a_wait_a_recovery_takes_two_people() {
        let (ada, bob) = (helpdesk(1), helpdesk(2));
        let key = Actor::ApiKey(domain::ApiKeyId::from_random([7; 16]));
        let by_key = Mandate { actor: key.clone(), ..ada.clone() };
        assert!(are_two_people(&bob, &ada.actor) && are_two_people(&Mandate::operator(), &ada.actor));
        assert!(are_two_people(&bob, &Actor::Operator));
        assert!(!are_two_people(&ada, &ada.actor) && !are_two_people(&by_key, &ada.actor));
        assert!(!are_two_people(&ada, &key) && !are_two_people(&by_key, &key));
    }

    /// The helpdesk takes over nobody who may do more than it may itself.
    #[tokio::test]
    async fn sec_181_the_helpdesk_recovers_no_superadmin() {
        let registry = registry().await;
        let root = NewUser { username: "root".to_owned(), ..NewUser::default() };
        let root = registry.create_user(root).await.unwrap().id;
        let mut work = registry.app.store().begin().await.unwrap();
        work.make_admin(&root, registry.app.now()).await.unwrap();
        work.commit().await.unwrap();
        let tried = registry.open_recovery(&helpdesk(1), &root, "Lost the phone").await;
        assert_eq!(tried.unwrap_err(), Refusal::Forbidden);
        assert_eq!(registry.remove_totp_of(&helpdesk(1), &root).await, Err(Refusal::Forbidden));
        assert_eq!(registry.unlock_password_of(&helpdesk(1), &root).await, Err(Refusal::Forbidden));
        let link = registry.make_enrolment(&helpdesk(1), "root", domain::EnrolmentKind::Link).await;
        assert_eq!(link.unwrap_err(), Refusal::Forbidden, "a phone of theirs");
        assert!(
            registry.make_enrolment(&Mandate::operator(), "root", domain::EnrolmentKind::Link).await.is_ok()
        );
        assert!(registry.open_recovery(&Mandate::operator(), &root, "Lost the phone").await.is_ok());
    }
}
