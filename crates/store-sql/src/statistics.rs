//! Counts for charts.

use async_trait::async_trait;
use domain::Timestamp;
use serde_json::json;
use store::{Count, EditStatistics, Result, Statistics};

use crate::values::{bind, small};
use crate::work::{Cells, Entry, SqlWork, sql};

/// Hours of a day. What is asked for by whole days is read from sums of days: of hours there are 24 times as many.
const DAY: i64 = 24;

/// `hour, name, bucket, count`
struct CountRow(Count);

impl Entry for CountRow {
    const TABLE: &'static str = "statistics";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        let hour = row.number("hour")?;
        let id = &hour.to_string();
        Ok(Self(Count {
            hour,
            name: row.text("name")?,
            bucket: small(row.number("bucket")?, Self::TABLE, "bucket", id)?,
            count: u64::try_from(row.number("count")?).unwrap_or_default(),
        }))
    }
}

struct Sum(u64);

impl Entry for Sum {
    const TABLE: &'static str = "sessions";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self(u64::try_from(row.number("count")?).unwrap_or_default()))
    }
}

#[async_trait]
impl Statistics for SqlWork {
    async fn counted(&mut self, since: i64, until: i64, hours: u32) -> Result<Vec<Count>> {
        let is_days = since % DAY == 0 && until % DAY == 0 && i64::from(hours) % DAY == 0 && hours > 0;
        let rows = if is_days {
            let days = i64::from(hours) / DAY;
            self.all::<CountRow>(
                sql!(
                    "SELECT (day - day % $3) * 24 AS stretch, name, CAST(0 AS BIGINT), CAST(SUM(count) AS BIGINT)
                       FROM statistics_days WHERE day >= $1 AND day < $2
                      GROUP BY day - day % $3, name ORDER BY stretch, name"
                ),
                bind![since / DAY, until / DAY, days],
            )
            .await?
        } else {
            self.all::<CountRow>(
                sql!(
                    "SELECT hour - hour % $3 AS stretch, name, CAST(0 AS BIGINT), CAST(SUM(count) AS BIGINT)
                   FROM statistics WHERE hour >= $1 AND hour < $2
                  GROUP BY hour - hour % $3, name ORDER BY stretch, name"
                ),
                bind![since, until, hours.max(1)],
            )
            .await?
        };
        Ok(rows.into_iter().map(|CountRow(count)| count).collect())
    }

    async fn histogram(&mut self, name: &str, since: i64, until: i64) -> Result<Vec<Count>> {
        let rows = if since % DAY == 0 && until % DAY == 0 {
            self.all::<CountRow>(
                sql!(
                    "SELECT CAST($2 AS BIGINT) * 24, name, bucket, CAST(SUM(count) AS BIGINT)
                       FROM statistics_days WHERE name = $1 AND day >= $2 AND day < $3
                      GROUP BY name, bucket ORDER BY bucket"
                ),
                bind![name, since / DAY, until / DAY],
            )
            .await?
        } else {
            self.all::<CountRow>(
                sql!(
                    "SELECT CAST($2 AS BIGINT), name, bucket, CAST(SUM(count) AS BIGINT)
                   FROM statistics WHERE name = $1 AND hour >= $2 AND hour < $3
                  GROUP BY name, bucket ORDER BY bucket"
                ),
                bind![name, since, until],
            )
            .await?
        };
        Ok(rows.into_iter().map(|CountRow(count)| count).collect())
    }

    async fn live_sessions(&mut self, now: Timestamp, most: u32) -> Result<u64> {
        let row = self.optional::<Sum>(
            sql!(
                "SELECT COUNT(*) FROM (SELECT 1 FROM sessions
                  WHERE expires_at > $1 AND ended_at IS NULL AND last_used_at + idle_seconds * 1000 > $1
                  LIMIT $2) AS alive"
            ),
            bind![now, most],
        );
        Ok(row.await?.map_or(0, |Sum(count)| count))
    }
}

#[async_trait]
impl EditStatistics for SqlWork {
    async fn count(&mut self, counts: &[Count]) -> Result<()> {
        if counts.is_empty() {
            return Ok(());
        }
        // In one order on all nodes: units that wait for one another's rows in two orders would never end.
        let mut counts = counts.to_vec();
        counts.sort();
        let rows: Vec<_> = counts
            .iter()
            .map(|count| json!({ "h": count.hour, "n": count.name, "b": count.bucket, "c": count.count }))
            .collect();
        let rows = serde_json::Value::from(rows).to_string();
        self.run(
            sql!(
                sqlite: "INSERT INTO statistics (hour, name, bucket, count)
                 SELECT value ->> 'h', value ->> 'n', value ->> 'b', SUM(value ->> 'c') FROM json_each($1)
                  WHERE TRUE GROUP BY 1, 2, 3
                 ON CONFLICT (hour, name, bucket) DO UPDATE SET count = statistics.count + excluded.count",
                postgres: "INSERT INTO statistics (hour, name, bucket, count)
                 SELECT CAST(value ->> 'h' AS BIGINT), value ->> 'n', CAST(value ->> 'b' AS BIGINT),
                        CAST(SUM(CAST(value ->> 'c' AS BIGINT)) AS BIGINT)
                   FROM json_array_elements(CAST($1 AS JSON)) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
                 ON CONFLICT (hour, name, bucket) DO UPDATE SET count = statistics.count + excluded.count"
            ),
            bind![&rows],
        )
        .await?;
        self.run(
            sql!(
                sqlite: "INSERT INTO statistics_days (day, name, bucket, count)
                 SELECT (value ->> 'h') / 24, value ->> 'n', value ->> 'b', SUM(value ->> 'c') FROM json_each($1)
                  WHERE TRUE GROUP BY 1, 2, 3
                 ON CONFLICT (day, name, bucket) DO UPDATE SET count = statistics_days.count + excluded.count",
                postgres: "INSERT INTO statistics_days (day, name, bucket, count)
                 SELECT CAST(value ->> 'h' AS BIGINT) / 24, value ->> 'n', CAST(value ->> 'b' AS BIGINT),
                        CAST(SUM(CAST(value ->> 'c' AS BIGINT)) AS BIGINT)
                   FROM json_array_elements(CAST($1 AS JSON)) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
                 ON CONFLICT (day, name, bucket) DO UPDATE SET count = statistics_days.count + excluded.count"
            ),
            bind![&rows],
        )
        .await?;
        Ok(())
    }
}
