//! Searching the audit trail.
//!
//! Owns: which index a search goes along, and where it stops; the statements are in `along`. A search goes along the numbers of one account, phone,
//! actor, relying party or event, or of all, and looks at each entry whether the rest fits. It looks at one stretch
//! of numbers after the other, longer ones while they are quick, and stops after a while: the answer says where to
//! go on (SEC-189).

use std::time::{Duration, Instant};

use domain::{AuditFilter, AuditOrder, AuditPage, StoredAudit, Timestamp};
use store::Result;

use super::AuditRow;
use crate::values::{Value, bind};
use crate::work::{Cells, Entry, Sql, SqlWork, sql};

mod along;

use along::{Along, statement};

/// Numbers in the first stretch: looked at without an index in some ten milliseconds.
const STRETCH: i64 = 20_000;
/// A stretch that took less may be followed by one twice as long.
const QUICK: Duration = Duration::from_millis(10);
/// After so long no further stretch is begun.
const PATIENCE: Duration = Duration::from_millis(40);
/// Events that are searched one by one, each along its index.
const FEW_EVENTS: usize = 8;
/// So much may the clocks of nodes differ: times rise with numbers but for that.
const CLOCKS: Duration = Duration::from_secs(600);

/// `number, at`
struct Place {
    number: i64,
    at: Timestamp,
}

impl Entry for Place {
    const TABLE: &'static str = "audit";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self { number: row.number("number")?, at: Timestamp::from_millis(row.number("at")?) })
    }
}

/// One way through the trail: the statement, its value, and the filter's.
struct Path {
    sql: Sql,
    key: Option<String>,
    rest: Vec<Value>,
    is_bare: bool,
}

impl SqlWork {
    pub(super) async fn search_audit(
        &mut self,
        filter: &AuditFilter,
        order: AuditOrder,
        after: Option<i64>,
        limit: u32,
    ) -> Result<AuditPage> {
        let begun = Instant::now();
        let Some((mut low, mut high)) = self.numbers(filter).await? else {
            return Ok(AuditPage { entries: Vec::new(), next: None });
        };
        match (order, after) {
            (_, None) => {}
            (AuditOrder::NewestFirst, Some(after)) => high = high.min(after),
            (AuditOrder::OldestFirst, Some(after)) => low = low.max(after),
        }
        let paths = paths(filter, order);
        let mut page = AuditPage { entries: Vec::new(), next: None };
        let mut stretch = if paths.iter().all(|path| path.is_bare) { i64::MAX } else { STRETCH };
        while high.saturating_sub(low) > 1 {
            let left = limit.saturating_sub(u32::try_from(page.entries.len()).unwrap_or(limit));
            let (from, to) = match order {
                AuditOrder::NewestFirst => (low.max(high.saturating_sub(stretch)), high),
                AuditOrder::OldestFirst => (low, high.min(low.saturating_add(stretch))),
            };
            let step = Instant::now();
            let mut found = Vec::new();
            for path in &paths {
                found.extend(self.stretch(path, from, to, left).await?);
            }
            if paths.len() > 1 {
                found.sort_by_key(|stored| stored.number);
                if order == AuditOrder::NewestFirst {
                    found.reverse();
                }
                found.truncate(left as usize);
            }
            let is_full = found.len() >= left as usize;
            page.entries.extend(found);
            if is_full {
                page.next = page.entries.last().map(|stored| stored.number);
                return Ok(page);
            }
            // All in between were looked at: numbers above `from` and below `to`.
            match order {
                AuditOrder::NewestFirst => high = from.saturating_add(1),
                AuditOrder::OldestFirst => low = to.saturating_sub(1),
            }
            if high.saturating_sub(low) > 1 && begun.elapsed() > PATIENCE {
                page.next = Some(if order == AuditOrder::NewestFirst { high } else { low });
                return Ok(page);
            }
            if step.elapsed() < QUICK {
                stretch = stretch.saturating_mul(2);
            }
        }
        Ok(page)
    }

