//! `/statistics`: counts for charts.

use domain::Timestamp;
use registry::statistics::{FunnelStep, Overview, Quantile, Series};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::ask::{self, Ask};
use super::openapi::Problem;
use super::problem::Failed;
use super::route::{Answer, Route, route};

/// The routes.
pub(super) const ROUTES: &[Route] = &[route!(Get "/statistics/overview", StatisticsRead, overview)];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(overview))]
pub(super) struct Described;

/// Days shown, if nothing else is asked for.
const USUAL: u32 = 7;

/// What the charts show.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OverviewShown {
    /// The beginning of the first stretch.
    since: String,
    /// The end of the last one.
    until: String,
    /// Hours of a stretch: 1 up to 7 days, else 24.
    step_hours: u32,
    /// Browser sessions that are alive now.
    active_sessions: Gauge,
    /// All that is counted, every stretch of it.
    series: Vec<SeriesShown>,
    /// A sign-in by QR, step by step.
    funnel: Vec<StepShown>,
}

/// A number of now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Gauge {
    /// How many.
    count: u64,
    /// There are more than were counted.
    capped: bool,
}

/// How often one thing was counted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeriesShown {
    /// What: `sign_in.*`, `qr.*`, `refused.*`, `enrolment.*`.
    name: &'static str,
    /// In all.
    total: u64,
    /// In each stretch.
    points: Vec<Point>,
}

/// One stretch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Point {
    /// Its beginning.
    at: String,
    /// How often.
    count: u64,
}

/// One step of a sign-in by QR. Times are of a coarse scale, two parts for each doubling: the time lies between the
/// two numbers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StepShown {
    /// `shown`, `claimed`, `approved`, `redeemed`.
    step: &'static str,
    /// How many came so far.
    count: u64,
    /// Half of them took no longer from the step before; null: nothing was counted, or it is longer than the scale.
    p50_ms: Option<u64>,
    /// The lower end of that part of the scale.
    p50_from_ms: Option<u64>,
    /// 99 of 100 took no longer.
    p99_ms: Option<u64>,
    /// The lower end of that part of the scale.
    p99_from_ms: Option<u64>,
}

impl From<&FunnelStep> for StepShown {
    fn from(step: &FunnelStep) -> Self {
        let up_to = |quantile: Option<Quantile>| quantile.and_then(|quantile| quantile.up_to);
        let above = |quantile: Option<Quantile>| quantile.map(|quantile| quantile.above);
        Self {
            step: step.step,
            count: step.count,
            p50_ms: up_to(step.p50),
            p50_from_ms: above(step.p50),
            p99_ms: up_to(step.p99),
            p99_from_ms: above(step.p99),
        }
    }
}

impl From<&Overview> for OverviewShown {
    fn from(overview: &Overview) -> Self {
        let points = |series: &Series| {
            let at = |place: usize| {
                let seconds = i64::try_from(place).unwrap_or_default() * i64::from(overview.hours) * 3_600;
                Timestamp::from_seconds(overview.since.seconds() + seconds).rfc3339()
            };
            series
                .counts
                .iter()
                .enumerate()
                .map(|(place, count)| Point { at: at(place), count: *count })
                .collect()
        };
        let shown =
            |series: &Series| SeriesShown { name: series.name, total: series.total, points: points(series) };
        Self {
            since: overview.since.rfc3339(),
            until: overview.until.rfc3339(),
            step_hours: overview.hours,
            active_sessions: Gauge { count: overview.sessions, capped: overview.is_capped },
            series: overview.series.iter().map(shown).collect(),
            funnel: overview.funnel.iter().map(StepShown::from).collect(),
        }
    }
}

#[utoipa::path(
    get, path = "/statistics/overview", tag = "Statistics",
    summary = "How people sign in",
    description = "Counted by all nodes, and kept every ten seconds. Days are those of UTC.",
    params(("days" = Option<u32>, Query, description = "1 to 90; 7 if not given")),
    responses((status = 200, body = OverviewShown), (status = 400, body = Problem))
)]
async fn overview(ask: Ask) -> Answer {
    let params = ask.query(&["days"])?;
    let days = match params.get("days") {
        None => USUAL,
        Some(text) => text.parse().map_err(|_| Failed::invalid("days", "must be 1 to 90"))?,
    };
    Ok(ask::ok(&OverviewShown::from(&ask.registry().overview(days).await?)))
}
