//! Words to people about their account, and what they confirm by mail.

use store::{EditNotices, Notices};

use crate::work::SqlWork;

impl Notices for SqlWork {}

impl EditNotices for SqlWork {}
