//! PostgreSQL over TLS: a certificate of the right authority and name, and nothing less (SEC-194).

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use backing::{PgOptions, Postgres};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use store::{Store as _, StoreError};
use store_sql::{PgSettings, Settings, SqlStore};

use crate::given::kept_account;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server whose certificate is for `localhost`.
fn server(folder: &Path, authority: &Authority) -> Postgres {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let (cert_file, key_file) = (folder.join("server.pem"), folder.join("server.key"));
    fs::write(&cert_file, certificate.pem()).unwrap();
    fs::write(&key_file, key.serialize_pem()).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).unwrap();
    // As root the server runs as another user, who must own the key.
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let owner =
        passwd.lines().find_map(|line| line.strip_prefix("postgres:x:")?.split(':').next()?.parse().ok());
    if let Some(owner) = owner {
        let _not_root = chown(&key_file, Some(owner), None);
    }
    let text = |path: &Path| format!("'{}'", path.display());
    Postgres::start(PgOptions {
        extra: vec![
            ("ssl", "on".to_owned()),
            ("ssl_cert_file", text(&cert_file)),
            ("ssl_key_file", text(&key_file)),
        ],
        ..PgOptions::default()
    })
}

fn settings(server: &Postgres, host: &str, authority: &Path) -> PgSettings {
    let at = format!("@{host}:");
    let url = server.url("postgres").replace("@127.0.0.1:", &at);
    PgSettings::new(format!("{url}?sslmode=verify-full&sslrootcert={}", authority.display()))
}

#[tokio::test]
async fn sec_194_postgresql_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, anothers) = (authority(), authority());
    let (our_file, their_file) = (folder.path().join("ours.pem"), folder.path().join("anothers.pem"));
    fs::write(&our_file, ours.pem()).unwrap();
    fs::write(&their_file, anothers.pem()).unwrap();
    let server = server(folder.path(), &ours);

    let store = SqlStore::open(Settings::postgres(settings(&server, "localhost", &our_file))).await.unwrap();
    kept_account(&store, "ada").await;
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'latchbolt' AND NOT ssl";
    assert_eq!(server.query("postgres", encrypted).unwrap(), "0");
    store.close().await;

    // Another authority, another name, a file that is not there.
    for (host, file) in [
        ("localhost", their_file.as_path()),
        ("127.0.0.1", our_file.as_path()),
        ("localhost", Path::new("/nowhere/ca.pem")),
    ] {
        match SqlStore::open(Settings::postgres(settings(&server, host, file))).await {
            Err(StoreError::Unavailable(why)) => {
                assert!(why.contains("database.url") && !why.contains(server.password()), "{why}");
            }
            other => panic!("{host} {}: {other:?}", file.display()),
        }
    }
}
