//! Names that are from before names were looked at.
//!
//! Owns: noting them, a few at a time. Not here: what a name looks like (`domain::Username`).

use app::Refusal;

use crate::Registry;

/// Accounts of one unit: short enough for a sign-in to slip in between.
const STEP: u32 = 100;

impl Registry {
    /// One step of noting what the names of older accounts look like and what they are found by; answers how many it
    /// were. More may be waiting when that is not zero. Any node does it; of two at the same time one finds nothing left.
    ///
    /// # Errors
    /// The store.
    pub async fn index_names_step(&self) -> Result<u32, Refusal> {
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            let done = work.index_names(STEP).await?;
            work.commit().await?;
            Ok(done)
        };
        self.app.repeatable(deed).await
    }
}
