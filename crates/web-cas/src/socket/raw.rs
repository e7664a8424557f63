//! WebSockets: STOMP as it is, or in SockJS frames (cas-wire §6.4, §6.5).

use std::io::ErrorKind;
use std::time::Duration;

use ::cas::sockjs::{Frame, HEART_BEAT_SECONDS, websocket_payload};
use ::cas::stomp::{Close, Version};
use ::web::{Closing, Refused, Visitor, Web};
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse, rt};
use actix_ws::{
    AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Closed, ProtocolError, Session,
};
use app::Refusal;
use futures_util::StreamExt as _;
use tokio::time::{sleep, sleep_until, timeout};

use super::Place;
use super::conversation::{Conversation, LIFE, Word};
use crate::Cas;

/// A message at most: a frame of STOMP of 8 kB in JSON, where each character may take six.
pub(super) const LARGEST_MESSAGE: usize = 64 * 1024;
const BEAT: Duration = Duration::from_secs(HEART_BEAT_SECONDS);
/// To say goodbye in, when the connection's time is over.
const GRACE: Duration = Duration::from_secs(10);

/// How frames of STOMP stand in messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// As they are.
    Plain,
    /// In SockJS frames.
    SockJs,
}

/// Takes a connection.
pub(super) fn open(
    req: &HttpRequest,
    payload: Payload,
    cas: &Cas,
    visitor: &Visitor,
    framing: Framing,
) -> Result<HttpResponse, Refused> {
    let closing = Web::of(req)?.closing();
    let place = cas.sockets.place(visitor.0.address);
    let place = place.ok_or(Refusal::TooMany { retry_after: Duration::from_secs(30) })?;
    // SockJS knows no subprotocols; of raw sockets the first one that is known is named (§6.4).
    let versions = Version::ALL.map(Version::subprotocol);
    let known = if framing == Framing::Plain { &versions[..] } else { &[] };
    let (answer, session, messages) = match actix_ws::handle_with_protocols(req, payload, known) {
        Ok(made) => made,
        // The library's own answer says what is missing, by status and headers.
        Err(error) => return Ok(error.error_response()),
    };
    let messages = messages
        .max_frame_size(LARGEST_MESSAGE)
        .aggregate_continuations()
        .max_continuation_size(LARGEST_MESSAGE);
    let conversation = Conversation::new(&cas.sockets, &cas.signin, &visitor.0);
    let line = Line { session, framing, _place: place };
    // Whoever does not read what is said holds its place no longer than others.
    rt::spawn(timeout(LIFE + GRACE, line.talk(messages, conversation, closing)));
    Ok(answer)
}

/// What came, for the conversation.
enum Heard {
    /// Frames of STOMP, or parts of some.
    Texts(Vec<String>),
    /// The same, as bytes.
    Bytes(Bytes),
    /// The other side wants to know whether we are there.
    Ping(Bytes),
    /// Nothing to answer.
    Nothing,
    /// The end.
    End(CloseCode),
}

/// One WebSocket.
struct Line {
    session: Session,
    framing: Framing,
    // Held for its drop.
    _place: Place,
}

impl Line {
    /// From the first word to the last.
    async fn talk(
        mut self,
        mut messages: AggregatedMessageStream,
        mut conversation: Conversation,
        mut closing: Closing,
    ) {
        if self.framing == Framing::SockJs && self.session.text(Frame::Open.text()).await.is_err() {
            return;
        }
        loop {
            let ends_at = conversation.ends_at();
            let words = tokio::select! {
                message = messages.next() => {
                    let Some(message) = message else { return };
                    match self.read(message) {
                        Heard::Texts(texts) => conversation.hear_all(texts).await,
                        Heard::Bytes(bytes) => conversation.hear(&bytes).await,
                        Heard::Ping(_) if !conversation.counts_on() => return self.close(CloseCode::Policy).await,
                        Heard::Ping(bytes) => {
                            if self.session.pong(&bytes).await.is_err() {
                                return;
                            }
                            continue;
                        }
                        Heard::Nothing => continue,
                        Heard::End(code) => return self.close(code).await,
                    }
                }
                told = conversation.told() => conversation.pass_on(told).await,
                () = closing.begun() => conversation.end().await,
                () = sleep_until(ends_at) => conversation.end().await,
                () = sleep(BEAT) => {
                    if self.beat().await.is_err() {
                        return;
                    }
                    continue;
                }
            };
            for word in words {
                match word {
                    Word::Frame(frame) => {
                        if self.say(frame).await.is_err() {
                            return;
                        }
                    }
                    Word::Close(end) => return self.end(end).await,
                }
            }
        }
    }

    fn read(&self, message: Result<AggregatedMessage, ProtocolError>) -> Heard {
        match message {
            Ok(AggregatedMessage::Text(text)) if self.framing == Framing::Plain => {
                Heard::Texts(vec![text.into()])
            }
            Ok(AggregatedMessage::Text(text)) => match websocket_payload(&text) {
                Ok(texts) => Heard::Texts(texts),
                Err(_) => Heard::End(CloseCode::Invalid),
            },
            Ok(AggregatedMessage::Binary(bytes)) if self.framing == Framing::Plain => Heard::Bytes(bytes),
            Ok(AggregatedMessage::Binary(_)) => Heard::End(CloseCode::Unsupported),
            Ok(AggregatedMessage::Ping(bytes)) => Heard::Ping(bytes),
            Ok(AggregatedMessage::Pong(_)) => Heard::Nothing,
            Ok(AggregatedMessage::Close(_)) => Heard::End(CloseCode::Normal),
            Err(ProtocolError::Overflow) => Heard::End(CloseCode::Size),
            // Both of the library's own making: text that is none, or parts of a message that are too much together.
            Err(ProtocolError::Io(error)) if error.kind() == ErrorKind::InvalidData => {
                Heard::End(CloseCode::Invalid)
            }
            Err(ProtocolError::Io(_)) => Heard::End(CloseCode::Size),
            Err(_) => Heard::End(CloseCode::Protocol),
        }
    }

    async fn say(&mut self, frame: String) -> Result<(), Closed> {
        match self.framing {
            Framing::Plain => self.session.text(frame).await,
            Framing::SockJs => self.session.text(Frame::Messages(vec![frame]).text()).await,
        }
    }

    async fn beat(&mut self) -> Result<(), Closed> {
        match self.framing {
            Framing::Plain => self.session.ping(b"").await,
            Framing::SockJs => self.session.text(Frame::HeartBeat.text()).await,
        }
    }

    async fn end(mut self, end: Close) {
        if self.framing == Framing::Plain {
            return self.close(CloseCode::from(end.code)).await;
        }
        let (code, reason) = end.sockjs();
        // The client may be gone already; then there is nobody to tell.
        let _ = self.session.text(Frame::Close(code, reason).text()).await;
        self.close(CloseCode::Normal).await;
    }

    async fn close(self, code: CloseCode) {
        // As above.
        let _ = self.session.close(Some(CloseReason { code, description: None })).await;
    }
}
