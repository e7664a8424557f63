//! `serve`: listen, answer, stop.
//!
//! Owns: sockets, TLS, workers, time limits, signals, the first start. Not here: what is mounted
//! (`wiring`), what is answered (doors).

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App as Actix, HttpServer};
use registry::setup::SetupOffer;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Config, server, tls};
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::{Extras, Ground, House};
use crate::{clockwork, telemetry, wiring};

/// A client that says it will close gets this long to do so.
const DISCONNECT: Duration = Duration::from_secs(2);
/// A TLS handshake that takes longer is given up (SEC-217).
const HANDSHAKE: Duration = Duration::from_secs(5);

/// A server that listens and can be stopped.
pub struct Running {
    /// The sockets it listens on.
    pub addresses: Vec<SocketAddr>,
    /// Ends when the server has stopped.
    pub server: Server,
    house: House,
    drain: Duration,
    // Held for its drop.
    _clockwork: clockwork::Clockwork,
}

/// Runs the command until a signal stops it.
///
/// # Errors
/// It cannot start: database, key, sockets, certificate.
pub async fn run(config: &Config, output: Output) -> Result<(), Failure> {
    telemetry::start(&config.log);
    let ground = wiring::ground(config).await?;
    let running = start(config, &ground).await?;
    // After everything that can fail: the link is made once, and has to be seen.
    let setup = first_start(&ground).await?;
    let (database, live) = (config.database.shown(), wiring::live_word(config));
    for address in &running.addresses {
        tracing::info!(%address, issuer = %config.issuer, database, live, "Listening");
    }
    match setup {
        FirstStart::Link(link) => {
            // On the terminal, never in the log: it makes an administrator, once.
            let json = serde_json::json!({"issuer": config.issuer, "admin_setup": link});
            let text = format!(
                "There is no administrator yet. This link makes the first administrator, once; the next start shows a new one:\n\n  {link}\n"
            );
            output.either(&json, &text);
        }
        FirstStart::Elsewhere => {
            let json = serde_json::json!({"issuer": config.issuer, "admin_setup": null, "elsewhere": true});
            let text = "There is no administrator yet. A node that was started in the last half minute shows the link that makes the first one; a start after that shows a new link.\n";
            output.either(&json, text);
        }
        FirstStart::Done => {}
    }
    running.until_stopped().await?;
    ground.close().await;
    tracing::info!("Stopped");
    Ok(())
}

/// What a start has to say about the first administrator.
#[derive(Debug)]
pub enum FirstStart {
    /// The link that makes one.
    Link(String),
    /// Another node that started just now has the link.
    Elsewhere,
    /// There is one.
    Done,
}

impl FirstStart {
    /// The link, if this start made it.
    #[must_use]
    pub fn link(&self) -> Option<&str> {
        match self {
            Self::Link(link) => Some(link),
            Self::Elsewhere | Self::Done => None,
        }
    }
}

/// What a first start makes: the link for the first administrator.
///
/// # Errors
/// The store.
pub async fn first_start(ground: &Ground) -> Result<FirstStart, Failure> {
    Ok(match ground.registry.offer_setup().await? {
        SetupOffer::Token(token) => FirstStart::Link(setup_link(ground, &token.text())),
        SetupOffer::ShownElsewhere => FirstStart::Elsewhere,
        SetupOffer::NotNeeded => FirstStart::Done,
    })
}

/// The address that makes the first administrator; the token is in the fragment, which is never sent.
#[must_use]
pub fn setup_link(ground: &Ground, token: &str) -> String {
    format!("{}#{token}", ground.app.issuer().url("/admin/setup"))
}

/// Listens and answers.
///
/// # Errors
/// A socket or the certificate cannot be used.
pub async fn start(config: &Config, ground: &Ground) -> Result<Running, Failure> {
    let listeners = bind(&config.server)?;
    start_on(config, ground, listeners, Extras::default()).await
}

/// The same on sockets that are open already.
///
/// # Errors
/// A socket or the certificate cannot be used.
pub async fn start_on(
    config: &Config,
    ground: &Ground,
    listeners: Vec<TcpListener>,
    extras: Extras,
) -> Result<Running, Failure> {
    let house = wiring::house(config, ground, extras).await?;
    let tls = config.tls.as_ref().map(tls_config).transpose()?;
    let settings = &config.server;
    let doors = house.clone();
    let mut server = HttpServer::new(move || {
        let doors = doors.clone();
        Actix::new().wrap(from_fn(web::shell::shell)).configure(move |cfg| doors.mount(cfg))
    })
    .workers(settings.workers)
    .max_connections(settings.max_connections.div_ceil(settings.workers))
    .client_request_timeout(settings.header_timeout)
    .client_disconnect_timeout(DISCONNECT)
    .keep_alive(settings.keep_alive)
    // A browser that leaves closes its half: its stream ends then, not at the second write into the void.
    .h1_allow_half_closed(false)
    .tls_handshake_timeout(HANDSHAKE)
    .shutdown_timeout(settings.stop_timeout.as_secs())
    .disable_signals();
    let mut addresses = Vec::new();
    for listener in listeners {
        let failed = |error| Failure::new(format!("Cannot listen: {error}. Set server.listen."));
        addresses.push(listener.local_addr().map_err(failed)?);
        server = match &tls {
            Some(tls) => server.listen_rustls_0_23(listener, (**tls).clone()).map_err(failed)?,
            None => server.listen(listener).map_err(failed)?,
        };
    }
    let clockwork = clockwork::start(ground, &house);
    Ok(Running { addresses, server: server.run(), house, drain: settings.drain, _clockwork: clockwork })
}

