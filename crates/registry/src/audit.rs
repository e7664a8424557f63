//! Asking the audit trail, and taking it out.
//!
//! Owns: pages of the trail with the names of whom they are about, and the lines of an export. Not here: the chain
//! (`chain`), who may ask (doors).

mod export;

use std::collections::BTreeMap;

use app::Refusal;
use domain::{AccountId, AuditEvent, AuditFilter, AuditOrder, AuditPage, Outcome, StoredAudit, Timestamp};

use crate::Registry;

pub use export::{ExportForm, head_line, line};

/// What may be asked for, by name, as in an address or on the command line.
pub const FILTERS: [&str; 10] =
    ["event", "outcome", "account", "device", "client", "session", "actor", "since", "until", "q"];
/// The longest text that is searched for, in characters.
const LONGEST_TEXT: usize = 200;

/// Reads what is asked for; `event` may name several, with commas.
///
/// # Errors
/// [`Refusal::Invalid`] with the name of what cannot be read.
pub fn read_filter<'a>(value: impl Fn(&str) -> Option<&'a str>) -> Result<AuditFilter, Refusal> {
    fn read<T>(
        text: Option<&str>,
        field: &'static str,
        why: &'static str,
        of: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        text.map(|text| of(text).ok_or(Refusal::Invalid { field, why })).transpose()
    }
    let value = |name| value(name).map(str::trim).filter(|text| !text.is_empty());
    let events = |text: &str| text.split(',').map(|word| AuditEvent::from_word(word.trim())).collect();
    let outcome =
        |text: &str| [Outcome::Done, Outcome::Refused].into_iter().find(|word| word.as_str() == text);
    let id = "is no id of that kind";
    let time = "is no time as 2026-11-22T09:15:00Z";
    Ok(AuditFilter {
        events: read(value("event"), "event", "names an event that there is not", events)?
            .unwrap_or_default(),
        outcome: read(value("outcome"), "outcome", "must be done or refused", outcome)?,
        account: read(value("account"), "account", id, |text| text.parse().ok())?,
        device: read(value("device"), "device", id, |text| text.parse().ok())?,
        client: read(value("client"), "client", id, |text| text.parse().ok())?,
        session: read(value("session"), "session", id, |text| text.parse().ok())?,
        actor: read(value("actor"), "actor", "names nobody who acts", |text| text.parse().ok())?,
        since: read(value("since"), "since", time, Timestamp::from_rfc3339)?,
        until: read(value("until"), "until", time, Timestamp::from_rfc3339)?,
        text: read(value("q"), "q", "is longer than 200 characters", |text| {
            (text.chars().count() <= LONGEST_TEXT).then(|| text.to_owned())
        })?,
    })
}

impl Registry {
    /// Entries with a number above `after`, oldest first; at most `limit`, which is capped at 500.
    ///
    /// # Errors
    /// The store.
    pub async fn audit_trail(
        &self,
        filter: &AuditFilter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredAudit>, Refusal> {
        let mut view = self.app.store().read().await?;
        Ok(view.audit_trail(filter, after, limit.clamp(1, 500)).await?)
    }

    /// A page of the trail beyond `after`, in this order. It may hold less than `limit` (capped at 500), even nothing,
    /// though there is more: then `next` says where to go on.
    ///
    /// # Errors
    /// The store.
    pub async fn audit_page(
        &self,
        filter: &AuditFilter,
        order: AuditOrder,
        after: Option<i64>,
        limit: u32,
    ) -> Result<AuditPage, Refusal> {
        let mut view = self.app.store().read().await?;
        Ok(view.audit_page(filter, order, after, limit.clamp(1, 500)).await?)
    }

    /// The number of the newest entry; 0 when there is none.
    ///
    /// # Errors
    /// The store.
    pub async fn audit_end(&self) -> Result<i64, Refusal> {
        let page = self.audit_page(&AuditFilter::default(), AuditOrder::NewestFirst, None, 1).await?;
        Ok(page.entries.first().map_or(0, |stored| stored.number))
    }

    /// The user names of those whom these entries are about, by one question; who is gone is left out.
    ///
    /// # Errors
    /// The store.
    pub async fn audit_names(&self, entries: &[StoredAudit]) -> Result<BTreeMap<AccountId, String>, Refusal> {
        let mut ids: Vec<AccountId> = entries.iter().filter_map(|stored| stored.entry.account).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut view = self.app.store().read().await?;
        Ok(view.usernames(&ids).await?.into_iter().collect())
    }

    /// Writes down that the trail was taken out, and by whom.
    ///
    /// # Errors
    /// The store.
    pub async fn audit_exported(&self, by: &app::Mandate, what: &str) -> Result<(), Refusal> {
        let mut entry = by.entry(AuditEvent::AuditExported, Outcome::Done, self.app.now());
        entry.account = by.account;
        entry.detail = app::audit::detail(what);
        self.app.write_down(entry).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_189_a_filter_is_read_strictly() {
        let read = |pairs: &[(&str, &'static str)]| {
            let pairs = pairs.to_vec();
            read_filter(move |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
        };
        let filter = read(&[
            ("event", "session.started, session.ended"),
            ("outcome", "refused"),
            ("client", "shop"),
            ("actor", "client:import"),
            ("since", "2026-11-22"),
            ("q", "  wrong "),
            ("until", ""),
        ])
        .unwrap();
        assert_eq!(filter.events, [AuditEvent::SessionStarted, AuditEvent::SessionEnded]);
        assert_eq!(filter.outcome, Some(Outcome::Refused));
        assert_eq!((filter.text.as_deref(), filter.until), (Some("wrong"), None));
        assert!(filter.client.is_some() && filter.actor.is_some() && filter.since.is_some());
        for (name, value) in [
            ("event", "session.*"),
            ("event", "session.started,"),
            ("outcome", "ok"),
            ("account", "ada"),
            ("device", "acc_aaaaaaaaaaaaaaaaaaaaaaaaaa"),
            ("session", "1"),
            ("actor", "root"),
            ("since", "yesterday"),
            ("until", "2026"),
        ] {
            assert!(
                matches!(read(&[(name, value)]), Err(Refusal::Invalid { field, .. }) if field == name),
                "{name}"
            );
        }
        let long: &'static str = Box::leak("x".repeat(201).into_boxed_str());
        assert!(read(&[("q", long)]).is_err());
    }
}
