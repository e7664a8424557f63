//! `/audit`: pages of the trail, its events, its head, and the whole of it as a download. What happens now: `audit_live`.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use domain::audit::chain::AuditBlock;
use domain::{AccountId, AuditEvent, AuditFilter, AuditOrder, Cursor, StoredAudit};
use futures_util::stream;
use registry::Registry;
use registry::audit::{ExportForm, FILTERS, head_line, line, read_filter};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use web::Params;

use super::ask::{self, Ask};
use super::listing::{Listed, Lists};
use super::openapi::Problem;
use super::problem::Failed;
use super::route::{Answer, Route, route};

mod live;

/// The routes.
pub(super) const ROUTES: &[Route] = &[
    route!(Get "/audit", AuditRead, list),
    route!(Get "/audit/events", AuditRead, events),
    route!(Get "/audit/head", AuditRead, head),
    route!(Get "/audit/export", AuditRead, export),
    route!(Get "/audit/live", AuditRead, live::stream),
    route!(Get "/users/{id}/activity", AuditRead, activity),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, events, head, export, activity, live::stream))]
pub(super) struct Described;

/// Entries of an export that are read at once.
const STEP: u32 = 500;

/// An entry of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EntryShown {
    /// Its number. Numbers rise; there may be gaps.
    number: i64,
    /// When, RFC 3339.
    at: String,
    /// What happened: one of `/audit/events`.
    event: &'static str,
    /// `done` or `refused`.
    outcome: &'static str,
    /// Who acted, if not the one whom it is about: an id, `client:<id>`, `operator` or `system`.
    actor: Option<String>,
    /// Whose account.
    account: Option<String>,
    /// Its user name, while there is such an account.
    account_name: Option<String>,
    /// Which phone.
    device: Option<String>,
    /// Which relying party.
    client: Option<String>,
    /// Which browser session.
    session: Option<String>,
    /// From where.
    address: Option<String>,
    /// Where the other side was: browser and phone.
    other_address: Option<String>,
    /// The reason of a refusal, or what it was about.
    detail: Option<String>,
}

impl EntryShown {
    fn of(stored: &StoredAudit, names: &BTreeMap<AccountId, String>) -> Self {
        let entry = &stored.entry;
        Self {
            number: stored.number,
            at: entry.at.rfc3339(),
            event: entry.event.as_str(),
            outcome: entry.outcome.as_str(),
            actor: entry.actor.as_ref().map(ToString::to_string),
            account: entry.account.as_ref().map(ToString::to_string),
            account_name: entry.account.and_then(|account| names.get(&account).cloned()),
            device: entry.device.as_ref().map(ToString::to_string),
            client: entry.client.as_ref().map(|client| client.as_str().to_owned()),
            session: entry.session.as_ref().map(ToString::to_string),
            address: entry.address.clone(),
            other_address: entry.other_address.clone(),
            detail: entry.detail.clone(),
        }
    }
}

/// The newest seal of the trail: to be kept somewhere else.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HeadShown {
    /// The number of the block; 0 before the first one.
    block: i64,
    /// The number of its first entry.
    first: Option<i64>,
    /// The number of its last entry.
    last: Option<i64>,
    /// How many entries it has.
    entries: Option<u32>,
    /// When it was sealed.
    sealed_at: Option<String>,
    /// The chain's head, base64url.
    head: Option<String>,
    /// The key that signed it.
    kid: Option<String>,
    /// A compact JWS.
    signature: Option<String>,
    /// Block and head as `latchbolt audit verify --expect` takes them.
    expect: Option<String>,
}

impl From<Option<AuditBlock>> for HeadShown {
    fn from(block: Option<AuditBlock>) -> Self {
        let head = block.as_ref().map(|block| URL_SAFE_NO_PAD.encode(block.head));
        Self {
            block: block.as_ref().map_or(0, |block| block.block),
            first: block.as_ref().map(|block| block.first),
            last: block.as_ref().map(|block| block.last),
            entries: block.as_ref().map(|block| block.entries),
            sealed_at: block.as_ref().map(|block| block.sealed_at.rfc3339()),
            expect: block.as_ref().zip(head.as_ref()).map(|(block, head)| format!("{}:{head}", block.block)),
            head,
            kid: block.as_ref().map(|block| block.kid.clone()),
            signature: block.map(|block| block.signature),
        }
    }
}

#[utoipa::path(
    get, path = "/audit", tag = "Audit trail",
    summary = "What happened",
    description = "Newest first; `sort=number` begins with the oldest. A page may hold fewer items than its limit, even none, though `next` is set: a search ends after a while and goes on from there.",
    params(
        ("event" = Option<String>, Query, description = "One or several, with commas"),
        ("outcome" = Option<String>, Query), ("account" = Option<String>, Query),
        ("device" = Option<String>, Query), ("client" = Option<String>, Query),
        ("session" = Option<String>, Query), ("actor" = Option<String>, Query),
        ("since" = Option<String>, Query), ("until" = Option<String>, Query),
        ("q" = Option<String>, Query, description = "A text in the detail"),
    ),
    responses((status = 200, body = Listed<EntryShown>), (status = 400, body = Problem))
)]
async fn list(ask: Ask) -> Answer {
    page(&ask, None).await
}

