//! SockJS over plain HTTP: polling, streaming, server-sent events, scripts in a page (cas-wire §6.5).
//!
//! Owns: the table of sessions, one task a session that talks, and receivers that wait for what it says. Not here: who may
//! receive and what a second receiver is told (`cas::sockjs::Session`).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::cas::sockjs::{
    Attached, Frame, HEART_BEAT_SECONDS, MAX_STREAMED, NO_CALLBACK, Session, Transport, htmlfile_head,
    payload,
};
use ::web::{Closing, Visitor, Web};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, X_FRAME_OPTIONS,
};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, rt};
use domain::Timestamp;
use futures_util::stream;
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, sleep_until};

use super::conversation::{Conversation, Word};
use super::{NO_STORE, Place, Sockets};
use crate::Cas;

const BEAT: Duration = Duration::from_secs(HEART_BEAT_SECONDS);
/// What a client said and the session's task has not heard yet.
const UNHEARD: usize = 16;
/// How often it is looked whether anybody still receives.
const LOOK: Duration = Duration::from_secs(1);

/// Sessions by their id. Ids are chosen by clients and give no right (§6.5).
#[derive(Default)]
pub(super) struct Polling {
    sessions: Mutex<HashMap<String, Arc<Line>>>,
}

/// One session: its state, and the way to its task.
struct Line {
    state: Mutex<Session>,
    said: Notify,
    heard: mpsc::Sender<Vec<String>>,
    sockets: Sockets,
}

impl Line {
    fn state(&self) -> MutexGuard<'_, Session> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.sockets.app().now()
    }

    /// The next frame, or the beat.
    async fn next(&self) -> Frame {
        loop {
            let said = self.said.notified();
            tokio::pin!(said);
            said.as_mut().enable();
            if let Some(frame) = self.state().take() {
                return frame;
            }
            tokio::select! {
                () = said => {}
                () = sleep(BEAT) => return Frame::HeartBeat,
            }
        }
    }
}

impl Polling {
    fn find(&self, id: &str) -> Option<Arc<Line>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    fn forget(&self, id: &str) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

/// `xhr_send`: what the client says.
pub(super) async fn send(cas: &Cas, visitor: &Visitor, id: &str, body: &[u8]) -> HttpResponse {
    let line = cas.sockets.0.polling.find(id);
    let Some(line) = line.filter(|line| line.state().may_send(&owner(visitor))) else {
        return super::empty(StatusCode::NOT_FOUND);
    };
    let texts = match payload(body) {
        Ok(texts) => texts,
        Err(bad) => {
            return HttpResponse::InternalServerError()
                .content_type("text/plain;charset=UTF-8")
                .body(bad.to_string());
        }
    };
    if line.heard.try_send(texts).is_err() {
        return super::empty(StatusCode::TOO_MANY_REQUESTS);
    }
    HttpResponse::NoContent()
        .insert_header((CONTENT_TYPE, Transport::XhrSend.content_type()))
        .insert_header((CACHE_CONTROL, NO_STORE))
        .finish()
}

/// A request that receives; the first makes the session.
pub(super) async fn receive(
    req: &HttpRequest,
    cas: &Cas,
    visitor: &Visitor,
    id: &str,
    transport: Transport,
) -> HttpResponse {
    let nonce = format!("{:032x}", u128::from_be_bytes(cas.sockets.app().entropy().bytes()));
    let head = match transport {
        Transport::HtmlFile => match callback(req).and_then(|callback| htmlfile_head(&callback, &nonce)) {
            Some(head) => head,
            None => {
                return HttpResponse::InternalServerError()
                    .content_type("text/plain;charset=UTF-8")
                    .body(NO_CALLBACK);
            }
        },
        _ => transport.prelude(),
    };
    let Some(line) = found_or_made(req, cas, visitor, id, transport) else {
        return super::empty(StatusCode::SERVICE_UNAVAILABLE);
    };
    let attached = line.state().attach(&owner(visitor), transport);
    match attached {
        Attached::NotFound => super::empty(StatusCode::NOT_FOUND),
        Attached::Last(frame) => answer(transport, &nonce).body(head + &transport.framed(&frame, &nonce)),
        Attached::Receives(frames) => {
            let receiver = Receiver { line, is_cut: true };
            if transport.is_streaming() {
                streamed(transport, Head { text: head, nonce }, frames, receiver)
            } else {
                polled(transport, frames, receiver).await
            }
        }
    }
}

fn found_or_made(
    req: &HttpRequest,
    cas: &Cas,
    visitor: &Visitor,
    id: &str,
    transport: Transport,
) -> Option<Arc<Line>> {
    let polling = &cas.sockets.0.polling;
    let closing = Web::of(req).ok()?.closing();
    let mut sessions = polling.sessions.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(line) = sessions.get(id) {
        return Some(Arc::clone(line));
    }
    let place = cas.sockets.place(visitor.0.address)?;
    let (heard, unheard) = mpsc::channel(UNHEARD);
    let state = Session::new(owner(visitor), transport, cas.sockets.app().now());
    let line =
        Arc::new(Line { state: Mutex::new(state), said: Notify::new(), heard, sockets: cas.sockets.clone() });
    sessions.insert(id.to_owned(), Arc::clone(&line));
    drop(sessions);
    let conversation = Conversation::new(&cas.sockets, &cas.signin, &visitor.0);
    let task = Task { cas: cas.clone(), id: id.to_owned(), line: Arc::clone(&line), unheard, place };
    rt::spawn(task.talk(conversation, closing));
    Some(line)
}

/// The task of a session.
struct Task {
    cas: Cas,
    id: String,
    line: Arc<Line>,
    unheard: mpsc::Receiver<Vec<String>>,
    place: Place,
}

impl Task {
    async fn talk(mut self, mut conversation: Conversation, mut closing: Closing) {
        let _held = &self.place;
        loop {
            let ends_at = conversation.ends_at();
            let words = tokio::select! {
                texts = self.unheard.recv() => conversation.hear_all(texts.unwrap_or_default()).await,
                told = conversation.told() => conversation.pass_on(told).await,
                () = closing.begun() => conversation.end().await,
                () = sleep_until(ends_at) => conversation.end().await,
                () = sleep(LOOK) => {
                    if self.line.state().is_forgotten(self.line.now()) {
                        break;
                    }
                    continue;
                }
            };
            if self.say(words) {
                break;
            }
        }
        // Whoever still receives is told of the end; whoever comes within a moment too.
        while !self.line.state().is_forgotten(self.line.now()) && !closing.has_begun() {
            sleep(LOOK).await;
        }
        self.cas.sockets.0.polling.forget(&self.id);
    }

