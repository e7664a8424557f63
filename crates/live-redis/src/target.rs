//! Where a connection goes to: a server, the master that the sentinels name, or any master of a cluster.

use std::sync::{Arc, Mutex, PoisonError};

use crate::sentinel::Sentinels;
use crate::settings::Address;

/// Where a connection goes to.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// This server.
    Fixed(Address),
    /// Whoever the sentinels say is the master.
    Master(Arc<Sentinels>),
    /// One of the masters of a cluster, the same as long as it lives.
    Any(Arc<Book>),
}

/// The masters of a cluster, as last seen.
#[derive(Debug)]
pub(crate) struct Book(Mutex<Vec<Address>>);

impl Book {
    pub(crate) fn new(addresses: Vec<Address>) -> Self {
        Self(Mutex::new(addresses))
    }

    pub(crate) fn addresses(&self) -> Vec<Address> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn write(&self, addresses: Vec<Address>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = addresses;
    }
}

impl Target {
    /// The address to connect to now; `tries` have failed since the last connection.
    pub(crate) async fn find(&self, tries: usize) -> Result<Address, String> {
        match self {
            Self::Fixed(at) => Ok(at.clone()),
            Self::Master(sentinels) => sentinels.master().await,
            Self::Any(book) => {
                let known = book.addresses();
                known.get(tries % known.len().max(1)).cloned().ok_or_else(|| "no master is known".to_owned())
            }
        }
    }

    /// Whether another address is right by now.
    pub(crate) async fn is_elsewhere(&self, at: &Address) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Master(sentinels) => sentinels.master().await.is_ok_and(|master| master != *at),
            Self::Any(book) => !book.addresses().contains(at),
        }
    }
}
