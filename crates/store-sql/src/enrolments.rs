//! Permissions to enrol, batches of letters.

use store::{EditEnrolments, Enrolments};

use crate::work::SqlWork;

impl Enrolments for SqlWork {}

impl EditEnrolments for SqlWork {}
