//! Opening one connection.
//!
//! Owns: protocol, credentials, TLS and the socket's options. Not here: when to connect, and where to.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    PushInfo, RedisConnectionInfo, RedisError, RedisResult, TlsCertificates,
};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::StartError;
use crate::settings::{Address, Settings};

/// How many commands may wait to be written; who comes later waits for a place.
const WAITING_COMMANDS: usize = 1024;
/// A peer that acknowledges nothing for so long is gone, whatever its connection says.
const SILENCE: Duration = Duration::from_secs(5);

/// What is done with what the server says unasked, and with the end of the connection.
pub(crate) type OnPush = Box<dyn Fn(PushInfo) + Send + Sync>;

/// How to get in.
pub(crate) struct Access {
    tls: Option<TlsCertificates>,
    username: Option<String>,
    password: Option<String>,
    database: i64,
    timeout: Duration,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

impl Access {
    pub(crate) fn new(settings: &Settings) -> Result<Arc<Self>, StartError> {
        let tls = match &settings.tls {
            Some(tls) => {
                // Of several providers that a build may hold, rustls cannot choose by itself.
                let _ = rustls::crypto::ring::default_provider().install_default();
                let root_cert = tls.ca_file.as_deref().map(authorities).transpose()?;
                Some(TlsCertificates { client_tls: None, root_cert })
            }
            None => None,
        };
        let access = Self {
            tls,
            username: settings.username.clone(),
            password: settings.password.as_ref().map(|password| password.reveal().to_owned()),
            database: settings.database(),
            timeout: settings.connect_timeout,
        };
        Ok(Arc::new(access))
    }

    /// Opens a connection that answers commands and hears pushes; no answer is waited for longer than its caller
    /// waits.
    pub(crate) async fn open(&self, at: &Address, on_push: OnPush) -> RedisResult<MultiplexedConnection> {
        let push = move |info| {
            on_push(info);
            Ok::<(), ()>(())
        };
        let config = self.config().set_push_sender(push);
        let info = self.credentials().set_protocol(ProtocolVersion::RESP3).set_db(self.database);
        self.client(at, info)?.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Opens a connection to a sentinel, which may know a password or none.
    pub(crate) async fn open_sentinel(
        &self,
        at: &Address,
        is_told: bool,
    ) -> RedisResult<MultiplexedConnection> {
        let info = if is_told { self.credentials() } else { RedisConnectionInfo::default() };
        let info = info.set_skip_set_lib_name();
        self.client(at, info)?.get_multiplexed_async_connection_with_config(&self.config()).await
    }

    /// Whether there is anything to get in with.
    pub(crate) fn has_password(&self) -> bool {
        self.password.is_some()
    }

    fn config(&self) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(WAITING_COMMANDS)
    }

    fn credentials(&self) -> RedisConnectionInfo {
        let info = RedisConnectionInfo::default().set_skip_set_lib_name();
        let info = match &self.username {
            Some(username) => info.set_username(username),
            None => info,
        };
        match &self.password {
            Some(password) => info.set_password(password),
            None => info,
        }
    }

    fn client(&self, at: &Address, redis: RedisConnectionInfo) -> Result<Client, RedisError> {
        let (host, port) = (at.host.clone(), at.port);
        let addr = match self.tls {
            Some(_) => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
            None => ConnectionAddr::Tcp(host, port),
        };
        let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(SILENCE);
        let info: ConnectionInfo = addr.into_connection_info()?;
        let info = info.set_tcp_settings(tcp).set_redis_settings(redis);
        match &self.tls {
            Some(certificates) => Client::build_with_tls(info, certificates.clone()),
            None => Client::open(info),
        }
    }
}

/// The file of authorities, which must hold at least one.
fn authorities(path: &Path) -> Result<Vec<u8>, StartError> {
    let pem = std::fs::read(path)
        .map_err(|error| StartError(format!("live.ca_file: {} cannot be read ({error})", path.display())))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let added = certificate.map_err(|error| error.to_string());
        let added = added.and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()));
        added.map_err(|error| {
            StartError(format!(
                "live.ca_file: {} holds a certificate that cannot be used ({error})",
                path.display()
            ))
        })?;
    }
    if roots.is_empty() {
        return Err(StartError(format!("live.ca_file: {} holds no certificate in PEM", path.display())));
    }
    Ok(pem)
}
