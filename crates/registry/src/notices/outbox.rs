//! Sending the mails that the store keeps, until a mail server took them or they are given up.
//!
//! Owns: when a mail is tried and tried again. Not here: SMTP (`outbound-net`), the words (`web::mail`).
//!
//! ```text
//! notice left with its deed ──▶ claimed (for a moment) ──▶ sent ──▶ noted
//!                                    ▲                      │ not taken for now
//!                                    ╰──── due again ◀──────╯ for a day, or as long as its link works
//! ```
//! A node that dies with claimed mails leaves them to whoever looks next: a mail is sent at least once, each time
//! with the same `Message-ID`. Any node does it; nothing depends on which.

use std::time::Duration;

use app::notices::MailWriter;
use app::{Change, Refusal, audit};
use domain::{Actor, AuditEntry, AuditEvent, Notice, Outcome, Timestamp};
use futures_util::future::join_all;
use outbound::{MailError, Mailer};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval};

use crate::Registry;

/// Mails taken, and sent beside one another.
const AT_ONCE: u32 = 8;
/// Beyond the time that sending may take, nobody else takes a claimed mail for so long.
const SPARE: Duration = Duration::from_secs(10);
/// How often it is looked for mails that are due.
const LOOK: Duration = Duration::from_secs(2);
/// A server that took nothing is left alone for so long.
const DOWN: Duration = Duration::from_secs(5);
/// After the first failure, the second, and so on; the last for all later ones.
const PAUSES: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(3 * 3600),
    Duration::from_secs(6 * 3600),
];
const GIVEN_UP: Duration = Duration::from_secs(24 * 3600);

/// What became of an attempt.
enum Attempt {
    Sent,
    Failed(MailError),
}

impl Registry {
    /// Sends mails for as long as it is polled; ends at once where no mail is configured. The server runs one.
    pub async fn send_mails(&self, writer: &dyn MailWriter) {
        let Some(mailer) = self.app.mailer() else { return };
        let mut changes = self.app.changes();
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = look.tick() => {}
                heard = changes.recv() => match heard {
                    Ok(Change::Session(_) | Change::Account(_) | Change::Device(_) | Change::Missed)
                    | Err(RecvError::Lagged(_)) => {}
                    Ok(_) => continue,
                    Err(RecvError::Closed) => return,
                },
            }
            loop {
                match self.send_some(&**mailer, writer).await {
                    Ok(Sent::Some) => {}
                    Ok(Sent::None) => break,
                    Ok(Sent::Down) => {
                        tokio::time::sleep(DOWN).await;
                        break;
                    }
                    Err(refusal) => {
                        // What was claimed comes again when its moment is over.
                        tracing::warn!(cause = refusal.cause(), "Mails could not be read or noted");
                        tokio::time::sleep(DOWN).await;
                        break;
                    }
                }
            }
        }
    }

    async fn send_some(&self, mailer: &dyn Mailer, writer: &dyn MailWriter) -> Result<Sent, Refusal> {
        let now = self.app.now();
        if !self.app.store().read().await?.has_due_mail(now).await? {
            return Ok(Sent::None);
        }
        let mut work = self.app.store().begin().await?;
        let until = now.after(mailer.patience() + SPARE);
        let claimed = work.claim_mails(now, until, AT_ONCE).await?;
        work.commit().await?;
        if claimed.is_empty() {
            return Ok(Sent::None);
        }
        let attempts = join_all(claimed.iter().map(|notice| self.attempt(notice, mailer, writer))).await;
        let is_down = attempts.iter().all(|attempt| matches!(attempt, Attempt::Failed(MailError::Later(_))));
        self.write_down(&claimed, &attempts).await?;
        Ok(if is_down { Sent::Down } else { Sent::Some })
    }

    async fn attempt(&self, notice: &Notice, mailer: &dyn Mailer, writer: &dyn MailWriter) -> Attempt {
        let Some(to) = &notice.mail else {
            return Attempt::Failed(MailError::Never("no address".to_owned()));
        };
        let now = self.app.now();
        if is_over(notice, now) {
            return Attempt::Failed(MailError::Never("its time was over".to_owned()));
        }
        let written = self.link(notice).and_then(|link| writer.write(notice, to, link.as_deref()));
        let mail = match written {
            Ok(mail) => mail,
            Err(refusal) => {
                tracing::error!(cause = refusal.cause(), notice.id = %notice.id, "A mail could not be written");
                return Attempt::Failed(MailError::Later("it could not be written".to_owned()));
            }
        };
        match mailer.send(&mail).await {
            Ok(()) => Attempt::Sent,
            Err(error) => Attempt::Failed(error),
        }
    }

    async fn write_down(&self, claimed: &[Notice], attempts: &[Attempt]) -> Result<(), Refusal> {
        let now = self.app.now();
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            for (notice, attempt) in claimed.iter().zip(attempts) {
                let id = &notice.id;
                let error = match attempt {
                    Attempt::Sent => {
                        work.settle_mail(id, now).await?;
                        continue;
                    }
                    Attempt::Failed(error) => error,
                };
                let why = super::why(error);
                if let (MailError::Later(_), Some(due_at)) = (error, next_try(notice, now)) {
                    work.postpone_mail(id, due_at, &why).await?;
                } else if work.fail_mail(id, now, &why).await? {
                    work.audit(AuditEntry {
                        account: Some(notice.account),
                        detail: audit::detail(&format!("{}: {why}", notice.kind.as_str())),
                        ..AuditEntry::new(AuditEvent::NoticeFailed, Outcome::Refused, now).by(Actor::System)
                    })
                    .await?;
                }
            }
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        for (notice, attempt) in claimed.iter().zip(attempts) {
            let (id, kind) = (notice.id, notice.kind.as_str());
            let tries = notice.mail.as_ref().map_or(0, |mail| mail.attempts);
            match attempt {
                Attempt::Sent => tracing::debug!(notice.id = %id, kind, tries, "A mail was sent"),
                Attempt::Failed(error) => {
                    let is_last = matches!(error, MailError::Never(_)) || next_try(notice, now).is_none();
                    tracing::warn!(notice.id = %id, kind, tries, is_last, why = super::why(error), "A mail was not sent");
                }
            }
        }
        Ok(())
    }
}

