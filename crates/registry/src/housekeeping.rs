//! Removing what is over, in small steps (SEC-223). Nothing depends on it: expiry is checked at use.

use app::Refusal;

use crate::Registry;

/// Rows of each kind that one step removes at most: short enough for a sign-in to slip in between.
const STEP: u32 = 200;

impl Registry {
    /// One step; answers how many rows went. More is waiting when that is not zero.
    ///
    /// # Errors
    /// The store.
    pub async fn sweep_step(&self) -> Result<u64, Refusal> {
        Ok(self.app.store().sweep(self.app.now(), STEP).await?)
    }
}
