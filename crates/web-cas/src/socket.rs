//! The QR socket `/cas/qr-websocket`: STOMP over raw WebSocket and over SockJS (cas-wire §6).
//!
//! Owns: which address is answered how, origins, and how many connections there may be. Not here: what is said on a
//! connection (`conversation`), WebSockets (`raw`), the transports over plain HTTP (`polling`), what an approval leads to
//! (`signin::cas_phone`).
//!
//! No authority comes from an origin (W-15): native apps send none. A listener is known by its browser's cookie alone.
//!
//! A session over plain HTTP lives on the node that began it, as with any SockJS server: several nodes need a front that
//! sends a browser to the same one. WebSockets need nothing of the kind.

mod conversation;
mod polling;
mod raw;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use ::cas::sockjs::{GREETING, IframePage, Info, Route, Transport};
use ::web::{Fixed, Refused, Visitor, Web, assets};
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, EXPIRES, HeaderMap, HeaderValue, HttpDate, ORIGIN, TryIntoHeaderValue as _, UPGRADE, VARY,
    X_FRAME_OPTIONS,
};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, Data, Payload, ServiceConfig};
use actix_web::{FromRequest as _, HttpRequest, HttpResponse};
use app::{App, throttle};
use domain::ClientAddress;

use crate::Cas;
use polling::Polling;

/// Where it is.
pub const PATH: &str = "/cas/qr-websocket";
/// The script of the frame (§6.1): ours, which speaks the messages of SockJS clients. Beside the other addresses, so that
/// none of SockJS's own is taken.
const FRAME_SCRIPT: &str = "/cas/sockjs-frame.js";
/// Connections of one network, and of all.
const MOST_OF_ONE: usize = 64;
const MOST: usize = 5_000;
const NO_STORE: &str = "no-store, no-cache, must-revalidate, max-age=0";
const A_YEAR: &str = "public, max-age=31536000";
const YEAR: Duration = Duration::from_secs(31_536_000);

/// What all workers share: connections that are open, and sessions over plain HTTP. Cloning copies a pointer.
#[derive(Clone)]
pub struct Sockets(Arc<Shared>);

struct Shared {
    app: App,
    /// Other origins whose pages may connect: `https://host[:port]`.
    origins: Vec<String>,
    open: Mutex<HashMap<String, usize>>,
    polling: Polling,
}

impl Sockets {
    /// None yet. `origins`: those besides our own whose pages may connect, exactly as browsers name them.
    #[must_use]
    pub fn new(app: &App, origins: Vec<String>) -> Self {
        let (open, polling) = (Mutex::default(), Polling::default());
        Self(Arc::new(Shared { app: app.clone(), origins, open, polling }))
    }

    fn app(&self) -> &App {
        &self.0.app
    }

    /// A place for one more connection from there; none: there are too many.
    fn place(&self, address: ClientAddress) -> Option<Place> {
        let network = throttle::network(address);
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.values().sum::<usize>() >= MOST || open.get(&network).is_some_and(|own| *own >= MOST_OF_ONE) {
            return None;
        }
        *open.entry(network.clone()).or_default() += 1;
        Some(Place { sockets: self.clone(), network })
    }
}

/// Counted as long as it is held.
struct Place {
    sockets: Sockets,
    network: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.sockets.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.network) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.network);
            }
        }
    }
}

/// Mounts it. Needs what [`crate::mount`] provides.
pub(crate) fn mount(cfg: &mut ServiceConfig) {
    cfg.service(web::resource(PATH).to(any))
        .service(web::resource("/cas/qr-websocket/{rest:.*}").to(any))
        .service(crate::only(FRAME_SCRIPT, "GET").route(web::get().to(frame_script)));
}

/// Asked for again each time, because its name has no hash: the page that loads it is kept for a year.
async fn frame_script(req: HttpRequest) -> Result<HttpResponse, Refused> {
    let script = assets::find("cas-frame.js").ok_or_else(Refused::no_such_page)?;
    Ok(script.revalidated(&req))
}

