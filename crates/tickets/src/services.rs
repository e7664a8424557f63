//! Which registered service an address is.
//!
//! Owns: the services of all clients, compiled, by host. Not here: the grammar of patterns (`cas::service`),
//! registering (`registry`).
//!
//! All are kept in memory: an address is matched against those of its host alone. A change that this node hears of is
//! taken note of before anything is served; one whose word is lost is noticed within two seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use app::{App, Change, Refusal};
use cas::{ServicePattern, ServiceUrl};
use domain::{CasService, Client, ClientId};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use crate::Tickets;

/// How long a change may stay unseen whose word never comes (SEC-153).
const MOMENT: Duration = Duration::from_secs(2);
/// Services at most.
const MOST: u32 = 10_000;

/// A registered service that an address fits.
#[derive(Debug, Clone)]
pub struct Service {
    /// The client that it is.
    pub client: Arc<Client>,
    /// What it registered.
    pub cas: Arc<CasService>,
    /// The callbacks that get proxy-granting tickets.
    pub(crate) callbacks: Arc<[ServicePattern]>,
}

#[derive(Default)]
struct Services {
    clients: Vec<Client>,
    /// In their order.
    by_host: HashMap<String, Vec<(ServicePattern, Service)>>,
    by_client: HashMap<ClientId, Service>,
}

pub(crate) struct Directory {
    changes: Mutex<Receiver<Change>>,
    kept: Mutex<Option<(Instant, Arc<Services>)>>,
}

impl Directory {
    pub(crate) fn new(app: &App) -> Self {
        Self { changes: Mutex::new(app.changes()), kept: Mutex::new(None) }
    }

    /// The services that are kept, and whether they are still good. Changes are taken note of first.
    fn kept(&self) -> (Option<Arc<Services>>, bool) {
        let mut is_changed = false;
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match changes.try_recv() {
                Ok(Change::Client(_) | Change::Missed) | Err(TryRecvError::Lagged(_)) => is_changed = true,
                Ok(_) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        // Under the lock of the words: whoever heard one has marked what was kept before another looks.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *kept {
            None => (None, false),
            Some((at, services)) => {
                if is_changed && let Some(long_ago) = Instant::now().checked_sub(MOMENT) {
                    *at = long_ago;
                } else if is_changed {
                    let services = Arc::clone(services);
                    *kept = None;
                    return (Some(services), false);
                }
                (Some(Arc::clone(services)), at.elapsed() < MOMENT)
            }
        }
    }
}

impl Tickets {
    /// The service that this address is: of several the first in their order; none: it is not registered, or disabled.
    ///
    /// # Errors
    /// The store is unavailable or corrupt.
    pub async fn service(&self, url: &ServiceUrl) -> Result<Option<Service>, Refusal> {
        let services = self.services().await?;
        let of_host = services.by_host.get(url.host()).map_or(&[][..], Vec::as_slice);
        let found = of_host.iter().find(|(pattern, _)| pattern.matches(url));
        Ok(found.map(|(_, service)| service.clone()).filter(|service| service.client.is_enabled))
    }

    /// Whether an address is on the site (scheme, host and port) of a registered service.
    ///
    /// # Errors
    /// The store is unavailable or corrupt.
    pub(crate) async fn is_on_a_services_site(&self, url: &ServiceUrl) -> Result<bool, Refusal> {
        let services = self.services().await?;
        let of_host = services.by_host.get(url.host()).map_or(&[][..], Vec::as_slice);
        Ok(of_host.iter().any(|(pattern, service)| service.client.is_enabled && pattern.is_origin_of(url)))
    }

    /// A client as a service; none: it is none any more, or disabled.
    pub(crate) async fn service_of(&self, id: &ClientId) -> Result<Option<Service>, Refusal> {
        let services = self.services().await?;
        Ok(services.by_client.get(id).cloned().filter(|service| service.client.is_enabled))
    }

    async fn services(&self) -> Result<Arc<Services>, Refusal> {
        let (before, is_good) = self.directory().kept();
        if is_good && let Some(services) = before {
            return Ok(services);
        }
        // What is told while the rows are read makes them old: they are read again by the next who asks.
        let read_at = Instant::now();
        let clients = self.app().store().read().await?.cas_services(MOST).await?;
        let services = match before.filter(|before| before.clients == clients) {
            Some(same) => same,
            None => Arc::new(compiled(clients)),
        };
        let mut kept = self.directory().kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((read_at, Arc::clone(&services)));
        Ok(services)
    }
}

fn compiled(clients: Vec<Client>) -> Services {
    let mut services = Services::default();
    for client in &clients {
        let Some(cas) = &client.metadata.cas else { continue };
        let read = |texts: &[String]| -> Vec<ServicePattern> {
            let patterns = texts.iter().map(|text| ServicePattern::parse(text));
            patterns
                .filter_map(|pattern| {
                    pattern
                        .inspect_err(
                            |bad| tracing::error!(client.id = %client.id, %bad, "A service is left out"),
                        )
                        .ok()
                })
                .collect()
        };
        let (own, callbacks) = (read(&cas.services), read(&cas.proxy_callbacks));
        let service = Service {
            client: Arc::new(client.clone()),
            cas: Arc::new(cas.clone()),
            callbacks: callbacks.into(),
        };
        for pattern in own {
            let of_host = services.by_host.entry(pattern.host().to_owned()).or_default();
            of_host.push((pattern, service.clone()));
        }
        services.by_client.insert(client.id.clone(), service);
    }
    services.clients = clients;
    services
}
