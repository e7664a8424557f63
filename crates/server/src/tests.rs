//! The program put together: what nodes agree on, readiness, stopping.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use live::{Faulty, Live};

use crate::config::{self, Config};
use crate::wiring::{self, Extras, Ground};
use crate::{adapters, nodes, serve};

/// A configuration over a folder that goes with the test.
fn configured(folder: &tempfile::TempDir, more: &[(&str, &str)]) -> Config {
    let database = format!("sqlite:{}", folder.path().join("latchbolt.db").display());
    let mut variables = vec![("LATCHBOLT__DATABASE__URL".to_owned(), database)];
    variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    config::load_from(None, &variables).unwrap()
}

/// A node whose live store can be lost.
async fn faulty(config: &Config) -> (Ground, Arc<Faulty>) {
    let live = Faulty::shared();
    let shared: Arc<dyn Live> = live.clone();
    (wiring::ground_over(config, app::Clock::system(), Some(shared)).await.unwrap(), live)
}

#[actix_web::test]
async fn a_database_belongs_to_one_issuer_until_it_is_moved_on_purpose() {
    let folder = tempfile::tempdir().unwrap();
    let first = configured(&folder, &[("LATCHBOLT__ISSUER__URL", "https://one.example")]);
    let other = configured(&folder, &[("LATCHBOLT__ISSUER__URL", "https://two.example")]);
    wiring::ground(&first).await.unwrap().close().await;
    let refused = wiring::ground(&other).await.err().unwrap().to_string();
    assert!(refused.contains("https://one.example") && refused.contains("--adopt-issuer"), "{refused}");
    let store = adapters::store(&other).await.unwrap();
    let before = nodes::adopt_issuer(&*store, &other.issuer).await.unwrap();
    assert_eq!(before.as_deref(), Some("https://one.example"));
    store.close().await;
    wiring::ground(&other).await.unwrap().close().await;
    assert!(wiring::ground(&first).await.is_err());
}

#[actix_web::test]
async fn a_live_store_of_another_installation_is_refused() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let live: Arc<dyn Live> = Faulty::shared();
    let start = async |folder: &tempfile::TempDir| {
        wiring::ground_over(&configured(folder, &[]), app::Clock::system(), Some(Arc::clone(&live))).await
    };
    start(&one).await.unwrap().close().await;
    start(&one).await.unwrap().close().await;
    let refused = start(&other).await.err().unwrap().to_string();
    assert!(refused.contains("live.prefix"), "{refused}");
}

#[actix_web::test]
async fn a_node_that_may_not_migrate_waits_for_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let never = configured(&folder, &[("LATCHBOLT__DATABASE__MIGRATE", "never")]);
    let refused = wiring::ground(&never).await.err().unwrap().to_string();
    assert!(refused.contains("latchbolt migrate") && refused.contains("at-start"), "{refused}");
}

#[actix_web::test]
async fn sec_212_sec_213_readiness_says_what_a_balancer_needs_to_know() {
    let folder = tempfile::tempdir().unwrap();
    let config = configured(&folder, &[]);
    let (ground, live) = faulty(&config).await;
    let house = wiring::house(&config, &ground, Extras::default()).await.unwrap();
    let doors = actix_web::App::new().wrap(from_fn(web::shell::shell)).configure(|cfg| house.mount(cfg));
    let service = init_service(doors).await;
    let ask = async |path: &str| {
        let answer = call_service(&service, TestRequest::get().uri(path).to_request()).await;
        let comes_again = answer.headers().contains_key("retry-after");
        assert_eq!(comes_again, answer.status() == StatusCode::SERVICE_UNAVAILABLE, "{path}");
        (answer.status(), String::from_utf8(read_body(answer).await.to_vec()).unwrap())
    };
    assert_eq!(ask("/readyz").await, (StatusCode::OK, "ok\n".to_owned()));
    live.lose();
    assert_eq!(ask("/readyz").await, (StatusCode::OK, "degraded\n".to_owned()));
    // A sign-in cannot begin; nothing breaks.
    assert_eq!(ask("/login").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask("/jwks").await.0, StatusCode::OK);
    live.find();
    assert_eq!(ask("/readyz").await, (StatusCode::OK, "ok\n".to_owned()));
    house.web.drain();
    assert_eq!(ask("/readyz").await, (StatusCode::SERVICE_UNAVAILABLE, "closing\n".to_owned()));
    assert_eq!(ask("/jwks").await.0, StatusCode::OK);
    ground.close().await;
    for path in ["/jwks", "/.well-known/openid-configuration", "/healthz"] {
        assert_eq!(ask(path).await.0, StatusCode::OK, "{path} needs no database");
    }
    assert_eq!(ask("/authorize?client_id=shop").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[actix_web::test]
async fn sec_215_a_node_that_is_told_to_stop_goes_on_for_as_long_as_balancers_need() {
    let folder = tempfile::tempdir().unwrap();
    let config = configured(
        &folder,
        &[("LATCHBOLT__SERVER__DRAIN_SECONDS", "1"), ("LATCHBOLT__SERVER__STOP_SECONDS", "1")],
    );
    let ground = wiring::ground(&config).await.unwrap();
    let socket = serve::listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let running = serve::start_on(&config, &ground, vec![socket], Extras::default()).await.unwrap();
    let address = running.addresses[0];
    let (stopper, server) = (running.stopper(), tokio::spawn(running.server));
    let ready = async || {
        tokio::task::spawn_blocking(move || {
            use std::io::{Read as _, Write as _};
            let mut socket = std::net::TcpStream::connect(address).ok()?;
            socket.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n").ok()?;
            let mut head = [0u8; 12];
            socket.read_exact(&mut head).ok()?;
            Some(String::from_utf8_lossy(&head[9..]).into_owned())
        })
        .await
        .unwrap()
    };
    assert_eq!(ready().await.as_deref(), Some("200"));
    let began = Instant::now();
    let stopping = tokio::spawn(stopper.stop());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(ready().await.as_deref(), Some("503"), "it answers, and says that it closes");
    stopping.await.unwrap();
    server.await.unwrap().unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(ready().await, None);
}