impl Running {
    /// What stops it gracefully (SEC-215); `server` ends when that is done.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper { house: self.house.clone(), handle: self.server.handle(), drain: self.drain }
    }

    /// Waits for a signal to stop, then for the stop.
    ///
    /// # Errors
    /// The server broke.
    pub async fn until_stopped(self) -> Result<(), Failure> {
        let stopper = self.stopper();
        let waiting = tokio::spawn(async move {
            if let Some(name) = signalled().await {
                tracing::info!(signal = name, "Stopping");
            }
            stopper.stop().await;
        });
        let ended = self.server.await;
        waiting.abort();
        ended.map_err(|error| Failure::new(format!("The server broke: {error}. Start it again.")))
    }
}

/// Stops a running server.
pub struct Stopper {
    house: House,
    handle: ServerHandle,
    drain: Duration,
}

impl Stopper {
    /// Stops it: readiness ends at once, and the server goes on answering until balancers had the time to notice
    /// (a second signal cuts that short). Then open streams end with a hint to come back, and running requests are
    /// finished.
    pub async fn stop(self) {
        self.house.web.drain();
        if !self.drain.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(self.drain) => {}
                Some(_) = signalled() => {}
            }
        }
        self.house.web.close();
        self.handle.stop(true).await;
    }
}

/// Waits for SIGINT or SIGTERM; none when the system gives no signals.
pub async fn signalled() -> Option<&'static str> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt()).ok()?, signal(SignalKind::terminate()).ok()?);
    tokio::select! {
        _ = interrupt.recv() => Some("SIGINT"),
        _ = terminate.recv() => Some("SIGTERM"),
    }
}

/// The same, or the end of the terminal: for what leaves something behind when it is killed.
pub async fn signalled_or_hung_up() {
    match signal(SignalKind::hangup()) {
        Ok(mut hangup) => {
            tokio::select! {
                _ = hangup.recv() => {}
                _ = signalled() => {}
            }
        }
        Err(_) => {
            signalled().await;
        }
    }
}

fn bind(settings: &server::Settings) -> Result<Vec<TcpListener>, Failure> {
    settings.listen.iter().map(|address| listen(*address)).collect()
}

/// Opens a socket to listen on.
///
/// # Errors
/// The address is in use or not this computer's.
pub fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let open = || -> std::io::Result<TcpListener> {
        let socket = match address {
            SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
            SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
        };
        // A restart must not wait for connections of the process before.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(2048)?.into_std()
    };
    open().map_err(|error| {
        Failure::new(format!(
            "Cannot listen on {address}: {error}. Stop what listens there, or set another address."
        ))
    })
}

fn tls_config(settings: &tls::Settings) -> Result<Arc<ServerConfig>, Failure> {
    let failed = |path: &std::path::Path, why: String| {
        Failure::new(format!("{}: {why}. Give a good one in [tls].", path.display()))
    };
    let certificates = CertificateDer::pem_file_iter(&settings.cert_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(&settings.cert_file, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&settings.key_file)
        .map_err(|error| failed(&settings.key_file, error.to_string()))?;
    // TLS 1.2 and 1.3 are all that is compiled in (SEC-194). actix adds h2 and http/1.1 to ALPN.
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map(Arc::new)
        .map_err(|error| failed(&settings.cert_file, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &tempfile::TempDir, name: &str, text: &str) -> std::path::PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn sec_194_a_bad_certificate_does_not_start() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let one = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let cert = written(&folder, "cert.pem", &one.cert.pem());
        let key = written(&folder, "key.pem", &one.signing_key.serialize_pem());
        let others = written(&folder, "others.pem", &other.signing_key.serialize_pem());
        let empty = written(&folder, "empty.pem", "");
        let settings = |cert: &std::path::Path, key: &std::path::Path| tls::Settings {
            cert_file: cert.into(),
            key_file: key.into(),
        };
        assert!(tls_config(&settings(&cert, &key)).is_ok());
        assert!(tls_config(&settings(&cert, &others)).is_err(), "the key of another certificate");
        for (bad_cert, bad_key) in [(&empty, &key), (&cert, &empty), (&key, &cert)] {
            assert!(tls_config(&settings(bad_cert, bad_key)).is_err());
        }
        let missing = folder.path().join("missing.pem");
        let refused = tls_config(&settings(&missing, &key)).unwrap_err();
        assert!(refused.to_string().contains("missing.pem"), "{refused}");
    }

    #[actix_web::test]
    async fn a_taken_port_is_refused_with_a_sentence() {
        let first = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let refused = listen(first.local_addr().unwrap()).unwrap_err();
        assert!(refused.to_string().contains("Cannot listen on 127.0.0.1:"), "{refused}");
    }
}
