//! `/audit/live`: entries as they are written, as Server-Sent Events.
//!
//! Owns: the stream. It looks into the trail every second: entries come from all nodes, and none of them has a word to
//! say for each. Whether the caller may still see it is asked again every few seconds (SEC-184, SEC-153); it ends after
//! a while, and when the server closes, with a hint to come back.

use domain::{AuditFilter, AuditOrder, StoredAudit};
use std::collections::BTreeSet;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::rt::time::sleep;
use bytes::Bytes;
use futures_util::stream;
use registry::audit::FILTERS;
use tokio::time::Instant;
use web::{Closing, Web};

use super::{EntryShown, filter_of};
use crate::Admin;
use crate::api::ask::Ask;
use crate::api::openapi::Problem;
use crate::api::principal;
use crate::api::problem::Failed;
use crate::api::route::{Answer, Route};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is asked whether the caller may still look.
const ASK: Duration = Duration::from_secs(4);
/// A stream lives so long; then the browser comes back by itself.
const LIFE: Duration = Duration::from_secs(300);
/// Looks without an entry until a comment shows that the stream lives.
const BEAT: u32 = 15;
/// Entries with lower numbers may be seen later than higher ones; by no more than so many.
const LATE: i64 = 200;
/// Entries told at one look.
const MOST: u32 = 200;

#[utoipa::path(
    get, path = "/audit/live", tag = "Audit trail",
    summary = "What happens now",
    description = "Server-Sent Events named `entry`, with the filters of `/audit`. `Last-Event-ID` goes on after that entry.",
    responses(
        (status = 200, description = "`event: entry`, its number as `id`, and an item of `/audit` as `data`", content_type = "text/event-stream"),
        (status = 400, body = Problem),
    )
)]
pub(super) async fn stream(ask: Ask) -> Answer {
    let params = ask.query(&FILTERS)?;
    let filter = filter_of(&params)?;
    let end = ask.registry().audit_end().await?;
    let after = match ask.header("last-event-id") {
        None => end,
        Some(text) => {
            text.parse().map_err(|_| Failed::invalid("Last-Event-ID", "is no number of an entry"))?
        }
    };
    let now = Instant::now();
    let tail = Tail {
        admin: ask.admin().clone(),
        req: ask.request().clone(),
        row: ask.row(),
        closing: Web::of(ask.request()).ok().map(Web::closing),
        filter,
        floor: after,
        position: after,
        told: BTreeSet::new(),
        begun: now,
        asked: now,
        silence: 0,
        has_greeted: false,
        is_over: false,
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8")))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header((HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")))
        .streaming(stream::unfold(tail, Tail::step)))
}

struct Tail {
    admin: Admin,
    req: HttpRequest,
    row: &'static Route,
    closing: Option<Closing>,
    filter: AuditFilter,
    /// Nothing up to here is told.
    floor: i64,
    /// Everything up to here was looked at, but for what came late.
    position: i64,
    /// Numbers told, of the last ones.
    told: BTreeSet<i64>,
    begun: Instant,
    asked: Instant,
    silence: u32,
    has_greeted: bool,
    is_over: bool,
}

type Said = Result<Bytes, std::convert::Infallible>;

impl Tail {
    async fn step(mut self) -> Option<(Said, Self)> {
        if self.is_over {
            return None;
        }
        if !self.has_greeted {
            self.has_greeted = true;
            return Some((Ok(Bytes::from_static(b"retry: 2000\n\n")), self));
        }
        loop {
            let is_closing = match &mut self.closing {
                None => {
                    sleep(LOOK).await;
                    false
                }
                Some(closing) => tokio::select! {
                    () = closing.begun() => true,
                    () = sleep(LOOK) => false,
                },
            };
            if is_closing || self.begun.elapsed() > LIFE || !self.may_look().await {
                self.is_over = true;
                return Some((Ok(Bytes::from_static(b"retry: 1000\n\n")), self));
            }
            match self.look().await {
                Ok(text) if !text.is_empty() => {
                    self.silence = 0;
                    return Some((Ok(Bytes::from(text)), self));
                }
                Ok(_) => self.silence += 1,
                Err(failed) => {
                    tracing::warn!(cause = ?failed, "The audit trail could not be looked into; it is tried again");
                    self.silence += 1;
                }
            }
            if self.silence >= BEAT {
                self.silence = 0;
                return Some((Ok(Bytes::from_static(b":\n\n")), self));
            }
        }
    }

    /// Whether the caller still is who they were, and may still look.
    async fn may_look(&mut self) -> bool {
        if self.asked.elapsed() < ASK {
            return true;
        }
        self.asked = Instant::now();
        match principal::caller(&self.admin, self.row, &self.req).await {
            Ok(caller) => self.row.needs.met_by(caller.mandate.permissions),
            Err(_) => false,
        }
    }

    /// What is new.
    async fn look(&mut self) -> Result<String, Failed> {
        let registry = self.admin.registry();
        let end = registry.audit_end().await?;
        let from = self.floor.max(self.position.saturating_sub(LATE));
        let (mut found, mut after) = (Vec::new(), Some(from));
        while let Some(number) = after
            && number < end
            && found.len() < MOST as usize
        {
            let page = registry.audit_page(&self.filter, AuditOrder::OldestFirst, Some(number), MOST).await?;
            found.extend(page.entries.into_iter().filter(|stored| !self.told.contains(&stored.number)));
            after = page.next;
        }
        let is_all = after.is_none_or(|number| number >= end);
        self.position = match (is_all, after, found.last()) {
            (true, _, last) => end.max(last.map_or(end, |stored: &StoredAudit| stored.number)),
            (false, Some(number), _) => number,
            (false, None, _) => end,
        };
        self.told.extend(found.iter().map(|stored| stored.number));
        let oldest = self.position.saturating_sub(LATE);
        self.told = self.told.split_off(&oldest);
        let names = registry.audit_names(&found).await?;
        let mut text = String::new();
        for stored in &found {
            let data = serde_json::to_string(&EntryShown::of(stored, &names)).unwrap_or_default();
            text.push_str(&format!("event: entry\nid: {}\ndata: {data}\n\n", stored.number));
        }
        Ok(text)
    }
}
