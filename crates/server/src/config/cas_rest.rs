//! `[cas_rest]`: tickets for programs that have a person's password.

use super::section::section;
use super::source::Fault;

section! {
    /// Tickets for programs without a browser that have a person's password (`/cas/v1/tickets`).
    "cas_rest" {
        /// Serve them. Whoever can reach this can try passwords, as at the sign-in page and counted with it.
        enabled: bool = false;
    }
}

impl Given {
    /// Whether they are served.
    ///
    /// # Errors
    /// CAS itself is off.
    pub fn resolve(&self, cas: &super::cas::Given) -> Result<bool, Fault> {
        if self.enabled && !cas.enabled {
            return Err(Fault::new("enabled", "This needs CAS: switch cas.enabled on."));
        }
        Ok(self.enabled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_069_it_is_off_and_nothing_without_cas() {
        let (off, on) = (Given::default(), Given { enabled: true });
        let cas = super::super::cas::Given { enabled: true, ..Default::default() };
        assert!(!off.resolve(&cas).unwrap() && on.resolve(&cas).unwrap());
        assert!(on.resolve(&Default::default()).is_err());
    }
}
