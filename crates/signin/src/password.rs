//! Signing in by user name and password.
//!
//! Owns: what is tried, counted and answered (SEC-160…166). Every failure is one and the same answer, after
//! one hash and one durable commit, whoever was named. Not here: the hash (`app::hashing`).

use std::time::Duration;

use app::{Refusal, Rule, Verified, Visitor, audit, meters, throttle};
use domain::{
    Account, AccountId, AuditEntry, AuditEvent, JourneyId, Method, Outcome, Proof, Timestamp, Username,
};
use journey::Event;
use live::Slot;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::sessions::Proved;
use crate::way::{Way, name};
use crate::{Progress, SignIn};

/// So many wrong passwords in a row switch the password off (SEC-163).
pub(crate) const MOST_FAILURES: u32 = 100;
/// From so many wrong passwords on the next one has to wait.
const FREE_FAILURES: u32 = 3;
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// So many tries for one name from one network may be under way at once.
pub(crate) const MOST_UNDER_WAY: u32 = 64;
/// A try that was begun longer ago is over, whatever became of it.
const LONGEST_TRY: Duration = Duration::from_secs(30);
/// Whoever finds no count of tries makes it; others find it made within so long.
const MAKING: Duration = Duration::from_secs(5);
/// A user name that is longer is none, and is not looked up.
const MAX_USERNAME_BYTES: usize = 1024;

/// How long the next try has to wait, per user name and network.
struct Waiting;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Wait {
    failures: u32,
    not_before: Timestamp,
    under_way: u32,
    begun: Timestamp,
}

impl Slot for Waiting {
    const KIND: &'static str = "password-wait";
    const TTL: Duration = Duration::from_secs(15 * 60);
    type Value = Wait;
}

/// A password that was right when it was looked at.
struct Right {
    account: Account,
    /// The hash that it fits.
    phc: String,
    failures: u32,
    /// A better hash of it, where that one is old.
    rehashed: Option<String>,
}

/// What was found out about a try.
enum Tried {
    Right(Right),
    Wrong { account: Option<Account>, why: &'static str },
}

/// How a try ended.
#[derive(Clone, Copy)]
enum Ended {
    Right,
    Wrong,
    Untried,
}

impl SignIn {
    /// Tries a password.
    ///
    /// # Errors
    /// [`Refusal::SignInFailed`] for whatever is wrong; [`Refusal::TooMany`] and [`Refusal::Busy`] with a time;
    /// [`Refusal::Forbidden`] where no password is taken; [`Refusal::Gone`] when the journey is over.
    pub async fn password(
        &self,
        id: &JourneyId,
        visitor: &Visitor,
        username: &str,
        password: &SecretString,
    ) -> Result<Progress, Refusal> {
        let way = self.way(id, visitor).await?;
        if !self.offered(&way.kept.journey).password {
            return Err(Refusal::Forbidden);
        }
        if password.expose_secret().len() > app::MAX_PASSWORD_BYTES {
            return Err(Refusal::Invalid { field: "password", why: "is too long" });
        }
        let tried = self.try_password(visitor.address, username, password).await?;
        self.sign_in_by_password(way, visitor, tried).await
    }

    /// Whether this is the person's password: for other doors that verify one (enrolling a phone). Counts
    /// with the tries at the login page (SEC-164).
    ///
    /// # Errors
    /// As [`SignIn::password`].
    pub async fn verify_password(
        &self,
        visitor: &Visitor,
        username: &str,
        password: &SecretString,
    ) -> Result<Account, Refusal> {
        let tried = self.try_password(visitor.address, username, password).await?;
        let now = self.app().now();
        let mut work = self.app().store().begin().await?;
        match tried {
            Tried::Right(right) => {
                right.tidy_up(&mut *work).await?;
                work.audit(entry(visitor, Outcome::Done, Some(&right.account), None, now)).await?;
                work.commit().await?;
                Ok(right.account)
            }
            Tried::Wrong { account, why } => {
                count_wrong(work, visitor, account.as_ref(), why, now).await?;
                self.app().meters().count(meters::Event::RefusedPassword);
                Err(Refusal::SignInFailed)
            }
        }
    }

