//! Names become addresses, and what may not be called is left out before anything is connected to.
//!
//! Owns: the lookup that the HTTP client uses; it connects to what comes out here and to nothing else, so a name
//! that changes its mind between look and call changes nothing. Not here: literal addresses, which the HTTP client
//! never looks up ([`crate::rules`] sees them first).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::Rules;

/// Where names are looked up.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// The addresses of a host.
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The names of the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// All addresses of a name are private.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its name leads to no public address")]
pub(crate) struct NotAllowed;

/// A lookup that answers only what may be called; without rules, all.
pub(crate) struct Guard {
    pub lookup: Arc<dyn Lookup>,
    pub rules: Option<Arc<Rules>>,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, rules) = (Arc::clone(&self.lookup), self.rules.clone());
        Box::pin(async move {
            let mut all = lookup.addresses(name.as_str()).await?;
            if let Some(rules) = rules {
                all.retain(|address| rules.may_call(*address));
            }
            if all.is_empty() {
                return Err(NotAllowed.into());
            }
            // The port of the URL takes the place of the zero.
            Ok(Box::new(all.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}
