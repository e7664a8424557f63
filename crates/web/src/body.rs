//! The time a request's body may take (SEC-217).
//!
//! Owns: one deadline for the whole body, whoever reads it. Without it a client that sends a byte a minute holds
//! a connection for as long as it likes: actix limits the time of the head only. Not here: the size (`params`,
//! `shell`), the head (`server::serve`).

use std::future::Future as _;
use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpMessage as _;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use bytes::Bytes;
use futures_util::stream::Stream;
use tokio::time::{Sleep, sleep};

/// The largest body (64 kB) over the slowest line worth waiting for (some 30 kbit/s).
pub const LONGEST: Duration = Duration::from_secs(20);

/// Gives the request's body its time. Sockets have none: their frames come for as long as the page is open.
pub(crate) fn limit_time(req: &mut ServiceRequest) {
    limit_to(req, LONGEST);
}

fn limit_to(req: &mut ServiceRequest, time: Duration) {
    let headers = req.headers();
    let has_body = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
    if !has_body || headers.contains_key(UPGRADE) {
        return;
    }
    let payload = req.take_payload();
    if matches!(payload, Payload::None) {
        return;
    }
    let timed = Timed { payload, end: Box::pin(sleep(time)), is_over: false };
    req.set_payload(Payload::Stream { payload: Box::pin(timed) });
}

/// A body that ends with an error when its time is over.
struct Timed {
    payload: Payload,
    end: Pin<Box<Sleep>>,
    is_over: bool,
}

impl Stream for Timed {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        if self.end.as_mut().poll(context).is_ready() {
            self.is_over = true;
            return Poll::Ready(Some(Err(PayloadError::Io(Error::from(ErrorKind::TimedOut)))));
        }
        Pin::new(&mut self.payload).poll_next(context)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use futures_util::StreamExt as _;
    use futures_util::stream;
    use tokio::time::Instant;

    use super::*;

    fn slow(gap: Duration) -> Payload {
        let bytes = stream::unfold((), move |()| async move {
            sleep(gap).await;
            Some((Ok(Bytes::from_static(b"x")), ()))
        });
        Payload::Stream { payload: Box::pin(bytes) }
    }

    fn request(header: (&'static str, &'static str)) -> ServiceRequest {
        let mut req = TestRequest::post().insert_header(header).to_srv_request();
        req.set_payload(slow(Duration::from_millis(20)));
        limit_to(&mut req, Duration::from_millis(110));
        req
    }

    #[actix_web::test]
    async fn sec_217_a_body_that_trickles_ends_with_its_time() {
        for header in [("content-length", "100"), ("transfer-encoding", "chunked")] {
            let began = Instant::now();
            let mut body = request(header).take_payload();
            let error = loop {
                match body.next().await {
                    Some(Ok(_)) if began.elapsed() < Duration::from_secs(5) => {}
                    other => break other,
                }
            };
            assert!(
                matches!(error, Some(Err(PayloadError::Io(error))) if error.kind() == ErrorKind::TimedOut)
            );
            assert!(body.next().await.is_none());
        }
    }

    #[actix_web::test]
    async fn sockets_and_requests_without_a_body_are_left_alone() {
        for header in [("upgrade", "websocket"), ("accept", "*/*")] {
            let mut body = request(header).take_payload();
            for _ in 0..10 {
                assert!(body.next().await.unwrap().is_ok(), "{header:?}");
            }
        }
    }
}
