//! WebSockets: STOMP as it is, or in SockJS frames (cas-wire §6.4, §6.5).

use std::time::Duration;

use ::cas::sockjs::{Frame, HEART_BEAT_SECONDS, websocket_payload};
use ::web::{Closing, Refused, Visitor, Web};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, rt};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session};
use app::Refusal;
use futures_util::StreamExt as _;
use tokio::time::{sleep, sleep_until};

use super::Place;
use super::conversation::{Conversation, Word};
use crate::Cas;

/// A message at most: a frame of STOMP of 8 kB in JSON, where each character may take six.
pub(super) const LARGEST_MESSAGE: usize = 64 * 1024;
/// Messages of one connection: a page says two things, an app one.
const MOST_MESSAGES: u32 = 200;
const BEAT: Duration = Duration::from_secs(HEART_BEAT_SECONDS);

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
    cas: Data<Cas>,
    visitor: Visitor,
    framing: Framing,
) -> Result<HttpResponse, Refused> {
    let closing = Web::of(req)?.closing();
    let place = cas.sockets.place(visitor.0.address);
    let place = place.ok_or(Refusal::TooMany { retry_after: Duration::from_secs(30) })?;
    let (answer, session, messages) = actix_ws::handle(req, payload)
        .map_err(|error| Refused::of_status(error.as_response_error().status_code()))?;
    let messages = messages
        .max_frame_size(LARGEST_MESSAGE)
        .aggregate_continuations()
        .max_continuation_size(LARGEST_MESSAGE);
    let conversation = Conversation::new(&cas.sockets, &cas.signin, &visitor.0);
    rt::spawn(talk(session, messages, conversation, framing, closing, place));
    Ok(answer)
}

/// One WebSocket from first to last word.
async fn talk(
    mut session: Session,
    mut messages: AggregatedMessageStream,
    mut conversation: Conversation,
    framing: Framing,
    mut closing: Closing,
    _place: Place,
) {
    if framing == Framing::SockJs && session.text(Frame::Open.text()).await.is_err() {
        return;
    }
    let mut heard = 0u32;
    loop {
        let ends_at = conversation.ends_at();
        let words = tokio::select! {
            message = messages.next() => {
                heard += 1;
                match message {
                    Some(Ok(AggregatedMessage::Text(text))) if heard <= MOST_MESSAGES => {
                        match read(&text, framing) {
                            Some(texts) => {
                                let mut words = Vec::new();
                                for text in texts {
                                    words.extend(conversation.hear(text.as_bytes()).await);
                                }
                                words
                            }
                            None => return close(session, CloseCode::Invalid).await,
                        }
                    }
                    Some(Ok(AggregatedMessage::Binary(bytes)))
                        if heard <= MOST_MESSAGES && framing == Framing::Plain =>
                    {
                        conversation.hear(&bytes).await
                    }
                    Some(Ok(AggregatedMessage::Ping(bytes))) if heard <= MOST_MESSAGES => {
                        if session.pong(&bytes).await.is_err() {
                            return;
                        }
                        continue;
                    }
                    Some(Ok(AggregatedMessage::Pong(_))) => continue,
                    Some(Ok(AggregatedMessage::Close(_))) => return close(session, CloseCode::Normal).await,
                    Some(Ok(_)) => return close(session, CloseCode::Policy).await,
                    Some(Err(_)) => return close(session, CloseCode::Size).await,
                    None => return,
                }
            }
            told = conversation.told() => conversation.pass_on(told).await,
            () = closing.begun() => conversation.end().await,
            () = sleep_until(ends_at) => conversation.end().await,
            () = sleep(BEAT) => {
                let sent = match framing {
                    Framing::Plain => session.ping(b"").await,
                    Framing::SockJs => session.text(Frame::HeartBeat.text()).await,
                };
                if sent.is_err() {
                    return;
                }
                continue;
            }
        };
        for word in words {
            let sent = match (word, framing) {
                (Word::Frame(frame), Framing::Plain) => session.text(frame).await,
                (Word::Frame(frame), Framing::SockJs) => session.text(Frame::Messages(vec![frame]).text()).await,
                (Word::Close(end), Framing::Plain) => return close(session, CloseCode::from(end.code)).await,
                (Word::Close(end), Framing::SockJs) => {
                    let (code, reason) = end.sockjs();
                    // The client may be gone already; then there is nobody to tell.
                    let _ = session.text(Frame::Close(code, reason).text()).await;
                    return close(session, CloseCode::Normal).await;
                }
            };
            if sent.is_err() {
                return;
            }
        }
    }
}

/// The frames of STOMP in a message; `None`: it is no message of this framing.
fn read(text: &str, framing: Framing) -> Option<Vec<String>> {
    match framing {
        Framing::Plain => Some(vec![text.to_owned()]),
        Framing::SockJs => websocket_payload(text).ok(),
    }
}

async fn close(session: Session, code: CloseCode) {
    // The client may be gone already; then there is nobody to tell.
    let _ = session.close(Some(CloseReason { code, description: None })).await;
}
