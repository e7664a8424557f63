//! Who is asking, as far as the request tells.

use domain::{ClientAddress, SecretHash, UserAgent};

use crate::Secret;

/// A browser's request, reduced to what use cases need. Made by `web` from cookies and headers.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The browser secret: binds a journey to this browser before anybody is signed in.
    pub browser: Option<Secret>,
    /// The session secret.
    pub session: Option<Secret>,
    /// The browser mark: whether this browser was used before.
    pub known: Option<Secret>,
    /// Where the request came from.
    pub address: ClientAddress,
    /// What the browser says it is.
    pub agent: UserAgent,
}

impl Visitor {
    /// The hash of the browser secret, if there is one.
    #[must_use]
    pub fn browser_hash(&self) -> Option<SecretHash> {
        self.browser.as_ref().map(Secret::hash)
    }

    /// Whether this is the browser with this hash; takes the same time whatever differs.
    #[must_use]
    pub fn is_browser(&self, expected: &SecretHash) -> bool {
        use subtle::ConstantTimeEq as _;
        self.browser_hash().is_some_and(|hash| hash.0.ct_eq(&expected.0).into())
    }
}
