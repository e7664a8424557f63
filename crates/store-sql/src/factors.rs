//! Second factors, recovery codes, recoveries.

use store::{EditFactors, Factors};

use crate::work::SqlWork;

impl Factors for SqlWork {}

impl EditFactors for SqlWork {}
