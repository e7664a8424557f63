//! `/enrolments`: permissions to enrol one phone.

use domain::{Account, Enrolment, EnrolmentId, EnrolmentKind, EnrolmentState, Timestamp};
use registry::enrolments::EnrolmentQuery;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::ask::{self, Ask};
use super::listing::{Listed, Lists};
use super::openapi::Problem;
use super::problem::Failed;
use super::route::{Answer, Route, route};

/// The routes.
pub(super) const ROUTES: &[Route] = &[
    route!(Get "/enrolments", EnrolmentsRead, list),
    route!(Post "/enrolments", EnrolmentsWrite, create),
    route!(Get "/enrolments/{id}", EnrolmentsRead, show),
    route!(Delete "/enrolments/{id}", EnrolmentsWrite, cancel),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, create, show, cancel))]
pub(super) struct Described;

/// A person, in short.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserShort {
    /// Their id.
    id: String,
    /// Their user name.
    username: String,
    /// What they are called.
    name: String,
}

impl From<&Account> for UserShort {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id.to_string(),
            username: account.username.as_str().to_owned(),
            name: account.display_name().to_owned(),
        }
    }
}

/// A permission to enrol one phone, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EnrolmentShown {
    /// Its id.
    id: String,
    /// For whom.
    user: UserShort,
    /// How its secret reaches the phone: `link`, `code` or `letter`.
    kind: &'static str,
    /// Where it stands: `open`, `expired`, `begun` (used, and the phone has not finished), `completed`, `cancelled`, or
    /// `replaced` by a newer one.
    state: &'static str,
    /// Who made it: `desktop` (its owner's signed-in browser) or `admin`.
    origin: &'static str,
    /// The phone it led to.
    device: Option<String>,
    /// The long work that made it.
    job: Option<String>,
    /// When it was made.
    created_at: String,
    /// When it ends unused.
    expires_at: String,
    /// When it was used, cancelled or replaced.
    ended_at: Option<String>,
}

impl EnrolmentShown {
    fn of((enrolment, account): &(Enrolment, Account), now: Timestamp) -> Self {
        Self {
            id: enrolment.id.to_string(),
            user: account.into(),
            kind: enrolment.kind.as_str(),
            state: enrolment.state(now).as_str(),
            origin: enrolment.origin.as_str(),
            device: enrolment.device.as_ref().map(ToString::to_string),
            job: enrolment.job.as_ref().map(ToString::to_string),
            created_at: enrolment.created_at.rfc3339(),
            expires_at: enrolment.expires_at.rfc3339(),
            ended_at: enrolment.ended_at.map(Timestamp::rfc3339),
        }
    }
}

/// A permission that was made just now, with its secrets: they are in this answer and nowhere else.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EnrolmentMade {
    #[serde(flatten)]
    enrolment: EnrolmentShown,
    /// The link to be opened on the phone; none for a code.
    url: Option<String>,
    /// The link as a QR symbol, in SVG.
    qr: Option<String>,
    /// What is typed at `/phone` with the user name; none for a link.
    code: Option<String>,
}

/// What a permission is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEnrolment {
    /// For whom: a user name or an id.
    user: String,
    /// `link` (also as QR), `code` or `letter`.
    #[serde(default = "link")]
    #[schema(default = "link")]
    kind: String,
}

fn link() -> String {
    EnrolmentKind::Link.as_str().to_owned()
}

fn kind(word: &str) -> Option<EnrolmentKind> {
    EnrolmentKind::from_word(word)
}

const KINDS: &str = "is none of link, code, letter";

#[utoipa::path(
    get, path = "/enrolments", tag = "Enrolments",
    summary = "Permissions to enrol a phone, newest first, and what became of them",
    params(
        ("q" = Option<String>, Query, description = "Part of the user name"),
        ("state" = Option<String>, Query), ("kind" = Option<String>, Query),
        ("user" = Option<String>, Query, description = "Id of the user"),
        ("job" = Option<String>, Query), ("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query),
    ),
    responses((status = 200, body = Listed<EnrolmentShown>), (status = 400, body = Problem))
)]
async fn list(ask: Ask) -> Answer {
    let filters = &["state", "kind", "user", "job"];
    let listing = ask.listing(&Lists { sorts: &["-created_at"], filters, searches: true })?;
    let query = EnrolmentQuery {
        search: listing.q.clone(),
        state: listing.filter_as("state", EnrolmentState::from_word, "is no state of an enrolment")?,
        kind: listing.filter_as("kind", kind, KINDS)?,
        account: listing.filter_as("user", |id| id.parse().ok(), "is no id of a user")?,
        job: listing.filter_as("job", |id| id.parse().ok(), "is no id of a job")?,
        after: listing.cursor.clone(),
        rows: listing.fetch(),
    };
    let found = ask.registry().find_enrolments(&query).await?;
    let now = ask.registry().now();
    let at = |(one, _): &(Enrolment, Account)| (one.created_at.millis().to_string(), one.id.to_string());
    Ok(ask::ok(&listing.page(found, None, at, |one| EnrolmentShown::of(&one, now))))
}

#[utoipa::path(
    post, path = "/enrolments", tag = "Enrolments",
    summary = "Let somebody enrol one phone",
    description = "An earlier open one of the same sort (on a screen, or on paper) ends. The secrets are in this answer \
        and nowhere else.",
    request_body = NewEnrolment,
    responses(
        (status = 201, body = EnrolmentMade),
        (status = 400, body = Problem),
        (status = 404, body = Problem, description = "There is no such user"),
        (status = 409, body = Problem, description = "The user is disabled"),
    )
)]
async fn create(ask: Ask) -> Answer {
    let new: NewEnrolment = ask.json()?;
    let kind = kind(&new.kind).ok_or_else(|| Failed::invalid("kind", KINDS))?;
    let made = ask.registry().make_enrolment(ask.mandate(), &new.user, kind).await?;
    let path = format!("/enrolments/{}", made.enrolment.id);
    let enrolment = EnrolmentShown::of(&(made.enrolment, made.account), ask.registry().now());
    Ok(ask::created(&path, &EnrolmentMade { enrolment, url: made.url, qr: made.qr, code: made.code }, None))
}

#[utoipa::path(
    get, path = "/enrolments/{id}", tag = "Enrolments",
    summary = "One permission, without its secret",
    params(("id" = String, Path)),
    responses((status = 200, body = EnrolmentShown), (status = 404, body = Problem))
)]
async fn show(ask: Ask) -> Answer {
    ask.query(&[])?;
    let found = ask.registry().enrolment_shown(&ask.id::<EnrolmentId>("id")?).await?;
    Ok(ask::ok(&EnrolmentShown::of(&found, ask.registry().now())))
}

#[utoipa::path(
    delete, path = "/enrolments/{id}", tag = "Enrolments",
    summary = "Take a permission back",
    params(("id" = String, Path)),
    responses(
        (status = 200, body = EnrolmentShown),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "It is not open any more"),
    )
)]
async fn cancel(ask: Ask) -> Answer {
    let found = ask.registry().cancel_enrolment(ask.mandate(), &ask.id::<EnrolmentId>("id")?).await?;
    Ok(ask::ok(&EnrolmentShown::of(&found, ask.registry().now())))
}
