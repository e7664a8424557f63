//! `/healthz` and `/readyz`: one word each, and nothing about the inside (SEC-149).
//!
//! Ready means: a balancer may send requests here. A node without the database, or one that is about to close, is not.
//! One without the live store is, and says `degraded`: all nodes share that store, and those who are signed in are
//! served without it (SEC-212, SEC-213).

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use actix_web::web::{Data, ServiceConfig, get, head, resource};
use actix_web::{HttpRequest, HttpResponse};
use app::App;
use web::Web;

/// How long a port may take to answer before it counts as gone (SEC-212).
const PATIENCE: Duration = Duration::from_secs(2);

/// What readiness is asked of.
#[derive(Clone)]
struct Ports {
    app: App,
    shares_live: bool,
}

/// Mounts both.
pub fn mount(cfg: &mut ServiceConfig, app: &App, shares_live: bool) {
    cfg.app_data(Data::new(Ports { app: app.clone(), shares_live }))
        .service(resource("/healthz").route(get().to(alive)).route(head().to(alive)))
        .service(resource("/readyz").route(get().to(ready)).route(head().to(ready)));
}

/// The process lives.
async fn alive() -> HttpResponse {
    answer(StatusCode::OK, "ok\n")
}

/// Requests can be answered.
async fn ready(req: HttpRequest, ports: Data<Ports>) -> HttpResponse {
    if Web::of(&req).is_ok_and(Web::is_draining) {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "closing\n");
    }
    let live = async { if ports.shares_live { has_live(&ports.app).await } else { true } };
    match futures_util::join!(has_store(&ports.app), live) {
        (true, true) => answer(StatusCode::OK, "ok\n"),
        (true, false) => answer(StatusCode::OK, "degraded\n"),
        (false, _) => answer(StatusCode::SERVICE_UNAVAILABLE, "unavailable\n"),
    }
}

/// The store can be written.
async fn has_store(app: &App) -> bool {
    match tokio::time::timeout(PATIENCE, app.store().check()).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "The store is not ready");
            false
        }
        Err(_) => {
            tracing::warn!("The store does not answer");
            false
        }
    }
}

async fn has_live(app: &App) -> bool {
    match tokio::time::timeout(PATIENCE, app.live().check()).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "Live state is not ready");
            false
        }
        Err(_) => {
            tracing::warn!("Live state does not answer");
            false
        }
    }
}

fn answer(status: StatusCode, word: &'static str) -> HttpResponse {
    let mut answer = HttpResponse::build(status);
    answer
        .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"));
    if !status.is_success() {
        answer.insert_header((RETRY_AFTER, "2"));
    }
    answer.body(word)
}
