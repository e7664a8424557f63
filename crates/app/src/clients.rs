//! Relying parties, cached for a moment.
//!
//! Owns: the client with an id, as it is now. Not here: registering them (`registry`). Disabled clients are
//! found too; the use case refuses them.

use std::sync::Arc;
use std::time::Duration;

use domain::{Client, ClientId};
use store::Store;

use crate::cache::Fresh;
use crate::{Change, Refusal};

/// How long another node's change may stay unseen when its word is lost.
const LIFE: Duration = Duration::from_secs(2);
/// Clients kept at most.
const CLIENTS: u64 = 10_000;

/// Relying parties by their id.
pub struct ClientCache {
    store: Arc<dyn Store>,
    fresh: Fresh<ClientId, Arc<Client>>,
}

impl ClientCache {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, fresh: Fresh::new(CLIENTS, LIFE, |_| 1) }
    }

    /// The client with this id.
    ///
    /// # Errors
    /// The store is unavailable or corrupt.
    pub async fn find(&self, id: &ClientId) -> Result<Option<Arc<Client>>, Refusal> {
        if let Some(client) = self.fresh.find(id) {
            return Ok(Some(client));
        }
        let mark = self.fresh.mark();
        let Some(client) = self.store.read().await?.client(id).await? else { return Ok(None) };
        let client = Arc::new(client);
        self.fresh.keep(id.clone(), Arc::clone(&client), vec![Change::Client(id.clone())], mark);
        Ok(Some(client))
    }

    pub(crate) fn drop_what(&self, change: &Change) {
        match change {
            Change::Client(_) => self.fresh.drop_subject(change),
            Change::Missed => self.fresh.drop_all(),
            _ => {}
        }
    }
}
