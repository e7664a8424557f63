//! API keys; sessions, consents and clients as an administrator finds them.

use store::{Administration, EditAdministration};

use crate::work::SqlWork;

impl Administration for SqlWork {}

impl EditAdministration for SqlWork {}
