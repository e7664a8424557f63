//! What both parts of the demo share: style, script, the page for what went wrong.

use actix_web::http::StatusCode;
use actix_web::web::ServiceConfig;
use actix_web::{HttpResponse, get};
use askama::Template;

use crate::site::{self, Own};

/// Something did not work, in a sentence.
#[derive(Template)]
#[template(path = "sorry.html")]
pub(crate) struct Sorry<'a> {
    pub(crate) title: &'a str,
    pub(crate) what: &'a str,
}

pub(crate) fn mount(cfg: &mut ServiceConfig) {
    cfg.service(style).service(script).service(icon);
}

#[get("/demo.css")]
async fn style(_: Own) -> HttpResponse {
    site::answer(StatusCode::OK)
        .content_type("text/css; charset=utf-8")
        .body(include_str!("../templates/demo.css"))
}

#[get("/virtual-phone.js")]
async fn script(_: Own) -> HttpResponse {
    site::answer(StatusCode::OK)
        .content_type("text/javascript; charset=utf-8")
        .body(include_str!("../templates/virtual-phone.js"))
}

#[get("/favicon.ico")]
async fn icon(_: Own) -> HttpResponse {
    site::answer(StatusCode::NO_CONTENT).finish()
}

pub(crate) async fn no_such_page(_: Own) -> HttpResponse {
    let what = "There is no such page in the demo.";
    site::page(StatusCode::NOT_FOUND, &Sorry { title: "Not here", what })
}