/// How sending some went.
enum Sent {
    /// There may be more.
    Some,
    /// None is due.
    None,
    /// None was taken.
    Down,
}

/// How long a mail makes sense: what only carries a link, as long as that works.
fn life(notice: &Notice) -> Duration {
    match notice.kind.action() {
        Some(action) if !notice.kind.is_listed() => Duration::from_secs(action.life_seconds()),
        _ => GIVEN_UP,
    }
}

/// It is no use any more. A mail of the list that an administrator tries again has its attempt at any time.
fn is_over(notice: &Notice, now: Timestamp) -> bool {
    !notice.kind.is_listed() && now.since(notice.created_at) >= life(notice)
}

/// When a mail is tried again; none: it is given up. `attempts` counts the one that just failed.
fn next_try(notice: &Notice, now: Timestamp) -> Option<Timestamp> {
    let attempts = notice.mail.as_ref().map_or(0, |mail| mail.attempts);
    let at = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX).min(PAUSES.len() - 1);
    let due_at = now.after(PAUSES[at]);
    // Later it would say what is true no more.
    (due_at.since(notice.created_at) < life(notice)).then_some(due_at)
}

#[cfg(test)]
mod tests {
    use domain::{AccountId, NoticeId, NoticeKind, NoticeMail};

    use super::*;

    #[test]
    fn tries_are_bounded_in_time() {
        let made = Timestamp::from_seconds(1_000_000);
        let notice = |kind: NoticeKind, attempts| Notice {
            id: NoticeId::from_random([1; 16]),
            account: AccountId::from_random([2; 16]),
            is_listed: kind.is_listed(),
            kind,
            created_at: made,
            seen_at: None,
            acted_at: None,
            mail: Some(NoticeMail {
                attempts,
                ..NoticeMail::new("a@example.org".to_owned(), "A".to_owned(), None, made)
            }),
        };
        for (kind, most) in [(NoticeKind::SecondFactorOn, 11), (NoticeKind::PasswordResetAsked, 5)] {
            let (mut now, mut tries) = (made, 1);
            while let Some(due_at) = next_try(&notice(kind.clone(), tries), now) {
                assert!(due_at > now && tries < 20);
                now = due_at;
                tries += 1;
            }
            assert!(tries <= most && tries > 3, "{kind:?} {tries}");
        }
        assert!(is_over(&notice(NoticeKind::PasswordResetAsked, 1), made.after(Duration::from_secs(900))));
        assert!(!is_over(&notice(NoticeKind::SecondFactorOn, 1), made.after(GIVEN_UP)));
    }
}
