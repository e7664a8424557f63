//! Permissions to enrol, and what became of them.

use async_trait::async_trait;
use domain::{Enrolment, SecretHash, Timestamp};

use crate::Result;

/// Reads.
#[async_trait]
pub trait Enrolments: Send {}

/// Writes.
#[async_trait]
pub trait EditEnrolments: Enrolments {
    /// Adds an enrolment and ends the account's earlier open ones (SEC-071).
    async fn add_enrolment(&mut self, enrolment: &Enrolment) -> Result<()>;

    /// Takes the enrolment with this token, if it is still good at `now`: of many callers one gets it.
    async fn take_enrolment(&mut self, token_hash: &SecretHash, now: Timestamp) -> Result<Option<Enrolment>>;
}
