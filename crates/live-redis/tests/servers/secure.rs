//! TLS.

use std::path::PathBuf;
use std::sync::Arc;

use backing::{Redis, RedisOptions};
use live::Live;
use live_redis::{RedisLive, Settings, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::{LONG, key, refused, topic};

/// An authority, and a certificate of it for this name.
fn certificates(folder: &std::path::Path, name: &str) {
    let mut authority = CertificateParams::new(Vec::<String>::new()).expect("names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("signed");
    let server_key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    let server = server.signed_by(&server_key, &authority).expect("signed");
    for (file, pem) in [
        ("ca.pem", authority.pem()),
        ("server.pem", server.pem()),
        ("server.key", server_key.serialize_pem()),
    ] {
        std::fs::write(folder.join(file), pem).expect("written");
    }
}

fn secure(folder: &std::path::Path) -> Redis {
    let file = |name: &str| folder.join(name).display().to_string();
    let extra = vec![
        ("tls-cert-file", file("server.pem")),
        ("tls-key-file", file("server.key")),
        ("tls-ca-cert-file", file("ca.pem")),
        ("tls-auth-clients", "no".to_owned()),
    ];
    Redis::start(RedisOptions { extra, tls: true })
}

fn settings(url: &str, ca: Option<PathBuf>) -> Settings {
    let mut settings = Settings::parse(url).expect("a good address");
    settings.tls = settings.tls.map(|_| Tls { ca_file: ca });
    settings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_over_tls_with_an_authority_of_ones_own() {
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path(), "localhost");
    let redis = secure(folder.path());
    let (url, ca) = (format!("rediss://localhost:{}", redis.port()), folder.path().join("ca.pem"));
    let live = Arc::new(RedisLive::connect(settings(&url, Some(ca.clone()))).await.expect("connected"));
    let (key, topic) = (key("tls"), topic("tls"));
    let mut words = live.subscribe(&topic).await.expect("subscribe");
    live.put(&key, "x".into(), LONG).await.expect("put");
    live.publish(&topic, "x").await.expect("publish");
    crate::hears(&mut words, "x").await;
    assert!(live.take(&key).await.expect("take").is_some());

    // Not signed by an authority that is trusted, or for another name, or not TLS, or on a plain port.
    let sentence = refused(settings(&url, None)).await;
    assert!(sentence.starts_with("live.ca_file"), "{sentence}");
    let number = format!("rediss://127.0.0.1:{}", redis.port());
    let sentence = refused(settings(&number, Some(ca.clone()))).await;
    assert!(sentence.starts_with("live.ca_file"), "{sentence}");
    let sentence = refused(settings(&format!("redis://localhost:{}", redis.port()), None)).await;
    assert!(sentence.starts_with("live.url"), "{sentence}");
    let plain = Redis::start(RedisOptions::default());
    let sentence = refused(settings(&format!("rediss://localhost:{}", plain.port()), Some(ca))).await;
    assert!(sentence.starts_with("live.url") && sentence.contains("TLS"), "{sentence}");
}

#[tokio::test]
async fn a_file_of_authorities_that_is_missing_or_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let sentence = refused(settings("rediss://localhost", Some(folder.path().join("gone.pem")))).await;
    assert!(sentence.starts_with("live.ca_file") && sentence.contains("cannot be read"), "{sentence}");
    let broken = folder.path().join("broken.pem");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .expect("written");
    let sentence = refused(settings("rediss://localhost", Some(broken))).await;
    assert!(sentence.starts_with("live.ca_file"), "{sentence}");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing").expect("written");
    let sentence = refused(settings("rediss://localhost", Some(empty))).await;
    assert!(sentence.starts_with("live.ca_file"), "{sentence}");
}
