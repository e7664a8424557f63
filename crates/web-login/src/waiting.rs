//! How a waiting page hears of its channel: Server-Sent Events, a WebSocket, or plain asking.
//!
//! Owns: three doors to the one `signin::Watch`. On the wire goes a word of state and a countdown, nothing else
//! (SEC-011). A listener costs one boxed future and a timer; it ends when the journey does, when the server
//! closes (with a hint to come back), or when the browser goes away.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::rt::time::{Sleep, sleep};
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{CloseCode, CloseReason, Message, MessageStream, Session};
use futures_util::stream::{Stream, StreamExt as _};
use signin::{SignIn, StateWord, Watch};
use tokio::time::Instant;
use web::{Closing, Query, Refused, Visitor, Web, origin};

use crate::answer;

/// A comment keeps proxies from cutting a silent stream, and finds out that nobody is there any more.
const BEAT: Duration = Duration::from_secs(15);
/// The browser comes back after so long, in milliseconds.
const HELLO: &[u8] = b"retry: 2000\n\n";
const GOODBYE: &[u8] = b"retry: 1000\n\n";
/// Frames from a browser are small, and few: it has nothing to say.
const LARGEST_FRAME: usize = 8 * 1024;
const MOST_FRAMES: u32 = 100;

/// `GET /login/state?journey=`.
pub async fn poll(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Query(query): Query,
) -> Result<HttpResponse, Refused> {
    origin::must_not_be_foreign(&req, &web)?;
    let id = answer::journey(query.get("journey"))?;
    let word = signin.phone_state(&id, &visitor).await?;
    let answer = HttpResponse::Ok().content_type("application/json").body(data(word));
    Ok(origin::with_token(answer, &visitor))
}

/// `GET /login/wait?journey=`. The first event is the present state, also for a browser that comes back with
/// `Last-Event-ID`: the slot is the truth, and no word in between matters.
pub async fn stream(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Query(query): Query,
) -> Result<HttpResponse, Refused> {
    origin::must_be_ours(&req, &web)?;
    let id = answer::journey(query.get("journey"))?;
    let watch = signin.phone_watch(&id, &visitor).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8")))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header((HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")))
        .streaming(Events::new(watch, web.closing())))
}

/// `GET /login/wait/ws?journey=`: the same words as text frames.
pub async fn socket(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Query(query): Query,
    payload: Payload,
) -> Result<HttpResponse, Refused> {
    origin::must_be_ours(&req, &web)?;
    let id = answer::journey(query.get("journey"))?;
    let watch = signin.phone_watch(&id, &visitor).await?;
    let (answer, session, frames) = actix_ws::handle(&req, payload)
        .map_err(|error| Refused::of_status(error.as_response_error().status_code()))?;
    let frames = frames.max_frame_size(LARGEST_FRAME);
    actix_web::rt::spawn(talk(session, frames, watch, web.closing()));
    Ok(answer)
}

fn data(word: StateWord) -> String {
    format!("{{\"state\":\"{}\",\"expires_in\":{}}}", word.state, word.expires_in)
}

fn event(word: StateWord) -> Bytes {
    Bytes::from(format!("event: state\nid: {}\ndata: {}\n\n", word.version, data(word)))
}

/// Waits for the next word and hands the watch back. A wait is never dropped half-way: a word that was heard
/// but not yet read would be lost.
async fn advance(mut watch: Watch) -> (Watch, Option<StateWord>) {
    let word = watch.next().await;
    (watch, word)
}

type Next = Pin<Box<dyn Future<Output = (Watch, Option<StateWord>)>>>;

/// The body of the stream.
struct Events {
    /// None: over.
    next: Option<Next>,
    closing: Pin<Box<dyn Future<Output = ()>>>,
    beat: Pin<Box<Sleep>>,
    has_greeted: bool,
}

impl Events {
    fn new(watch: Watch, mut closing: Closing) -> Self {
        Self {
            next: Some(Box::pin(advance(watch))),
            closing: Box::pin(async move { closing.begun().await }),
            beat: Box::pin(sleep(BEAT)),
            has_greeted: false,
        }
    }
}

impl Stream for Events {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(next) = &mut this.next else { return Poll::Ready(None) };
        if !this.has_greeted {
            this.has_greeted = true;
            return Poll::Ready(Some(Ok(Bytes::from_static(HELLO))));
        }
        if let Poll::Ready((watch, word)) = next.as_mut().poll(context) {
            this.next = word.is_some().then(|| Box::pin(advance(watch)) as Next);
            return Poll::Ready(word.map(|word| Ok(event(word))));
        }
        if this.closing.as_mut().poll(context).is_ready() {
            this.next = None;
            return Poll::Ready(Some(Ok(Bytes::from_static(GOODBYE))));
        }
        ready!(this.beat.as_mut().poll(context));
        this.beat.as_mut().reset(Instant::now() + BEAT);
        Poll::Ready(Some(Ok(Bytes::from_static(b":\n\n"))))
    }
}

/// One WebSocket from first to last word.
async fn talk(mut session: Session, mut frames: MessageStream, watch: Watch, mut closing: Closing) {
    let mut next: Next = Box::pin(advance(watch));
    let mut heard = 0u32;
    let reason = loop {
        tokio::select! {
            (watch, word) = &mut next => {
                let Some(word) = word else { break close(CloseCode::Normal, "the journey is over") };
                if session.text(data(word)).await.is_err() {
                    return;
                }
                next = Box::pin(advance(watch));
            }
            frame = frames.next() => {
                heard += 1;
                match frame {
                    Some(Ok(Message::Ping(bytes))) if heard <= MOST_FRAMES => {
                        if session.pong(&bytes).await.is_err() {
                            return;
                        }
                    }
                    Some(Ok(Message::Pong(_) | Message::Nop)) if heard <= MOST_FRAMES => {}
                    Some(Ok(Message::Close(reason))) => break reason,
                    Some(Ok(_)) => break close(CloseCode::Policy, "there is nothing to say here"),
                    Some(Err(_)) => break close(CloseCode::Size, "the frame is too large or malformed"),
                    None => return,
                }
            }
            () = closing.begun() => break close(CloseCode::Restart, "come back in a moment"),
            () = sleep(BEAT) => {
                // The answer to this one is no flood.
                heard = heard.saturating_sub(1);
                if session.ping(b"").await.is_err() {
                    return;
                }
            }
        }
    };
    // The browser may be gone already; then there is nobody to tell.
    let _ = session.close(reason).await;
}

#[expect(clippy::unnecessary_wraps, reason = "it is what `Session::close` takes")]
fn close(code: CloseCode, why: &str) -> Option<CloseReason> {
    Some(CloseReason { code, description: Some(why.to_owned()) })
}