    async fn sign_in_by_password(
        &self,
        way: Way,
        visitor: &Visitor,
        tried: Tried,
    ) -> Result<Progress, Refusal> {
        let now = self.app().now();
        let right = match tried {
            Tried::Right(right) => right,
            Tried::Wrong { account, why } => {
                let work = self.app().store().begin().await?;
                count_wrong(work, visitor, account.as_ref(), why, now).await?;
                self.app().meters().count(meters::Event::RefusedPassword);
                return Err(Refusal::SignInFailed);
            }
        };
        let account = &right.account;
        let proof = Proof { method: Method::Password, at: now, known_browser: false };
        let event = Event::Proved { account: account.id, proof };
        if way.kept.journey.clone().record(event, now).is_err() {
            // The right password of somebody else than the one asked for.
            return self.right_but_refused(visitor, account, "another account", now).await;
        }
        let before = self.who(visitor).await?;
        let proved = Proved { account: account.id, proof, device: None };
        let client = way.kept.shown.client_id.as_ref();
        let mut work = self.app().store().begin().await?;
        work.audit(AuditEntry {
            client: client.cloned(),
            ..entry(visitor, Outcome::Done, Some(account), None, now)
        })
        .await?;
        let begun = self.begin_session(&mut *work, visitor, before.as_ref(), &proved, client).await?;
        // From here on a new password waits for this unit, and ends the session; one that came before is seen.
        if !right.counts_still(&mut *work).await? {
            drop(work);
            return self.right_but_refused(visitor, account, "password was replaced", now).await;
        }
        right.tidy_up(&mut *work).await?;
        work.commit().await?;
        self.drop_channel(&way.kept).await;
        self.go_on_as(begun, visitor, way).await
    }

    async fn right_but_refused(
        &self,
        visitor: &Visitor,
        account: &Account,
        why: &str,
        now: Timestamp,
    ) -> Result<Progress, Refusal> {
        let mut work = self.app().store().begin().await?;
        work.audit(entry(visitor, Outcome::Refused, Some(account), Some(why), now)).await?;
        work.commit().await?;
        Err(Refusal::SignInFailed)
    }

