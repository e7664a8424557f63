//! One session over the HTTP transports: who may receive, what waits, when it is over (§6.5).
//!
//! Owns: the rules as a state machine without a clock. Not here: the table of sessions and the waiting
//! (`web-cas`). A WebSocket is its own session and needs none of this.

use std::collections::VecDeque;

use domain::Timestamp;

use super::{FORGOTTEN_AFTER_SECONDS, Frame, MAX_PENDING, Transport};

/// What a receiving request is to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attached {
    /// It is not this session's: 404.
    NotFound,
    /// This one frame, and the answer ends. The session goes on as it was.
    Last(Frame),
    /// It is the receiver now; these frames go out at once. An answer that is not streaming ends with the first;
    /// else it waits for [`Session::take`].
    Receives(Vec<Frame>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody has received yet.
    New,
    Open,
    /// Over, and what later receivers are told.
    Closed(u16, &'static str),
}

/// A session. `owner` is what its requests have in common: who may receive is for the caller to say (the client's
/// address and its browser's secret).
#[derive(Debug)]
pub struct Session {
    owner: String,
    transport: Transport,
    state: State,
    has_receiver: bool,
    pending: VecDeque<String>,
    /// Since when nobody receives.
    alone_since: Timestamp,
}

impl Session {
    /// A session made by its first receiving request.
    #[must_use]
    pub fn new(owner: impl Into<String>, transport: Transport, now: Timestamp) -> Self {
        Self {
            owner: owner.into(),
            transport,
            state: State::New,
            has_receiver: false,
            pending: VecDeque::new(),
            alone_since: now,
        }
    }

    /// A receiving request comes.
    pub fn attach(&mut self, owner: &str, transport: Transport) -> Attached {
        if owner != self.owner || transport != self.transport {
            return Attached::NotFound;
        }
        match self.state {
            // What was said before the end comes before it, such as the receipt of a DISCONNECT.
            State::Closed(..) if !self.has_receiver && !self.pending.is_empty() => {
                self.has_receiver = true;
                Attached::Receives(self.take().into_iter().collect())
            }
            State::Closed(code, reason) => Attached::Last(Frame::Close(code, reason)),
            _ if self.has_receiver => Attached::Last(Frame::STILL_OPEN),
            State::New => {
                self.state = State::Open;
                self.has_receiver = true;
                let mut frames = vec![Frame::Open];
                // A poll ends with its first frame: the rest waits for the next.
                if transport.is_streaming() {
                    frames.extend(self.take());
                }
                Attached::Receives(frames)
            }
            State::Open => {
                self.has_receiver = true;
                Attached::Receives(self.take().into_iter().collect())
            }
        }
    }

    /// Whether an `xhr_send` of this owner is to be taken: 404 if not.
    #[must_use]
    pub fn may_send(&self, owner: &str) -> bool {
        owner == self.owner && self.state == State::Open
    }

    /// Has a message for the client. `false`: too many wait already, and the session is over.
    pub fn push(&mut self, message: String) -> bool {
        if self.state_is_closed() {
            return false;
        }
        if self.pending.len() == MAX_PENDING {
            self.close(1008, "Too many messages");
            return false;
        }
        self.pending.push_back(message);
        true
    }

    /// All that waits, in one frame, for the receiver; after it, once it is over, the closing frame.
    pub fn take(&mut self) -> Option<Frame> {
        if self.pending.is_empty() {
            return match self.state {
                State::Closed(code, reason) => Some(Frame::Close(code, reason)),
                State::New | State::Open => None,
            };
        }
        Some(Frame::Messages(self.pending.drain(..).collect()))
    }

    /// The receiver's answer ended as it should.
    pub fn detach(&mut self, now: Timestamp) {
        self.has_receiver = false;
        self.alone_since = now;
    }

    /// The network cut the receiver: the session is over.
    pub fn interrupt(&mut self, now: Timestamp) {
        self.detach(now);
        if !self.state_is_closed() {
            self.pending.clear();
            let Frame::Close(code, reason) = Frame::INTERRUPTED else { return };
            self.close(code, reason);
        }
    }

    /// Ends it; later receivers are told so until it is forgotten. The first end counts.
    pub const fn close(&mut self, code: u16, reason: &'static str) {
        if !self.state_is_closed() {
            self.state = State::Closed(code, reason);
        }
    }

    /// Whether it is over.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.state_is_closed()
    }

    /// Whether it may be dropped: nobody has received for five seconds.
    #[must_use]
    pub fn is_forgotten(&self, now: Timestamp) -> bool {
        !self.has_receiver && now.millis() - self.alone_since.millis() >= FORGOTTEN_AFTER_SECONDS * 1000
    }

    const fn state_is_closed(&self) -> bool {
        matches!(self.state, State::Closed(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn the_first_receiver_is_opened_to_and_the_second_sent_away() {
        let mut session = Session::new("1.2.3.4", Transport::XhrStreaming, at(0));
        assert!(!session.may_send("1.2.3.4"));
        assert_eq!(session.attach("1.2.3.4", Transport::XhrStreaming), Attached::Receives(vec![Frame::Open]));
        assert!(session.may_send("1.2.3.4") && !session.may_send("1.2.3.5"));
        assert_eq!(session.attach("1.2.3.4", Transport::XhrStreaming), Attached::Last(Frame::STILL_OPEN));
        assert_eq!(session.attach("1.2.3.5", Transport::XhrStreaming), Attached::NotFound);
        assert_eq!(session.attach("1.2.3.4", Transport::Xhr), Attached::NotFound);
    }

    #[test]
    fn a_poll_gets_one_frame_at_a_time() {
        let mut session = Session::new("a", Transport::Xhr, at(0));
        session.push("one".into());
        assert_eq!(session.attach("a", Transport::Xhr), Attached::Receives(vec![Frame::Open]));
        session.detach(at(1));
        session.push("two".into());
        assert_eq!(
            session.attach("a", Transport::Xhr),
            Attached::Receives(vec![Frame::messages(&["one", "two"])])
        );
        session.detach(at(2));
        assert_eq!(session.attach("a", Transport::Xhr), Attached::Receives(Vec::new()));
        session.push("three".into());
        assert_eq!(session.take(), Some(Frame::messages(&["three"])));
        assert_eq!(session.take(), None);
    }

    #[test]
    fn after_the_end_everyone_is_told_so() {
        let mut session = Session::new("a", Transport::EventSource, at(0));
        session.attach("a", Transport::EventSource);
        session.push("last".into());
        session.close(3000, "Go away!");
        session.close(1002, "later");
        assert!(!session.push("too late".into()) && !session.may_send("a"));
        assert_eq!(session.take(), Some(Frame::messages(&["last"])));
        assert_eq!(session.take(), Some(Frame::GO_AWAY));
        session.detach(at(1));
        assert_eq!(session.attach("a", Transport::EventSource), Attached::Last(Frame::GO_AWAY));
        assert!(!session.is_forgotten(at(5)) && session.is_forgotten(at(6)));
    }

    #[test]
    fn what_was_said_before_the_end_reaches_a_poll_that_comes_after_it() {
        let mut session = Session::new("a", Transport::Xhr, at(0));
        session.attach("a", Transport::Xhr);
        session.detach(at(1));
        session.push("RECEIPT".into());
        session.close(3000, "Go away!");
        assert_eq!(
            session.attach("a", Transport::Xhr),
            Attached::Receives(vec![Frame::messages(&["RECEIPT"])])
        );
        session.detach(at(2));
        assert_eq!(session.attach("a", Transport::Xhr), Attached::Last(Frame::GO_AWAY));
    }

    #[test]
    fn a_cut_receiver_ends_it() {
        let mut session = Session::new("a", Transport::Xhr, at(0));
        session.attach("a", Transport::Xhr);
        session.push("lost".into());
        session.interrupt(at(1));
        assert_eq!(session.attach("a", Transport::Xhr), Attached::Last(Frame::INTERRUPTED));
    }

    #[test]
    fn it_is_forgotten_after_five_seconds_alone_only() {
        let mut session = Session::new("a", Transport::Xhr, at(10));
        assert!(!session.is_forgotten(at(14)) && session.is_forgotten(at(15)));
        session.attach("a", Transport::Xhr);
        assert!(!session.is_forgotten(at(1000)));
    }

    #[test]
    fn at_most_a_hundred_messages_wait() {
        let mut session = Session::new("a", Transport::Xhr, at(0));
        session.attach("a", Transport::Xhr);
        for _ in 0..MAX_PENDING {
            assert!(session.push("x".into()));
        }
        assert!(!session.push("x".into()) && session.is_closed());
    }
}
