//! How tries of a password or of the code after it are counted (SEC-163, SEC-164).
//!
//! Owns: the growing wait of a name, tries that are under way at once, and which count a try belongs to: one network's, or
//! one browser's that the account has used. Not here: the count in a row that is kept with the account (`store`), what is
//! tried (`password`, `second_factor`).
//!
//! Whoever tries to guess makes everybody at strange browsers wait, and in the end switches the password off. The owner
//! goes on in a browser that was used before: its tries have a count of their own, and a short one.

use std::time::Duration;

use app::factors::MOST_FAILURES;
use app::{Refusal, Rule, Visitor, throttle};
use domain::{Account, AccountId, SecretHash, Timestamp, Username};
use live::Slot;
use serde::{Deserialize, Serialize};
use store::{View, Work};

use crate::SignIn;
use crate::way::name;

/// So many in a row in one browser that the account has used, and it is as good as a strange one.
pub(crate) const MOST_IN_BROWSER: u32 = 10;
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

/// How long the next try has to wait, per user name and network (or known browser).
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

/// How a try ended.
#[derive(Clone, Copy)]
pub(crate) enum Ended {
    Right,
    Wrong,
    Untried,
}

/// Whose count a try belongs to.
pub(crate) struct Counted {
    /// What waits grow for: a name and a network, or a name and a browser.
    key: String,
    network: String,
    /// The mark of the browser, where there is one: its wrong passwords are counted, if the account knows it.
    mark: Option<SecretHash>,
    /// The account has used the browser, and not guessed in it.
    is_known: bool,
    /// Wrong ones in a row in that browser before this try.
    wrong_in_browser: u32,
}

/// A try that is under way.
pub(crate) struct Try {
    counted: Counted,
    slot: Option<String>,
}

impl Try {
    /// Whether the password counts after so many failures in a row.
    pub fn may_count(&self, failures: u32) -> bool {
        self.counted.is_known || failures < MOST_FAILURES
    }
}

impl SignIn {
    /// Begins a try of a password, or of the code after one. Nobody learns from it whether the account is there: the
    /// same is read for everybody who brings a browser's mark (SEC-165).
    ///
    /// # Errors
    /// `TooMany`; a port failed.
    pub(crate) async fn begin_counted(
        &self,
        view: &mut dyn View,
        visitor: &Visitor,
        username: Option<&Username>,
        account: Option<&Account>,
    ) -> Result<Try, Refusal> {
        let app = self.app();
        let network = throttle::network(visitor.address);
        let user = username.map_or("", Username::key);
        let mark = visitor.known.as_ref().map(app::Secret::hash);
        let wrong = match &mark {
            Some(mark) => view.wrong_in_browser(&somebody(account), mark).await?,
            None => None,
        };
        let is_known = wrong.is_some_and(|wrong| wrong < MOST_IN_BROWSER);
        let key = match mark.filter(|_| is_known) {
            Some(mark) => throttle::key(&[user, "browser", &name(&mark)]),
            None => throttle::key(&[user, &network]),
        };
        if is_known {
            app.throttle().peek(Rule::PasswordBrowser, &key).await?;
        } else {
            app.throttle().peek(Rule::PasswordAddress, &network).await?;
            app.throttle().peek(Rule::PasswordAccountAddress, &key).await?;
        }
        let slot = self.begin_try(&key).await?;
        let wrong_in_browser = wrong.unwrap_or(0);
        Ok(Try { counted: Counted { key, network, mark, is_known, wrong_in_browser }, slot })
    }

    /// Ends a try. The answer to a wrong one is "failed" either way; the counts refuse the next try. Right ones do not
    /// count: a whole company may sign in from one address.
    ///
    /// # Errors
    /// A port failed.
    pub(crate) async fn end_counted(&self, done: Try, ended: Ended) -> Result<Counted, Refusal> {
        let Try { counted, slot } = done;
        self.end_try(slot, ended).await?;
        if matches!(ended, Ended::Wrong) {
            let strange =
                [(Rule::PasswordAddress, &counted.network), (Rule::PasswordAccountAddress, &counted.key)];
            let known = [(Rule::PasswordBrowser, &counted.key)];
            let rules = if counted.is_known { &known[..] } else { &strange[..] };
            for (rule, key) in rules {
                match self.app().throttle().hit(*rule, key).await {
                    Ok(()) | Err(Refusal::TooMany { .. }) => {}
                    Err(other) => return Err(other),
                }
            }
        }
        Ok(counted)
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
    pub(crate) async fn end_try(&self, key: Option<String>, ended: Ended) -> Result<(), Refusal> {
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

impl Counted {
    /// Counts a wrong one in the unit, with the account and the browser. Nobody's count is raised where nobody was named,
    /// by the same statements; it survives a restart (SEC-164).
    pub async fn count_wrong(&self, work: &mut dyn Work, account: Option<&Account>) -> Result<(), Refusal> {
        let somebody = somebody(account);
        work.count_wrong_password(&somebody).await?;
        if let Some(mark) = &self.mark {
            work.count_wrong_in_browser(&somebody, mark).await?;
        }
        Ok(())
    }

    /// Forgets the wrong ones after a whole sign-in; `failures` are those that were in a row.
    pub async fn forget_wrong(
        &self,
        work: &mut dyn Work,
        account: &AccountId,
        failures: u32,
    ) -> Result<(), Refusal> {
        if failures > 0 {
            work.forget_wrong_passwords(account).await?;
        }
        if let Some(mark) = self.mark.as_ref().filter(|_| self.wrong_in_browser > 0) {
            work.forget_wrong_in_browser(account, mark).await?;
        }
        Ok(())
    }
}

/// An account, or one that is not there.
pub(crate) fn somebody(account: Option<&Account>) -> AccountId {
    account.map_or(AccountId::from_random([0; 16]), |account| account.id)
}

/// 1, 2, 4, 8… seconds, from the third failure on.
fn wait_after(failures: u32) -> Duration {
    match failures.checked_sub(FREE_FAILURES) {
        None => Duration::ZERO,
        Some(over) => Duration::from_secs(1 << over.min(16)).min(LONGEST_WAIT),
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
