//! Groups, roles, custom claims, policies, and people as an administrator finds them.

use store::{EditPeople, People};

use crate::work::SqlWork;

impl People for SqlWork {}

impl EditPeople for SqlWork {}
