//! Groups, roles, custom claims, policies, and people as an administrator finds them.

use async_trait::async_trait;
use domain::{ClaimDefinition, Overrides, Timestamp};

use crate::Result;

/// A policy as it was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedPolicy {
    /// Its name.
    pub name: String,
    /// Its JSON.
    pub value: String,
    /// Rises with each change; the first is 1.
    pub version: u32,
    /// When.
    pub changed_at: Timestamp,
}

/// What is decided for everybody: everything that is cached together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decided {
    /// The saved policies.
    pub policies: Vec<SavedPolicy>,
    /// The claims, by their names, each with its version.
    pub claims: Vec<(ClaimDefinition, u32)>,
    /// What groups want, by the group's name; groups that want nothing are left out.
    pub overrides: Vec<(String, Overrides)>,
}

/// Reads.
#[async_trait]
pub trait People: Send {
    /// What is decided for everybody.
    async fn decided(&mut self) -> Result<Decided>;
}

/// Writes.
#[async_trait]
pub trait EditPeople: People {
    /// Saves a policy in place of its version `version` (0: of none): `false`, and nothing is changed, when it has
    /// another one.
    async fn save_policy(&mut self, name: &str, value: &str, version: u32, now: Timestamp) -> Result<bool>;
}
