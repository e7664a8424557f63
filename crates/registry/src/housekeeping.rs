//! Removing what is over, in small steps (SEC-223). Nothing depends on it: expiry is checked at use.

use std::time::Duration;

use app::Refusal;

use crate::Registry;

/// What is over stays so much longer, because a node's clock may be ahead of the others': a spent code that it swept
/// too early could be spent again on a node that still takes it (SEC-112, SEC-214).
const AHEAD: Duration = Duration::from_secs(15 * 60);

/// Rows of each kind that one step removes at most: short enough for a sign-in to slip in between.
const STEP: u32 = 200;

impl Registry {
    /// One step; answers how many rows went. More is waiting when that is not zero.
    ///
    /// # Errors
    /// The store.
    pub async fn sweep_step(&self) -> Result<u64, Refusal> {
        Ok(self.app.store().sweep(self.app.now().before(AHEAD), STEP).await?)
    }
}