/// A page of the trail; of one account alone, if one is given.
async fn page(ask: &Ask, account: Option<AccountId>) -> Answer {
    let lists = Lists { sorts: &["newest", "number"], filters: &FILTERS, searches: true };
    let listing = ask.listing(&lists)?;
    let mut filter =
        read_filter(|name| if name == "q" { listing.q.as_deref() } else { listing.filter(name) })?;
    filter.account = account.or(filter.account);
    let after = listing.cursor.as_ref().map(|cursor| cursor.key.parse::<i64>()).transpose();
    let after = after.map_err(|_| Failed::invalid("cursor", "is none of this list"))?;
    let is_newest_first = (listing.sort == "newest") != listing.descending;
    let order = if is_newest_first { AuditOrder::NewestFirst } else { AuditOrder::OldestFirst };
    let page = ask.registry().audit_page(&filter, order, after, listing.limit).await?;
    let names = ask.registry().audit_names(&page.entries).await?;
    let next = page.next.map(|number| Cursor { key: number.to_string(), id: "audit".to_owned() }.to_text());
    let items = page.entries.iter().map(|stored| EntryShown::of(stored, &names)).collect();
    Ok(ask::ok(&Listed { items, next, total: None }))
}

#[utoipa::path(
    get, path = "/users/{id}/activity", tag = "Audit trail",
    summary = "What happened to one account",
    description = "As `/audit` with this account.",
    params(("id" = String, Path)),
    responses((status = 200, body = Listed<EntryShown>), (status = 404, body = Problem))
)]
async fn activity(ask: Ask) -> Answer {
    let account: AccountId = ask.id("id")?;
    page(&ask, Some(account)).await
}

#[utoipa::path(
    get, path = "/audit/events", tag = "Audit trail",
    summary = "All that the trail can tell of",
    responses((status = 200, body = Listed<String>))
)]
async fn events(ask: Ask) -> Answer {
    ask.query(&[])?;
    Ok(ask::ok(&Listed::whole(AuditEvent::ALL.iter().map(|event| event.as_str()).collect())))
}

#[utoipa::path(
    get, path = "/audit/head", tag = "Audit trail",
    summary = "The newest seal",
    description = "Kept somewhere else it shows later that nothing was cut off the end of the trail.",
    responses((status = 200, body = HeadShown))
)]
async fn head(ask: Ask) -> Answer {
    ask.query(&[])?;
    Ok(ask::ok(&HeadShown::from(ask.registry().audit_head().await?)))
}

#[utoipa::path(
    get, path = "/audit/export", tag = "Audit trail",
    summary = "The trail as a file",
    description = "With the filters of `/audit`; oldest first unless `sort=newest`. The export is itself written down.",
    params(("format" = Option<String>, Query, description = "`jsonl` or `csv`")),
    responses(
        (status = 200, description = "A JSON object a line, or RFC 4180", content_type = "application/x-ndjson"),
        (status = 400, body = Problem),
    )
)]
async fn export(ask: Ask) -> Answer {
    let mut known = FILTERS.to_vec();
    known.extend(["format", "sort"]);
    let params = ask.query(&known)?;
    let filter = filter_of(&params)?;
    let form = ExportForm::from_word(params.get("format").unwrap_or("jsonl"));
    let form = form.ok_or_else(|| Failed::invalid("format", "must be jsonl or csv"))?;
    let order = match params.get("sort") {
        None | Some("number") => AuditOrder::OldestFirst,
        Some("newest") => AuditOrder::NewestFirst,
        Some(_) => return Err(Failed::invalid("sort", "must be number or newest")),
    };
    let asked = FILTERS.iter().filter(|name| params.get(name).is_some_and(|value| !value.is_empty()));
    let asked: Vec<&str> = asked.copied().collect();
    let what = if asked.is_empty() { "all".to_owned() } else { format!("by {}", asked.join(", ")) };
    ask.registry().audit_exported(ask.mandate(), &format!("{} {what}", form.as_str())).await?;
    let (kind, file) = match form {
        ExportForm::JsonLines => ("application/x-ndjson", "attachment; filename=\"audit.jsonl\""),
        ExportForm::Csv => ("text/csv; charset=utf-8; header=present", "attachment; filename=\"audit.csv\""),
    };
    let body = Export { registry: ask.registry().clone(), filter, order, form, at: Place::Beginning };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static(kind)))
        .insert_header((CONTENT_DISPOSITION, HeaderValue::from_static(file)))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .streaming(stream::unfold(body, Export::step)))
}

fn filter_of(params: &Params) -> Result<AuditFilter, Failed> {
    Ok(read_filter(|name| params.get(name))?)
}

/// An export under way: one page of the trail at a time.
struct Export {
    registry: Registry,
    filter: AuditFilter,
    order: AuditOrder,
    form: ExportForm,
    at: Place,
}

#[derive(Clone, Copy)]
enum Place {
    Beginning,
    After(i64),
    End,
}

impl Export {
    async fn step(mut self) -> Option<(Result<Bytes, std::io::Error>, Self)> {
        let mut text = String::new();
        while text.is_empty() {
            let after = match self.at {
                Place::Beginning => None,
                Place::After(number) => Some(number),
                Place::End => return None,
            };
            if after.is_none() {
                text.push_str(&head_line(self.form));
            }
            match self.registry.audit_page(&self.filter, self.order, after, STEP).await {
                Ok(page) => {
                    page.entries.iter().for_each(|stored| text.push_str(&line(self.form, stored)));
                    self.at = page.next.map_or(Place::End, Place::After);
                }
                Err(refusal) => {
                    // The answer has begun: cut off, it is seen to be no whole export.
                    tracing::warn!(cause = refusal.cause(), "An export of the audit trail was cut off");
                    self.at = Place::End;
                    return Some((Err(std::io::Error::other("the export was cut off")), self));
                }
            }
        }
        Some((Ok(Bytes::from(text)), self))
    }
}
