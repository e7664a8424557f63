//! Counts for charts: keeping what was counted, and asking for it.
//!
//! Owns: sums by hour or day, and the times of the steps of a sign-in by QR. Not here: counting (`app::meters`).

use std::collections::BTreeMap;

use app::Refusal;
use app::meters::{self, Event, Step};
use domain::Timestamp;
use store::Count;

use crate::Registry;

/// So many days may be asked for at once.
pub const MOST_DAYS: u32 = 90;
/// Sums are by the hour for so many days, and by the day for more.
const BY_HOUR: u32 = 7;
/// Sessions that are alive are counted up to this.
const MOST_SESSIONS: u32 = 100_000;

/// How often one thing was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// What.
    pub name: &'static str,
    /// In all.
    pub total: u64,
    /// In each stretch, from [`Overview::since`] on.
    pub counts: Vec<u64>,
}

/// A time that a part of the steps did not exceed. The scale is coarse: the time lies between the two, the upper one
/// included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantile {
    /// In milliseconds.
    pub above: u64,
    /// In milliseconds; none: longer than the scale.
    pub up_to: Option<u64>,
}

/// One step of a sign-in by QR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelStep {
    /// `shown`, `claimed`, `approved`, `redeemed`.
    pub step: &'static str,
    /// How many came so far.
    pub count: u64,
    /// Half of them took no longer, from the step before.
    pub p50: Option<Quantile>,
    /// 99 of 100 took no longer.
    pub p99: Option<Quantile>,
}

/// What the charts show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// The beginning of the first stretch.
    pub since: Timestamp,
    /// The end of the last one.
    pub until: Timestamp,
    /// Hours of a stretch: 1 or 24. Days are those of UTC.
    pub hours: u32,
    /// All that is counted.
    pub series: Vec<Series>,
    /// A sign-in by QR, step by step.
    pub funnel: Vec<FunnelStep>,
    /// Browser sessions that are alive now.
    pub sessions: u64,
    /// Whether there are more sessions than were counted.
    pub is_capped: bool,
}

impl Registry {
    /// Keeps what this process counted since the last time.
    ///
    /// # Errors
    /// The store; then it is kept with the next.
    pub async fn keep_counts(&self) -> Result<(), Refusal> {
        let app = &self.app;
        let counts = app.meters().take(app.now());
        if counts.is_empty() {
            return Ok(());
        }
        let kept: Result<(), Refusal> = app
            .repeatable(|| async {
                let mut work = app.store().begin().await?;
                work.count(&counts).await?;
                Ok(work.commit().await?)
            })
            .await;
        if kept.is_err() {
            app.meters().give_back(&counts);
        }
        kept
    }

    /// What was counted in the last `days` days.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for none or more than [`MOST_DAYS`]; the store.
    pub async fn overview(&self, days: u32) -> Result<Overview, Refusal> {
        if !(1..=MOST_DAYS).contains(&days) {
            return Err(Refusal::Invalid { field: "days", why: "must be 1 to 90" });
        }
        let now = self.app.now();
        let hours = if days <= BY_HOUR { 1 } else { 24 };
        let step = i64::from(hours);
        let until = (meters::hour(now).div_euclid(step) + 1) * step;
        let since = until - i64::from(days) * 24;
        let mut view = self.app.store().read().await?;
        let sums = view.counted(since, until, hours).await?;
        let mut funnel = vec![FunnelStep { step: "shown", count: 0, p50: None, p99: None }];
        for step in Step::ALL {
            let scale = view.histogram(step.as_str(), since, until).await?;
            funnel.push(funnel_step(*step, &scale));
        }
        let sessions = view.live_sessions(now, MOST_SESSIONS).await?;
        let stretches = usize::try_from((until - since) / step).unwrap_or_default();
        let series = series(&sums, since, step, stretches);
        if let (Some(first), Some(shown)) =
            (funnel.first_mut(), series.iter().find(|series| series.name == Event::QrShown.as_str()))
        {
            first.count = shown.total;
        }
        let at = |hour: i64| Timestamp::from_seconds(hour * 3_600);
        let is_capped = sessions >= u64::from(MOST_SESSIONS);
        Ok(Overview { since: at(since), until: at(until), hours, series, funnel, sessions, is_capped })
    }
}