/// Everything below the path: the addresses are SockJS's own, and so are the answers to what is wrong with them.
async fn any(
    req: HttpRequest,
    cas: Data<Cas>,
    visitor: Visitor,
    payload: Payload,
) -> Result<HttpResponse, Refused> {
    let web = Web::of(&req)?;
    let below = req.uri().path().strip_prefix(PATH).unwrap_or_default().to_owned();
    let Some(route) = Route::of(&below) else { return Ok(empty(StatusCode::NOT_FOUND)) };
    let Some(origin) = allowed(&req, web, &cas.sockets) else { return Ok(empty(StatusCode::FORBIDDEN)) };
    let is_upgrade =
        req.headers().get(UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let methods = match route {
        Route::Info => "GET, OPTIONS",
        Route::Session { transport, .. } if transport.takes_options() => "POST, OPTIONS",
        _ => "GET",
    };
    let mut answer = match (req.method(), route) {
        (&Method::OPTIONS, _) if methods.ends_with("OPTIONS") => preflight(methods, origin.is_some()),
        (&Method::GET, Route::Bare | Route::Raw) if is_upgrade => {
            return raw::open(&req, payload, &cas, &visitor, raw::Framing::Plain);
        }
        (&Method::GET, Route::Session { transport: Transport::WebSocket, .. }) if is_upgrade => {
            return raw::open(&req, payload, &cas, &visitor, raw::Framing::SockJs);
        }
        (&Method::GET, Route::Raw | Route::Session { transport: Transport::WebSocket, .. }) => {
            HttpResponse::BadRequest()
                .content_type("text/plain;charset=UTF-8")
                .body("Can \"Upgrade\" only to \"WebSocket\".")
        }
        (&Method::GET, Route::Bare) => {
            HttpResponse::Ok().content_type("text/plain;charset=UTF-8").body(GREETING)
        }
        // Only pages of our own origin can use it: the others are given the addresses above.
        (&Method::GET, Route::Iframe) if cas.sockets.0.origins.is_empty() => iframe(&req, web),
        (&Method::GET, Route::Iframe) => empty(StatusCode::NOT_FOUND),
        (&Method::GET, Route::Info) => info(&cas),
        (&Method::POST, Route::Session { session, transport: Transport::XhrSend }) => {
            let body = body(&req, payload).await?;
            polling::send(&cas, &visitor, session, &body).await
        }
        (method, Route::Session { session, transport })
            if transport.is_receiving() && method.as_str() == transport.method() =>
        {
            polling::receive(&req, &cas, &visitor, session, transport).await
        }
        _ => HttpResponse::MethodNotAllowed().insert_header((ALLOW, methods)).finish(),
    };
    open_to(answer.headers_mut(), origin.as_deref());
    Ok(answer)
}

/// The body of a message: a little more than one frame of STOMP takes in JSON.
async fn body(req: &HttpRequest, payload: Payload) -> Result<Bytes, Refused> {
    let body = Bytes::from_request(req, &mut payload.into_inner()).await;
    let body = body.ok().filter(|body| body.len() <= raw::LARGEST_MESSAGE);
    body.ok_or_else(|| Refused::of_status(StatusCode::PAYLOAD_TOO_LARGE))
}

/// Whether a page of this origin may connect; if it is another's, which.
fn allowed(req: &HttpRequest, web: &Web, sockets: &Sockets) -> Option<Option<String>> {
    let mut origins = req.headers().get_all(ORIGIN);
    let Some(origin) = origins.next() else { return Some(None) };
    if origins.next().is_some() {
        return None;
    }
    let origin = origin.to_str().ok()?;
    if origin == web.origin() {
        return Some(None);
    }
    sockets.0.origins.iter().any(|known| known == origin).then(|| Some(origin.to_owned()))
}

fn open_to(headers: &mut HeaderMap, origin: Option<&str>) {
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let Some(Ok(origin)) = origin.map(HeaderValue::from_str) else { return };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
}

fn preflight(methods: &'static str, is_foreign: bool) -> HttpResponse {
    let mut answer = HttpResponse::NoContent();
    answer.insert_header((CACHE_CONTROL, A_YEAR)).insert_header((EXPIRES, in_a_year()));
    if is_foreign {
        answer
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, methods))
            .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, "content-type"))
            .insert_header((ACCESS_CONTROL_MAX_AGE, "31536000"));
    }
    answer.finish()
}

fn in_a_year() -> HttpDate {
    HttpDate::from(SystemTime::now() + YEAR)
}

fn info(cas: &Cas) -> HttpResponse {
    let entropy = i32::from_be_bytes(cas.sockets.app().entropy().bytes());
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, Info::CONTENT_TYPE))
        .insert_header((CACHE_CONTROL, NO_STORE))
        .body(Info { entropy }.json())
}

/// The page that does in a frame what a page asks for by messages.
fn iframe(req: &HttpRequest, web: &Web) -> HttpResponse {
    let page = IframePage::new(FRAME_SCRIPT);
    let policy = format!(
        "default-src 'none'; script-src {}{FRAME_SCRIPT} {}; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
        web.origin(),
        page.inline_source,
    );
    let mut answer = Fixed::new("text/html;charset=UTF-8", A_YEAR, Bytes::from(page.text)).answer(req);
    let headers = answer.headers_mut();
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    if let Ok(date) = in_a_year().try_into_value() {
        headers.insert(EXPIRES, date);
    }
    answer
}

fn empty(status: StatusCode) -> HttpResponse {
    HttpResponse::build(status).finish()
}
