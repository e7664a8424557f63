//! `/notices`: the mails that carry notices to people.

use domain::{MailState, Notice, NoticeId};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use web::Web;

use super::ask::{self, Ask};
use super::listing::{Listed, Lists};
use super::openapi::Problem;
use super::problem::Failed;
use super::route::{Answer, Route, route};

/// The routes.
pub(super) const ROUTES: &[Route] = &[
    route!(Get "/notices", PolicyRead, list),
    route!(Get "/notices/outbox", PolicyRead, outbox),
    route!(Post "/notices/test", PolicyWrite, test),
    route!(Post "/notices/{id}/retry", PolicyWrite, retry),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, outbox, test, retry))]
pub(super) struct Described;

/// How the mails stand.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OutboxShown {
    /// Mail is configured (`[mail]`).
    is_on: bool,
    /// Not sent yet.
    waiting: u64,
    /// Of those, tried in vain and put off.
    put_off: u64,
    /// Sent in the last 24 hours.
    sent_last_day: u64,
    /// Given up.
    failed: u64,
    /// When the oldest that waits was made.
    oldest_waiting_at: Option<String>,
}

/// A mail. What it tells stays between the server and its receiver: here is its kind.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MailShown {
    /// Its notice.
    id: String,
    /// Whose.
    user: String,
    /// What it tells: `new_sign_in`, `device_added`…
    kind: &'static str,
    /// Where it goes.
    to: String,
    /// `waiting`, `sent` or `failed`.
    state: &'static str,
    /// How often it was tried.
    attempts: u32,
    /// When it is tried next.
    due_at: Option<String>,
    /// When a mail server took it.
    sent_at: Option<String>,
    /// When it was given up.
    failed_at: Option<String>,
    /// Why the last try failed.
    failure: Option<String>,
    /// When what it tells happened.
    created_at: String,
}

impl From<Notice> for MailShown {
    fn from(notice: Notice) -> Self {
        let mail = notice.mail.as_ref();
        let text = |at: Option<domain::Timestamp>| at.map(domain::Timestamp::rfc3339);
        let (due_at, sent_at, failed_at) =
            mail.map_or((None, None, None), |mail| (mail.due_at, mail.sent_at, mail.failed_at));
        let state = match (sent_at, failed_at) {
            (Some(_), _) => "sent",
            (None, Some(_)) => "failed",
            (None, None) => "waiting",
        };
        Self {
            id: notice.id.to_string(),
            user: notice.account.to_string(),
            kind: notice.kind.as_str(),
            to: mail.map(|mail| mail.to.clone()).unwrap_or_default(),
            state,
            attempts: mail.map_or(0, |mail| mail.attempts),
            due_at: text(due_at),
            sent_at: text(sent_at),
            failed_at: text(failed_at),
            failure: mail.and_then(|mail| mail.failure.clone()),
            created_at: notice.created_at.rfc3339(),
        }
    }
}

/// Where a test mail goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TestMail {
    /// An address.
    #[schema(max_length = 254)]
    to: String,
    /// The language; without it the provider's own.
    language: Option<String>,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TestResult {
    /// The mail server took it.
    sent: bool,
    /// Why it did not.
    failure: Option<String>,
}

#[utoipa::path(
    get, path = "/notices", tag = "Mail",
    summary = "Mails, newest first",
    params(
        ("state" = Option<String>, Query, description = "`waiting`, `sent` or `failed`; without it those that failed"),
        ("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query)
    ),
    responses((status = 200, body = Listed<MailShown>), (status = 400, body = Problem))
)]
async fn list(ask: Ask) -> Answer {
    let listing = ask.listing(&Lists { sorts: &["-created_at"], filters: &["state"], searches: false })?;
    let word = |word: &str| match word {
        "waiting" => Some(MailState::Waiting),
        "sent" => Some(MailState::Sent),
        "failed" => Some(MailState::Failed),
        _ => None,
    };
    let state = listing.filter_as("state", word, "is none of waiting, sent, failed")?;
    let state = state.unwrap_or(MailState::Failed);
    if listing.cursor.as_ref().is_some_and(|cursor| cursor.number().is_err()) {
        return Err(Failed::invalid("cursor", "is none of this list"));
    }
    let mails = ask.registry().mails(state, listing.cursor.as_ref(), listing.fetch()).await?;
    let at = |notice: &Notice| (notice.created_at.millis().to_string(), notice.id.to_string());
    Ok(ask::ok(&listing.page(mails, None, at, MailShown::from)))
}

#[utoipa::path(
    get, path = "/notices/outbox", tag = "Mail",
    summary = "How the mails stand",
    responses((status = 200, body = OutboxShown))
)]
async fn outbox(ask: Ask) -> Answer {
    ask.query(&[])?;
    let outbox = ask.registry().outbox().await?;
    let counts = outbox.counts;
    Ok(ask::ok(&OutboxShown {
        is_on: outbox.is_on,
        waiting: counts.waiting,
        put_off: counts.put_off,
        sent_last_day: counts.sent,
        failed: counts.failed,
        oldest_waiting_at: counts.oldest_waiting.map(domain::Timestamp::rfc3339),
    }))
}

#[utoipa::path(
    post, path = "/notices/test", tag = "Mail",
    summary = "Send a mail that says only that mail arrives, and tell the mail server's answer",
    request_body = TestMail,
    responses(
        (status = 200, body = TestResult),
        (status = 400, body = Problem),
        (status = 409, body = Problem, description = "`conflict` of `mail_off`: no mail is configured"),
    )
)]
async fn test(ask: Ask) -> Answer {
    let TestMail { to, language } = ask.json()?;
    let room = Web::of(ask.request())?.mail_room().map_err(|bad| app::Refusal::Corrupt(bad.to_string()))?;
    let outcome = ask.registry().test_mail(&room, &to, language.as_deref()).await?;
    Ok(ask::ok(&TestResult { sent: outcome.is_ok(), failure: outcome.err() }))
}

#[utoipa::path(
    post, path = "/notices/{id}/retry", tag = "Mail",
    summary = "Try a mail again that was put off or given up",
    params(("id" = String, Path)),
    responses(
        (status = 200, body = MailShown),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "`conflict` of `mail_state`: it was sent, or there is no mail"),
    )
)]
async fn retry(ask: Ask) -> Answer {
    let id: NoticeId = ask.id("id")?;
    Ok(ask::ok(&MailShown::from(ask.registry().retry_mail(&id).await?)))
}
