//! Requests that may be sent again without being done again.
//!
//! Owns: the header `Idempotency-Key` of a `POST`, and what makes a request the same: caller, method, path, query and
//! body. Not here: remembering (`app::answers`).

use actix_web::HttpResponse;
use actix_web::body::MessageBody as _;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderMap, LOCATION};
use app::answers::{Answer, First, Known};
use web::Refused;

use super::ask::Ask;
use super::problem::Failed;
use super::route::Verb;

/// The header.
pub(crate) const HEADER: &str = "idempotency-key";
/// The longest key.
const LONGEST: usize = 64;

/// Runs the handler, once for each key.
pub(crate) async fn answer(ask: Ask) -> Result<HttpResponse, Failed> {
    let handler = ask.row().handler;
    let is_sent = ask.request().headers().contains_key(HEADER);
    if ask.row().verb != Verb::Post || !is_sent {
        return handler(ask).await;
    }
    let wrong = || Failed::invalid("Idempotency-Key", "must be 1 to 64 visible characters, once");
    let key = ask.header(HEADER).ok_or_else(wrong)?;
    if key.is_empty() || key.len() > LONGEST || !key.bytes().all(|b| (0x21..0x7f).contains(&b)) {
        return Err(wrong());
    }
    let app = ask.app().clone();
    let request = [
        ask.row().verb.as_str().as_bytes(),
        ask.request().path().as_bytes(),
        ask.request().query_string().as_bytes(),
        ask.content_type().as_bytes(),
        ask.body(),
    ]
    .join(&b'\n');
    match app.remembered(&ask.caller().key(), key, &request).await? {
        Known::New(first) => {
            let answer = handler(ask).await;
            match keep(&app, &first, answer).await {
                Ok(answer) => Ok(answer),
                Err(failed) => Err(failed),
            }
        }
        Known::Answered(answer) => Ok(again(*answer)),
        Known::Other => Err(Refused::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_used",
            "This Idempotency-Key was used for another request.",
        )
        .into()),
        Known::NoAnswer => Err(Refused::new(
            StatusCode::CONFLICT,
            "idempotency_key_running",
            "A request with this Idempotency-Key is running, or its answer is not known any more.",
        )
        .into()),
    }
}

async fn keep(
    app: &app::App,
    first: &First,
    answer: Result<HttpResponse, Failed>,
) -> Result<HttpResponse, Failed> {
    let answer = match answer {
        Err(failed) => {
            remember(app, first, None).await;
            return Err(failed);
        }
        Ok(answer) => answer,
    };
    let (head, body) = answer.into_parts();
    let Ok(body) = body.try_into_bytes() else {
        // What is streamed is not kept.
        return Err(Refused::of_status(StatusCode::INTERNAL_SERVER_ERROR)
            .because("a streamed answer")
            .into());
    };
    let kept = std::str::from_utf8(&body).ok().map(|text| Answer {
        status: head.status().as_u16(),
        content_type: named(head.headers(), CONTENT_TYPE.as_str()),
        etag: named(head.headers(), ETAG.as_str()),
        location: named(head.headers(), LOCATION.as_str()),
        body: text.to_owned(),
    });
    if kept.is_some() {
        remember(app, first, kept.as_ref()).await;
    }
    Ok(head.set_body(actix_web::body::BoxBody::new(body)))
}

/// It is done; that the answer was not kept is told to whoever asks again.
async fn remember(app: &app::App, first: &First, answer: Option<&Answer>) {
    if let Err(refusal) = app.remember(first, answer).await {
        tracing::warn!(cause = refusal.cause(), "An answer was not kept for its Idempotency-Key");
    }
}

fn named(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn again(answer: Answer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut again = HttpResponse::build(status);
    for (name, value) in
        [(CONTENT_TYPE, answer.content_type), (ETAG, answer.etag), (LOCATION, answer.location)]
    {
        if let Some(value) = value {
            again.insert_header((name, value));
        }
    }
    again.insert_header(("idempotency-replayed", "true")).body(answer.body)
}