    async fn try_password(
        &self,
        address: domain::ClientAddress,
        username: &str,
        password: &SecretString,
    ) -> Result<Tried, Refusal> {
        let app = self.app();
        let network = throttle::network(address);
        let username: Option<Username> =
            (username.len() <= MAX_USERNAME_BYTES).then(|| username.parse().ok()).flatten();
        let key = username.as_ref().map_or("", Username::key);
        let name_and_network = throttle::key(&[key, &network]);
        app.throttle().peek(Rule::PasswordAddress, &network).await?;
        app.throttle().peek(Rule::PasswordAccountAddress, &name_and_network).await?;
        let begun = self.begin_try(&name_and_network).await?;

        let found = match &username {
            Some(username) => app.store().read().await?.account_for_password(username.key()).await?,
            None => None,
        };
        // Unicode in one form, once (SEC-161).
        let password = SecretString::from(password.expose_secret().nfc().collect::<String>());
        let phc = found.as_ref().and_then(|(_, hash, failures)| {
            hash.as_ref().filter(|_| *failures < MOST_FAILURES).map(|hash| hash.phc.as_str())
        });
        let verified = match app.hashing().verify(&password, phc).await {
            Ok(verified) => verified,
            Err(refusal) => {
                // A queue that is full says nothing about the password.
                self.end_try(begun, Ended::Untried).await?;
                return Err(refusal);
            }
        };
        let (account, failures) = match (found, verified) {
            (Some((account, Some(hash), failures)), Verified::Right { rehash }) if account.is_active() => {
                let rehashed = if rehash { Some(app.hashing().hash(&password).await?) } else { None };
                self.end_try(begun, Ended::Right).await?;
                return Ok(Tried::Right(Right { account, phc: hash.phc, failures, rehashed }));
            }
            (Some((account, _, failures)), _) => (Some(account), failures),
            (None, _) => (None, 0),
        };
        let why = match &account {
            None => "unknown user",
            Some(account) if !account.is_active() => "disabled",
            Some(_) if failures >= MOST_FAILURES => "password is off",
            Some(_) => "wrong password",
        };
        self.end_try(begun, Ended::Wrong).await?;
        // The answer is "failed" either way; the counts refuse the next try. Right passwords do not count: a
        // whole company may sign in from one address.
        for (rule, key) in
            [(Rule::PasswordAddress, &network), (Rule::PasswordAccountAddress, &name_and_network)]
        {
            match app.throttle().hit(rule, key).await {
                Ok(()) | Err(Refusal::TooMany { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(Tried::Wrong { account, why })
    }

    /// Begins a try: refused while the name has to wait, or while too many are under way. Tries of the right
    /// password by many browsers at once do not hinder one another; of wrong ones no more than that many pass
    /// together, and each counts.
    pub(crate) async fn begin_try(&self, name_and_network: &str) -> Result<Option<String>, Refusal> {
        let app = self.app();
        if app.throttle().limits().of(Rule::PasswordAccountAddress).most == u32::MAX {
            return Ok(None);
        }
        let now = app.now();
        let key = name(&app.mac("password-wait", name_and_network.as_bytes()));
        let begun = self
            .change_wait(&key, |wait| {
                if now < wait.not_before {
                    return Err(wait.not_before.since(now).max(Duration::from_secs(1)));
                }
                let others = if now.since(wait.begun) < LONGEST_TRY { wait.under_way } else { 0 };
                if others >= MOST_UNDER_WAY {
                    return Err(Duration::from_secs(1));
                }
                Ok(Wait { under_way: others + 1, begun: now, ..wait })
            })
            .await?;
        begun.map(|()| Some(key)).map_err(|retry_after| Refusal::TooMany { retry_after })
    }

    /// Ends a try: a right password forgets the failures, a wrong one makes the next try wait.
    async fn end_try(&self, key: Option<String>, ended: Ended) -> Result<(), Refusal> {
        let Some(key) = key else { return Ok(()) };
        let now = self.app().now();
        self.change_wait(&key, |wait| {
            let wait = Wait { under_way: wait.under_way.saturating_sub(1), ..wait };
            let failures = wait.failures.saturating_add(1);
            Ok(match ended {
                Ended::Untried => wait,
                Ended::Right => Wait { failures: 0, not_before: now, ..wait },
                Ended::Wrong => Wait { failures, not_before: now.after(wait_after(failures)), ..wait },
            })
        })
        .await?
    }

    async fn change_wait<E>(
        &self,
        key: &str,
        change: impl Fn(Wait) -> Result<Wait, E>,
    ) -> Result<Result<(), E>, Refusal> {
        let slots = self.app().slots::<Waiting>();
        for _ in 0..64 {
            let (wait, seen) = match slots.get(key).await? {
                Some(found) => found,
                None => {
                    // One makes it: who came later on another node would forget what was counted meanwhile.
                    let making = live::Key { kind: "password-wait-making", id: key.to_owned() };
                    if self.app().live().count(&making, 1, MAKING).await?.sum > 1 {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                        continue;
                    }
                    let none = Timestamp::from_millis(0);
                    let first = Wait { failures: 0, not_before: none, under_way: 0, begun: none };
                    (first, slots.put(key, &first).await?)
                }
            };
            let wait = match change(wait) {
                Ok(wait) => wait,
                Err(refused) => return Ok(Err(refused)),
            };
            if slots.swap(key, seen, &wait).await?.is_ok() {
                return Ok(Ok(()));
            }
        }
        Err(Refusal::TooMany { retry_after: Duration::from_secs(1) })
    }
}

/// 1, 2, 4, 8… seconds, from the third failure on.
fn wait_after(failures: u32) -> Duration {
    match failures.checked_sub(FREE_FAILURES) {
        None => Duration::ZERO,
        Some(over) => Duration::from_secs(1 << over.min(16)).min(LONGEST_WAIT),
    }
}

impl Right {
    /// Whether it is the person's password still. Hashing took a while.
    async fn counts_still(&self, work: &mut dyn store::Work) -> Result<bool, Refusal> {
        let found = work.account_for_password(self.account.username.key()).await?;
        Ok(found.and_then(|(_, hash, _)| hash).is_some_and(|hash| hash.phc == self.phc))
    }

    /// After a right password: failures are forgotten, an old hash is replaced.
    async fn tidy_up(&self, work: &mut dyn store::Work) -> Result<(), Refusal> {
        if self.failures > 0 {
            work.forget_wrong_passwords(&self.account.id).await?;
        }
        if let Some(better) = &self.rehashed {
            work.rehash_password(&self.account.id, &self.phc, better).await?;
        }
        Ok(())
    }
}

/// One durable commit, whoever was named (SEC-165): the count is kept with the account and survives a
/// restart (SEC-164).
async fn count_wrong(
    mut work: Box<dyn store::Work>,
    visitor: &Visitor,
    account: Option<&Account>,
    why: &str,
    now: Timestamp,
) -> Result<(), Refusal> {
    // Nobody's count is raised where nobody was named, by the same statement.
    let counted = account.map_or(AccountId::from_random([0; 16]), |account| account.id);
    work.count_wrong_password(&counted).await?;
    work.audit(entry(visitor, Outcome::Refused, account, Some(why), now)).await?;
    work.commit().await?;
    Ok(())
}

fn entry(
    visitor: &Visitor,
    outcome: Outcome,
    account: Option<&Account>,
    detail: Option<&str>,
    now: Timestamp,
) -> AuditEntry {
    AuditEntry {
        account: account.map(|account| account.id),
        detail: detail.and_then(audit::detail),
        ..audit::by(visitor, AuditEvent::PasswordTried, outcome, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_163_waits_grow_and_are_bounded() {
        let seconds: Vec<u64> = (0..12).map(|failures| wait_after(failures).as_secs()).collect();
        assert_eq!(seconds, [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(wait_after(u32::MAX), LONGEST_WAIT);
    }
}
