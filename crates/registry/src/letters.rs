//! The letters of a bulk enrolment as one PDF.
//!
//! Owns: what a letter says about whom, and how long its secrets are kept: sealed with the row that made it, for 24
//! hours or until somebody says that they were printed; then they are nowhere (SEC-071). Not here: layout (`letters`).

use app::{Mandate, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AuditEntry, AuditEvent, Job, JobId, JobKind, Outcome, Permission, Timestamp};
use letters::{Day, Layout, Letter, Words};
use serde::{Deserialize, Serialize};

use crate::Registry;
use crate::import::LetterInput;

/// What letters are sealed for.
pub(crate) const PURPOSE: &str = "letters";
/// Rows that are read at once.
const AT_ONCE: u32 = 500;

/// The secrets of a letter.
#[derive(Serialize, Deserialize)]
pub(crate) struct Sealed {
    pub(crate) url: String,
    pub(crate) code: String,
    pub(crate) expires_at: Timestamp,
}

/// What a letter needs before it is drawn.
struct Filled {
    input: LetterInput,
    sealed: Sealed,
}

impl Registry {
    /// The letters of a job that made some.
    ///
    /// # Errors
    /// `NotFound` for other work; `Gone` when the secrets were dropped; `Forbidden`, also for letters of which one lets
    /// in somebody who may do more than whoever prints them (SEC-181); `Invalid` for an unknown layout.
    pub async fn letters_pdf(&self, by: &Mandate, id: &JobId, layout: &str) -> Result<Vec<u8>, Refusal> {
        let layout = Layout::from_word(layout)
            .ok_or(Refusal::Invalid { field: "layout", why: "is neither letter nor labels" })?;
        let job = self.letters_of(by, id).await?;
        let now = self.app.now();
        if job.secrets_until.is_none_or(|until| now >= until) {
            return Err(Refusal::Gone);
        }
        let sealer = self.app.lasting_sealer(PURPOSE)?;
        let mut filled = Vec::new();
        let mut after = 0;
        loop {
            let rows = self.app.store().read().await?.job_secrets(id, after, AT_ONCE).await?;
            let Some(last) = rows.last() else { break };
            after = last.number;
            let from = filled.len();
            for row in rows {
                let broken = || Refusal::Corrupt(format!("the letter of row {} of {id}", row.number));
                let sealed = URL_SAFE_NO_PAD.decode(&row.secret).map_err(|_| broken())?;
                let plain = sealer.open(row.subject.as_bytes(), &sealed).ok_or_else(broken)?;
                let sealed = serde_json::from_slice(&plain).map_err(|_| broken())?;
                let input = serde_json::from_str(&row.input).map_err(|_| broken())?;
                filled.push(Filled { input, sealed });
            }
            // Somebody else may have started it, and roles may have been given since: whoever reads a letter lets a
            // phone in, whoever it was made by (SEC-181).
            let readers = filled.iter().skip(from).map(|one: &Filled| one.input.account.to_string());
            let readers = readers.collect::<Vec<_>>();
            for found in self.app.store().read().await?.accounts_with_ids(&readers).await? {
                by.must_hold(found.account.roles)?;
            }
        }
        let entry = AuditEntry {
            detail: Some(format!("{id}: {} letters", filled.len())),
            ..by.entry(AuditEvent::LettersPrinted, Outcome::Done, now)
        };
        self.app.write_down(entry).await?;
        let issuer = self.app.issuer().url("");
        let service = issuer.trim_end_matches('/').trim_start_matches("https://").to_owned();
        let drawn = tokio::task::spawn_blocking(move || draw(layout, &service, filled)).await;
        drawn.map_err(|why| Refusal::Corrupt(format!("drawing letters: {why}")))?
    }

    /// The letters were printed: their secrets are forgotten.
    ///
    /// # Errors
    /// As [`Registry::letters_pdf`].
    pub async fn confirm_letters(&self, by: &Mandate, id: &JobId) -> Result<Job, Refusal> {
        self.letters_of(by, id).await?;
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            if !work.drop_secrets(id).await? {
                return Err(Refusal::Gone);
            }
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.job(id).await
    }

    async fn letters_of(&self, by: &Mandate, id: &JobId) -> Result<Job, Refusal> {
        by.must(Permission::EnrolmentsWrite)?;
        let job = self.job(id).await?;
        if job.kind == JobKind::BulkEnrol { Ok(job) } else { Err(Refusal::NotFound) }
    }
}

fn draw(layout: Layout, service: &str, filled: Vec<Filled>) -> Result<Vec<u8>, Refusal> {
    let fault = |why: String| Refusal::Corrupt(format!("letters: {why}"));
    let mut words: Vec<(String, Words)> = Vec::new();
    for Filled { input, .. } in &filled {
        let tag = input.language.clone().unwrap_or_default();
        if words.iter().all(|(known, _)| *known != tag) {
            words.push((tag.clone(), Words::of(Some(&tag)).map_err(fault)?));
        }
    }
    let fallback = Words::of(None).map_err(fault)?;
    let letters: Vec<Letter<'_>> = filled
        .into_iter()
        .map(|Filled { input, sealed }| {
            let tag = input.language.unwrap_or_default();
            let found = words.iter().find(|(known, _)| *known == tag);
            Letter {
                words: found.map_or(&fallback, |(_, words)| words),
                name: input.name,
                username: input.username,
                url: sealed.url,
                code: sealed.code,
                until: day(sealed.expires_at),
            }
        })
        .collect();
    letters::render(layout, service, &format!("{service}/phone"), &letters)
        .map_err(|why| fault(why.to_string()))
}

/// The day of a moment, in UTC.
fn day(at: Timestamp) -> Day {
    let text = at.rfc3339();
    let part = |range: std::ops::Range<usize>| {
        text.get(range).and_then(|part| part.parse::<u16>().ok()).unwrap_or(0)
    };
    let small = |number: u16| u8::try_from(number).unwrap_or(0);
    Day { year: i32::from(part(0..4)), month: small(part(5..7)), day: small(part(8..10)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_off_the_calendar() {
        let day = day(Timestamp::from_seconds(1_800_000_000));
        assert_eq!(day, Day { year: 2027, month: 1, day: 15 });
    }
}
