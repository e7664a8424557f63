//! Words to people: their list, the mails that carry them ([`outbox`]), and what the links in those do ([`links`]).
//!
//! Owns: reading and marking the list of an account, and what an administrator sees of the mails. Not here: leaving
//! a notice, which the unit of the deed does (`app::notices`).

pub mod links;
pub mod outbox;
pub mod reset;

use std::time::Duration;

use app::Refusal;
use app::notices::MailWriter;
use domain::{AccountId, Cursor, MailCounts, MailState, Notice, NoticeId, NoticeMail, Timestamp};
use outbound::MailError;

use crate::Registry;

/// A page of notices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notices {
    /// Newest first.
    pub items: Vec<Notice>,
    /// Where the next page begins; none: there is none.
    pub next: Option<String>,
}

/// How the mails stand, for administrators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outbox {
    /// Mail is configured here.
    pub is_on: bool,
    /// Counts; what was sent, since a day.
    pub counts: MailCounts,
}

const DAY: Duration = Duration::from_secs(24 * 3600);
const MOST: u32 = 200;

fn page_of(limit: u32) -> Result<u32, Refusal> {
    match limit {
        0 => Ok(50),
        1..=MOST => Ok(limit),
        _ => Err(Refusal::Invalid { field: "limit", why: "at most 200" }),
    }
}

fn cursor_of(text: Option<&str>) -> Result<Option<Cursor>, Refusal> {
    let wrong = |_| Refusal::Invalid { field: "cursor", why: "is none of this list" };
    let cursor = text.map(Cursor::parse).transpose().map_err(wrong)?;
    if let Some(cursor) = &cursor {
        cursor.number().map_err(wrong)?;
    }
    Ok(cursor)
}

/// One row more was asked for than the page has.
fn paged(mut items: Vec<Notice>, limit: u32) -> Notices {
    let limit = limit as usize;
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items
        .last()
        .filter(|_| has_more)
        .map(|last| Cursor { key: last.created_at.millis().to_string(), id: last.id.to_string() }.to_text());
    Notices { items, next }
}

impl Registry {
    /// The list of an account, newest first. `limit`: at most 200, 0 means 50.
    ///
    /// # Errors
    /// `Invalid`, or the store.
    pub async fn notices(
        &self,
        account: &AccountId,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Notices, Refusal> {
        let (after, limit) = (cursor_of(cursor)?, page_of(limit)?);
        let mut view = self.app.store().read().await?;
        Ok(paged(view.notices_of(account, after.as_ref(), limit + 1).await?, limit))
    }

    /// How many of its list an account's owner has not seen.
    ///
    /// # Errors
    /// The store failed.
    pub async fn unseen_notices(&self, account: &AccountId) -> Result<u64, Refusal> {
        Ok(self.app.store().read().await?.unseen_notices(account).await?)
    }

    /// Marks one as seen; again is no error.
    ///
    /// # Errors
    /// `NotFound`: it is not in this account's list.
    pub async fn see_notice(&self, account: &AccountId, id: &NoticeId) -> Result<(), Refusal> {
        let notice = self.app.store().read().await?.notice(id).await?;
        let own = notice.filter(|notice| notice.account == *account && notice.is_listed);
        if own.ok_or(Refusal::NotFound)?.seen_at.is_some() {
            return Ok(());
        }
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            work.see_notice(account, id, self.app.now()).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await
    }

    /// Marks the whole list as seen; answers how many were not.
    ///
    /// # Errors
    /// The store failed.
    pub async fn see_notices(&self, account: &AccountId) -> Result<u64, Refusal> {
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            let seen = work.see_notices(account, self.app.now()).await?;
            work.commit().await?;
            Ok(seen)
        };
        self.app.repeatable(deed).await
    }

    /// How the mails stand.
    ///
    /// # Errors
    /// The store failed.
    pub async fn outbox(&self) -> Result<Outbox, Refusal> {
        let counts = self.app.store().read().await?.mail_counts(self.app.now().before(DAY)).await?;
        Ok(Outbox { is_on: self.app.mailer().is_some(), counts })
    }

    /// Mails of one state, newest first, for administrators; the cursor's key is the time in milliseconds.
    ///
    /// # Errors
    /// The store failed.
    pub async fn mails(
        &self,
        state: MailState,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<Notice>, Refusal> {
        Ok(self.app.store().read().await?.mails(state, after, limit).await?)
    }

    /// Tries a mail again at once that was put off or given up.
    ///
    /// # Errors
    /// `NotFound`; `Conflict("mail_state")`: it was sent, or has no mail.
    pub async fn retry_mail(&self, id: &NoticeId) -> Result<Notice, Refusal> {
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            if work.notice(id).await?.is_none() {
                return Err(Refusal::NotFound);
            }
            if !work.retry_mail(id, self.app.now()).await? {
                return Err(Refusal::Conflict("mail_state"));
            }
            let notice = work.notice(id).await?.ok_or(Refusal::NotFound)?;
            work.commit().await?;
            Ok(notice)
        };
        self.app.repeatable(deed).await
    }

    /// Sends a mail that says only that mail arrives, and waits for the server's answer: a plain line where it did
    /// not take it.
    ///
    /// # Errors
    /// `Conflict("mail_off")` where no mail is configured; `Invalid("to")`.
    pub async fn test_mail(
        &self,
        writer: &dyn MailWriter,
        to: &str,
        language: Option<&str>,
    ) -> Result<Result<(), String>, Refusal> {
        let mailer = self.app.mailer().ok_or(Refusal::Conflict("mail_off"))?;
        let to = links::address(to)?;
        let now = self.app.now();
        let mail = NoticeMail::new(to, String::new(), language.map(str::to_owned), now);
        let id: NoticeId = self.app.entropy().id();
        let mail = writer.test(&mail, id.to_string(), now)?;
        Ok(mailer.send(&mail).await.map_err(|error| error.to_string()))
    }
}

/// For log and administrators.
pub(crate) fn why(error: &MailError) -> String {
    domain::text::shown(&error.to_string(), 200)
}

/// The oldest time at which a link of this life can have been made.
pub(crate) fn since(now: Timestamp, seconds: u64) -> Timestamp {
    now.before(Duration::from_secs(seconds))
}
