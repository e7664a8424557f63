//! `/keys`: keys that sign and decrypt, without their private parts.

use actix_web::http::StatusCode;
use domain::{AuditEntry, AuditEvent, KeyUse, Outcome, Timestamp};
use provider::keys::{self, Haste, KeysUnusable, ListedKey, Retired};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use web::Refused;

use super::ask::{self, Ask};
use super::listing::Listed;
use super::openapi::Problem;
use super::problem::Failed;
use super::route::{Answer, Route, route};

/// The routes.
pub(super) const ROUTES: &[Route] = &[
    route!(Get "/keys", KeysRead, list),
    route!(Post "/keys/rotate", KeysWrite, rotate).fresh(),
    route!(Post "/keys/retire", KeysWrite, retire).fresh(),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, rotate, retire))]
pub(super) struct Described;

/// A key of the server.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyShown {
    /// Its name: the thumbprint of its public part.
    kid: String,
    /// Its algorithm.
    #[schema(example = "ES256")]
    alg: &'static str,
    /// `sig` or `enc`.
    #[serde(rename = "use")]
    used_for: &'static str,
    /// `next` (published, signs later), `current` or `retired` (published until what it signed has ended).
    state: serde_json::Value,
    /// Made.
    created_at: String,
    /// Retired.
    retired_at: Option<String>,
}

impl From<&ListedKey> for KeyShown {
    fn from(key: &ListedKey) -> Self {
        Self {
            kid: key.kid.clone(),
            alg: key.used_for.as_str(),
            used_for: match key.used_for {
                KeyUse::Sign(_) => "sig",
                KeyUse::Decrypt(_) => "enc",
            },
            state: serde_json::json!(key.state),
            created_at: key.created_at.rfc3339(),
            retired_at: key.retired_at.map(Timestamp::rfc3339),
        }
    }
}

/// Which keys to rotate.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Rotation {
    /// Only the keys of this algorithm; none: all.
    #[schema(example = "ES256")]
    alg: Option<String>,
    /// Although the next key was just published: who keeps a copy of the key set does not know it yet.
    force: bool,
}

/// Which key to retire.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Retirement {
    /// Its name.
    kid: String,
    /// The key was stolen: it leaves the key set at once, and what it signed is good no more.
    #[serde(default)]
    force: bool,
}

/// What became of a key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RetiredShown {
    /// Its name.
    kid: String,
    /// It is published no more; else it stays until what it signed has ended.
    gone: bool,
}

#[utoipa::path(
    get, path = "/keys", tag = "Signing keys",
    summary = "All keys, oldest first",
    responses((status = 200, body = Listed<KeyShown>))
)]
async fn list(ask: Ask) -> Answer {
    ask.query(&[])?;
    all(&ask).await
}

async fn all(ask: &Ask) -> Answer {
    let listed = keys::list(ask.app()).await.map_err(refused)?;
    Ok(ask::ok(&Listed::whole(listed.iter().map(KeyShown::from).collect())))
}

#[utoipa::path(
    post, path = "/keys/rotate", tag = "Signing keys",
    summary = "Let the next keys sign",
    description = "The current ones are retired, and new next ones are published. Answers all keys.",
    request_body = Rotation,
    responses(
        (status = 200, body = Listed<KeyShown>),
        (status = 409, body = Problem, description = "`too_soon`: the next key was published a moment ago"),
    )
)]
async fn rotate(ask: Ask) -> Answer {
    let Rotation { alg, force } = ask.json_or_nothing()?;
    let uses: Vec<KeyUse> = match &alg {
        None => KeyUse::all().collect(),
        Some(word) => {
            vec![KeyUse::from_word(word).ok_or_else(|| Failed::invalid("alg", "is no algorithm of ours"))?]
        }
    };
    keys::complete(ask.app()).await.map_err(refused)?;
    let words: Vec<&str> = uses.iter().map(|one| one.as_str()).collect();
    note(&ask, AuditEvent::KeyRotated, &words.join(" ")).await?;
    for used_for in uses {
        keys::rotate(ask.app(), &ask.mandate().actor, used_for, haste(force)).await.map_err(refused)?;
    }
    all(&ask).await
}

#[utoipa::path(
    post, path = "/keys/retire", tag = "Signing keys",
    summary = "Take one key out of use",
    request_body = Retirement,
    responses(
        (status = 200, body = RetiredShown),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "`too_soon`, or `conflict`: it is retired already"),
    )
)]
async fn retire(ask: Ask) -> Answer {
    let Retirement { kid, force } = ask.json()?;
    if !keys::list(ask.app()).await.map_err(refused)?.iter().any(|key| key.kid == kid) {
        return Err(app::Refusal::NotFound.into());
    }
    note(&ask, AuditEvent::KeyRetired, &kid).await?;
    let retired = keys::retire(ask.app(), &ask.mandate().actor, &kid, haste(force)).await.map_err(refused)?;
    Ok(ask::ok(&RetiredShown { kid, gone: retired == Retired::Gone }))
}

/// Who asked for it; what was done is noted with the deed.
async fn note(ask: &Ask, event: AuditEvent, what: &str) -> Result<(), Failed> {
    let entry = ask.mandate().entry(event, Outcome::Done, ask.app().now());
    let detail = app::audit::detail(&format!("asked: {what}"));
    Ok(ask.app().write_down(AuditEntry { detail, ..entry }).await?)
}

const fn haste(force: bool) -> Haste {
    if force { Haste::AtOnce } else { Haste::Gentle }
}

fn refused(error: KeysUnusable) -> Failed {
    match error {
        KeysUnusable::Refused(refusal) => refusal.into(),
        KeysUnusable::NoSuchKey(_) => app::Refusal::NotFound.into(),
        KeysUnusable::RetiredAlready(_) => {
            let why = "The key is retired already; it goes when what it signed has ended.";
            Refused::new(StatusCode::CONFLICT, "conflict", why).with("field", "kid").into()
        }
        KeysUnusable::TooSoon { used_for, wait } => Refused::new(
            StatusCode::CONFLICT,
            "too_soon",
            "The next key is too new: those who keep a copy of the key set do not know it yet.",
        )
        .with("alg", used_for.as_str())
        .with("wait", wait.as_secs() + 1)
        .into(),
        broken @ (KeysUnusable::WrongMasterKey | KeysUnusable::Damaged(_) | KeysUnusable::DataKeyDamaged) => {
            Refused::of_status(StatusCode::INTERNAL_SERVER_ERROR).because(broken).into()
        }
    }
}