/// Every name has a count for every stretch.
fn series(sums: &[Count], since: i64, step: i64, stretches: usize) -> Vec<Series> {
    let mut by_name: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for sum in sums {
        let counts = by_name.entry(sum.name.as_str()).or_insert_with(|| vec![0; stretches]);
        let place = usize::try_from((sum.hour - since).div_euclid(step)).ok();
        if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
            *count += sum.count;
        }
    }
    let names =
        Event::ALL.iter().map(|event| event.as_str()).chain(Step::ALL.iter().map(|step| step.as_str()));
    names
        .map(|name| {
            let counts = by_name.remove(name).unwrap_or_else(|| vec![0; stretches]);
            Series { name, total: counts.iter().sum(), counts }
        })
        .collect()
}

fn funnel_step(step: Step, scale: &[Count]) -> FunnelStep {
    let name = step.as_str();
    FunnelStep {
        step: name.split_once('.').map_or(name, |(_, step)| step),
        count: scale.iter().map(|part| part.count).sum(),
        p50: quantile(scale, 50),
        p99: quantile(scale, 99),
    }
}

/// The part of the scale that this percentile falls into.
fn quantile(scale: &[Count], percent: u64) -> Option<Quantile> {
    let total: u64 = scale.iter().map(|part| part.count).sum();
    let rank = (total * percent).div_ceil(100);
    let mut seen = 0;
    let part = scale.iter().find(|part| {
        seen += part.count;
        seen >= rank && rank > 0
    })?;
    let millis = |bucket| meters::bound(bucket).and_then(|bound| u64::try_from(bound.as_millis()).ok());
    let above = part.bucket.checked_sub(1).and_then(millis).unwrap_or_default();
    Some(Quantile { above, up_to: millis(part.bucket) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(bucket: u32, count: u64) -> Count {
        Count { hour: 0, name: "qr.claimed".to_owned(), bucket, count }
    }

    #[test]
    fn a_quantile_is_the_part_of_the_scale_it_falls_into() {
        assert_eq!(quantile(&[], 50), None);
        let scale = [part(0, 50), part(2, 49), part(39, 1)];
        assert_eq!(quantile(&scale, 50), Some(Quantile { above: 0, up_to: Some(10) }));
        assert_eq!(quantile(&scale, 51), Some(Quantile { above: 14, up_to: Some(20) }));
        assert_eq!(quantile(&scale, 99), Some(Quantile { above: 14, up_to: Some(20) }));
        let last = quantile(&scale, 100).unwrap();
        assert!(last.above > 5_000_000 && last.up_to.is_none());
        assert_eq!(quantile(&[part(4, 1)], 50), Some(Quantile { above: 28, up_to: Some(40) }));
    }

    #[test]
    fn every_name_has_a_count_for_every_stretch() {
        let count = |hour, name: &str, count| Count { hour, name: name.to_owned(), bucket: 0, count };
        let sums = [count(48, "qr.shown", 3), count(72, "qr.shown", 4), count(48, "of another time", 9)];
        let all = series(&sums, 24, 24, 3);
        assert_eq!(all.len(), Event::ALL.len() + Step::ALL.len());
        let shown = all.iter().find(|series| series.name == "qr.shown").unwrap();
        assert_eq!((shown.total, &shown.counts), (7, &vec![0, 3, 4]));
        let all_others = all.iter().filter(|series| series.name != "qr.shown");
        assert!(all_others.into_iter().all(|series| series.counts == [0, 0, 0]));
    }
}