    /// One stretch: numbers above `low` and below `high`.
    async fn stretch(&mut self, path: &Path, low: i64, high: i64, limit: u32) -> Result<Vec<StoredAudit>> {
        let mut values = bind![low, high];
        values.extend(path.rest.iter().cloned());
        values.extend(bind![limit]);
        if let Some(key) = &path.key {
            values.extend(bind![key]);
        }
        self.all::<AuditRow>(path.sql, values).await?.into_iter().map(StoredAudit::try_from).collect()
    }

    /// The numbers that the search is about, both ends outside; none when there are no such entries. Times rise
    /// with numbers but for the clocks' difference, so they are found by halving.
    async fn numbers(&mut self, filter: &AuditFilter) -> Result<Option<(i64, i64)>> {
        let ends = (self.beside(i64::MIN, true).await?, self.beside(i64::MAX, false).await?);
        let (Some(first), Some(last)) = ends else { return Ok(None) };
        let (mut low, mut high) = (first.number - 1, last.number.saturating_add(1));
        if let Some(since) = filter.since {
            low = self.halve(low, high, since.before(CLOCKS)).await?;
        }
        if let Some(until) = filter.until {
            high = self.halve(low, high, until.after(CLOCKS)).await?.saturating_add(1);
        }
        Ok(Some((low, high)))
    }

    /// A number in `low..high` below which entries are older than `at`, and above which they are not.
    async fn halve(&mut self, mut low: i64, mut high: i64, at: Timestamp) -> Result<i64> {
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match self.beside(middle, true).await? {
                Some(place) if place.number < high && place.at < at => low = place.number,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// The entry with this number, or the next one above or below it.
    async fn beside(&mut self, number: i64, above: bool) -> Result<Option<Place>> {
        let sql = if above {
            sql!("SELECT number, at FROM audit WHERE number >= $1 ORDER BY number LIMIT 1")
        } else {
            sql!("SELECT number, at FROM audit WHERE number <= $1 ORDER BY number DESC LIMIT 1")
        };
        self.optional::<Place>(sql, bind![number]).await
    }
}

/// The ways that lead to what is looked for: one, or one for each of a few events.
fn paths(filter: &AuditFilter, order: AuditOrder) -> Vec<Path> {
    let mut rest = filter.clone();
    let single = if let Some(account) = rest.account.take() {
        Some((Along::Account, Some(account.to_string())))
    } else if let Some(device) = rest.device.take() {
        Some((Along::Device, Some(device.to_string())))
    } else if let Some(actor) = rest.actor.take() {
        Some((Along::Actor, Some(actor.to_string())))
    } else if let (Some(client), true) = (&filter.client, filter.events.is_empty()) {
        rest.client = None;
        Some((Along::Client, Some(client.as_str().to_owned())))
    } else if filter.events.is_empty() || filter.events.len() > FEW_EVENTS {
        Some((Along::Number, None))
    } else {
        None
    };
    let mut ways = Vec::new();
    match single {
        Some(way) => ways.push(way),
        None => {
            let mut events = std::mem::take(&mut rest.events);
            events.sort_by_key(|event| event.as_str());
            events.dedup();
            ways.extend(events.iter().map(|event| (Along::Event, Some(event.as_str().to_owned()))));
        }
    }
    let is_bare = rest.is_all_but_time();
    let values = rest_values(&rest);
    let path = |(along, key)| Path { sql: statement(along, order), key, rest: values.clone(), is_bare };
    ways.into_iter().map(path).collect()
}

/// `$3` to `$12`.
fn rest_values(rest: &AuditFilter) -> Vec<Value> {
    let events: Vec<_> = rest.events.iter().map(|event| event.as_str()).collect();
    bind![
        rest.since.unwrap_or(Timestamp::from_millis(i64::MIN)),
        rest.until.unwrap_or(Timestamp::from_millis(i64::MAX)),
        rest.outcome.map(domain::Outcome::as_str),
        (!events.is_empty()).then(|| format!(",{},", events.join(","))),
        rest.account.as_ref(),
        rest.device.as_ref(),
        rest.client.as_ref(),
        rest.session.as_ref(),
        rest.actor.as_ref().map(ToString::to_string),
        rest.text.as_deref().map(held),
    ]
}

/// The pattern for texts that hold this one.
fn held(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}
