//! `[server]`: where the program listens and how many may come at once.

use std::net::SocketAddr;
use std::time::Duration;

use super::section::section;
use super::source::Fault;

section! {
    /// Where the program listens and how many may come at once.
    "server" {
        /// Addresses and ports to listen on. Behind a proxy keep it on loopback or a private network.
        listen: Vec<String> = vec!["127.0.0.1:8400".to_owned()];
        /// Threads that answer requests; 0 means one for each processor core.
        workers: u16 = 0;
        /// Connections kept open at once, waiting login pages included; more wait in the system's queue.
        max_connections: u32 = 20_000;
        /// Seconds within which a client has to send the head of its request.
        header_seconds: u16 = 8;
        /// Seconds an idle connection is kept for the next request.
        keep_alive_seconds: u16 = 60;
        /// Seconds that running requests get to finish when the program is told to stop.
        stop_seconds: u16 = 10;
        /// Seconds that the program goes on answering after it was told to stop and `/readyz` says so: the
        /// time in which a balancer that asks `/readyz` takes this node out. 0 where nothing asks.
        drain_seconds: u16 = 0;
    }
}

/// How to listen.
#[derive(Debug, Clone)]
pub struct Settings {
    /// On which sockets.
    pub listen: Vec<SocketAddr>,
    /// With how many workers.
    pub workers: usize,
    /// Connections at once, over all workers.
    pub max_connections: usize,
    /// For the head of a request.
    pub header_timeout: Duration,
    /// Between two requests of a connection.
    pub keep_alive: Duration,
    /// For running requests at a stop.
    pub stop_timeout: Duration,
    /// Between the word that this node stops and the stop.
    pub drain: Duration,
}

impl Given {
    /// What it means.
    ///
    /// # Errors
    /// An address that is none, or a number out of its range.
    pub fn resolve(&self) -> Result<Settings, Fault> {
        if self.listen.is_empty() {
            return Err(Fault::new(
                "listen",
                "Give at least one address with a port, such as \"127.0.0.1:8400\".",
            ));
        }
        let mut listen = Vec::new();
        for text in &self.listen {
            let address = text.parse().map_err(|_| {
                let what = format!(
                    "`{text}` is not an IP address with a port; write \"127.0.0.1:8400\" or \"[::1]:8400\"."
                );
                Fault::new("listen", what)
            })?;
            listen.push(address);
        }
        if !(16..=1_000_000).contains(&self.max_connections) {
            return Err(Fault::new("max_connections", "Take a number from 16 to 1000000."));
        }
        if !(1..=60).contains(&self.header_seconds) {
            return Err(Fault::new("header_seconds", "Take a number from 1 to 60."));
        }
        if !(1..=600).contains(&self.keep_alive_seconds) {
            return Err(Fault::new("keep_alive_seconds", "Take a number from 1 to 600."));
        }
        if !(1..=30).contains(&self.stop_seconds) {
            return Err(Fault::new("stop_seconds", "Take a number from 1 to 30."));
        }
        if self.drain_seconds > 60 {
            return Err(Fault::new("drain_seconds", "Take a number from 0 to 60."));
        }
        if self.workers > 256 {
            return Err(Fault::new("workers", "Take a number from 0 to 256."));
        }
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Settings {
            listen,
            workers: if self.workers == 0 { cores } else { usize::from(self.workers) },
            max_connections: usize::try_from(self.max_connections).unwrap_or(usize::MAX),
            header_timeout: Duration::from_secs(u64::from(self.header_seconds)),
            keep_alive: Duration::from_secs(u64::from(self.keep_alive_seconds)),
            stop_timeout: Duration::from_secs(u64::from(self.stop_seconds)),
            drain: Duration::from_secs(u64::from(self.drain_seconds)),
        })
    }
}
