//! Long work, row by row.

use store::{EditJobs, Jobs};

use crate::work::SqlWork;

impl Jobs for SqlWork {}

impl EditJobs for SqlWork {}