    /// Says them; `true`: it is over.
    fn say(&self, words: Vec<Word>) -> bool {
        let mut state = self.line.state();
        for word in words {
            match word {
                Word::Frame(frame) => {
                    state.push(frame);
                }
                Word::Close(end) => {
                    let (code, reason) = end.sockjs();
                    state.close(code, reason);
                }
            }
        }
        let is_over = state.is_closed();
        drop(state);
        self.line.said.notify_waiters();
        is_over
    }
}

/// A request that receives. Where it goes before it has ended by itself, the network cut it.
struct Receiver {
    line: Arc<Line>,
    is_cut: bool,
}

impl Receiver {
    /// Its answer ended as it should.
    const fn ended(&mut self) {
        self.is_cut = false;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let now = self.line.now();
        let mut state = self.line.state();
        if self.is_cut { state.interrupt(now) } else { state.detach(now) }
    }
}

async fn polled(transport: Transport, frames: Vec<Frame>, mut receiver: Receiver) -> HttpResponse {
    let frame = match frames.into_iter().next() {
        Some(frame) => frame,
        None => receiver.line.next().await,
    };
    receiver.ended();
    answer(transport, "").body(transport.framed(&frame, ""))
}

/// What a streaming answer begins with, and what lets its scripts run.
struct Head {
    text: String,
    nonce: String,
}

struct Stream {
    transport: Transport,
    receiver: Receiver,
    head: Head,
    frames: VecDeque<Frame>,
    sent: usize,
    is_over: bool,
}

fn streamed(transport: Transport, head: Head, frames: Vec<Frame>, receiver: Receiver) -> HttpResponse {
    let mut answer = answer(transport, &head.nonce);
    let first = Stream { transport, receiver, head, frames: frames.into(), sent: 0, is_over: false };
    let body = stream::unfold(first, |mut at| async move {
        if at.is_over {
            at.receiver.ended();
            return None;
        }
        let text = if at.head.text.is_empty() {
            let frame = match at.frames.pop_front() {
                Some(frame) => frame,
                None => at.receiver.line.next().await,
            };
            at.is_over = matches!(frame, Frame::Close(..));
            at.transport.framed(&frame, &at.head.nonce)
        } else {
            std::mem::take(&mut at.head.text)
        };
        at.sent += text.len();
        // The client comes again, so that no answer grows without end.
        at.is_over |= at.sent >= MAX_STREAMED;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), at))
    });
    answer.streaming(body)
}

fn answer(transport: Transport, nonce: &str) -> actix_web::HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((CONTENT_TYPE, transport.content_type()))
        .insert_header((CACHE_CONTROL, NO_STORE))
        .insert_header((HeaderName::from_static("x-accel-buffering"), "no"));
    if transport == Transport::HtmlFile {
        // Its text is given and ours alone (§6.5), and it lies in a frame of a page of our own origin.
        let policy = format!(
            "default-src 'none'; script-src 'nonce-{nonce}'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
        );
        answer
            .insert_header((CONTENT_SECURITY_POLICY, policy))
            .insert_header((X_FRAME_OPTIONS, "SAMEORIGIN"));
    }
    answer
}

/// What a session's requests have in common: the network address (§6.5) and the browser's secret, so that nobody else
/// receives what that browser is told (SEC-067).
fn owner(visitor: &Visitor) -> String {
    let browser = visitor.0.browser.as_ref().map(|secret| secret.hash().0);
    format!("{} {browser:?}", visitor.0.address)
}

/// `c=` of `htmlfile`.
fn callback(req: &HttpRequest) -> Option<String> {
    let params = ::cas::Params::parse(req.query_string().as_bytes()).ok()?;
    params.get("c").map(str::to_owned)
}
