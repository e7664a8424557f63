//! `/healthz` and `/readyz`: one word each, and nothing about the inside (SEC-149).

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Data, ServiceConfig, get, head, resource};
use app::App;

/// How long a port may take to answer before it counts as gone (SEC-212).
const PATIENCE: Duration = Duration::from_secs(2);

/// Mounts both.
pub fn mount(cfg: &mut ServiceConfig, app: &App) {
    cfg.app_data(Data::new(app.clone()))
        .service(resource("/healthz").route(get().to(alive)).route(head().to(alive)))
        .service(resource("/readyz").route(get().to(ready)).route(head().to(ready)));
}

/// The process lives.
async fn alive() -> HttpResponse {
    answer(true)
}

/// Requests can be answered: the store can be written and live state reached.
async fn ready(app: Data<App>) -> HttpResponse {
    let check = async {
        if let Err(error) = app.store().check().await {
            tracing::warn!(%error, "The store is not ready");
            return false;
        }
        if let Err(error) = app.live().check().await {
            tracing::warn!(%error, "Live state is not ready");
            return false;
        }
        true
    };
    answer(tokio::time::timeout(PATIENCE, check).await.unwrap_or(false))
}

fn answer(is_good: bool) -> HttpResponse {
    let mut answer = if is_good { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    answer
        .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(if is_good { "ok\n" } else { "unavailable\n" })
}
