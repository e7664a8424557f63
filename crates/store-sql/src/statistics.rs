//! Counts for charts.

use store::{EditStatistics, Statistics};

use crate::work::SqlWork;

impl Statistics for SqlWork {}

impl EditStatistics for SqlWork {}
