//! `[limits]`: how often things may be tried.

use app::Limits;

use super::section::section;
use super::source::Fault;

section! {
    /// How often things may be tried from one network, on one phone, for one account. The usual limits are
    /// made for people; many people behind one address may need more.
    "limits" {
        /// Multiplies all limits, 1 to 1000.
        factor: u32 = 1;
        /// Switches them all off: for load tests on this computer, refused for any other issuer.
        off: bool = false;
    }
}

impl Given {
    /// What it means.
    ///
    /// # Errors
    /// A factor out of its range.
    pub fn resolve(&self) -> Result<Limits, Fault> {
        if !(1..=1000).contains(&self.factor) {
            return Err(Fault::new("factor", "Take a number from 1 to 1000."));
        }
        Ok(if self.off { Limits::unlimited() } else { Limits::default().scaled(self.factor) })
    }
}
