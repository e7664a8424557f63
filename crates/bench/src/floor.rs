//! The floor: a bare actix-web server that does only what physics asks for in an SSO code flow.
//!
//! `GET /authorize` parses a query and answers with a redirect. `POST /token` parses a form, makes two ES256
//! signatures, writes one grant and one audit row in a group commit on SQLite with `synchronous = FULL`, and
//! answers when they are durable. No sessions, no clients, no checks.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::str::FromStr as _;
use std::sync::Arc;

use actix_web::web::{Data, Form, Query, get, post, resource};
use actix_web::{App, HttpResponse, HttpServer};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde::Deserialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use crate::machine::Process;

/// The floor as a child process.
#[derive(Debug)]
pub(crate) struct Floor {
    child: Child,
    pub(crate) at: SocketAddr,
}

impl Floor {
    pub(crate) async fn start(folder: &Path) -> Self {
        let port = testkit::free_port();
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(["floor", &port.to_string()])
            .arg(folder.join("floor.db"))
            .stdin(Stdio::null())
            .spawn()
            .expect("the floor starts");
        let at = SocketAddr::from(([127, 0, 0, 1], port));
        crate::town::wait_for(at, "/authorize?state=x").await;
        Self { child, at }
    }

    pub(crate) fn process(&self) -> Process {
        crate::process_of(&self.child)
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Row {
    grant: String,
    done: oneshot::Sender<()>,
}

struct State {
    key: EcdsaKeyPair,
    random: SystemRandom,
    rows: mpsc::Sender<Row>,
}

/// Serves until killed.
pub(crate) fn serve(port: &str, file: &str) {
    let port: u16 = port.parse().expect("a port");
    let file = file.to_owned();
    actix_web::rt::System::new().block_on(async move {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
            .expect("a key");
        let (rows, waiting) = mpsc::channel(4096);
        let options = SqliteConnectOptions::from_str(&format!("sqlite:{file}"))
            .expect("a file")
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let connection = options.connect().await.expect("a database");
        actix_web::rt::spawn(write(connection, waiting));
        let state = Data::from(Arc::new(State { key, random, rows }));
        HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .service(resource("/authorize").route(get().to(authorize)))
                .service(resource("/token").route(post().to(token)))
        })
        .workers(std::thread::available_parallelism().map_or(2, usize::from))
        .bind(("127.0.0.1", port))
        .expect("a port")
        .run()
        .await
        .expect("a server");
    });
}

async fn write(mut connection: SqliteConnection, mut waiting: mpsc::Receiver<Row>) {
    for sql in [
        "CREATE TABLE grants (id TEXT PRIMARY KEY, made INTEGER NOT NULL) STRICT, WITHOUT ROWID",
        "CREATE TABLE audit (number INTEGER PRIMARY KEY, what TEXT NOT NULL) STRICT",
    ] {
        sqlx::query(sql).execute(&mut connection).await.expect("a table");
    }
    let mut batch = Vec::with_capacity(128);
    while waiting.recv_many(&mut batch, 128).await > 0 {
        let mut unit = connection.begin_with("BEGIN IMMEDIATE").await.expect("a unit");
        for row in &batch {
            let insert = sqlx::query("INSERT INTO grants (id, made) VALUES ($1, 1)").bind(&row.grant);
            insert.execute(&mut *unit).await.expect("a row");
            let insert = sqlx::query("INSERT INTO audit (what) VALUES ($1)").bind(&row.grant);
            insert.execute(&mut *unit).await.expect("a row");
        }
        unit.commit().await.expect("a commit");
        for row in batch.drain(..) {
            let _ = row.done.send(());
        }
    }
}

#[derive(Deserialize)]
struct Authorize {
    #[serde(default)]
    redirect_uri: String,
    state: String,
}

async fn authorize(query: Query<Authorize>) -> HttpResponse {
    let mut code = [0; 32];
    let _ = ring::rand::SecureRandom::fill(&SystemRandom::new(), &mut code);
    let to = format!("{}?code={}&state={}", query.redirect_uri, URL_SAFE_NO_PAD.encode(code), query.state);
    HttpResponse::SeeOther().insert_header(("location", to)).finish()
}

#[derive(Deserialize)]
struct Token {
    code: String,
}

async fn token(state: Data<State>, form: Form<Token>) -> HttpResponse {
    let sign = |claims: &str| {
        let body = format!("eyJhbGciOiJFUzI1NiJ9.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = state.key.sign(&state.random, body.as_bytes()).expect("a signature");
        format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    };
    let claims = format!(r#"{{"iss":"http://localhost","sub":"x","aud":"bench","jti":"{}"}}"#, form.code);
    let (id, access) = (sign(&claims), sign(&claims));
    let (done, durable) = oneshot::channel();
    let sent = state.rows.send(Row { grant: form.into_inner().code, done }).await;
    if sent.is_err() || durable.await.is_err() {
        return HttpResponse::ServiceUnavailable().finish();
    }
    HttpResponse::Ok().content_type("application/json").body(format!(
        r#"{{"id_token":"{id}","access_token":"{access}","token_type":"Bearer","expires_in":300}}"#
    ))
}
