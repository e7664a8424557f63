//! What is said on one connection, whatever it travels on.
//!
//! Owns: driving the STOMP session, listening for its channel, and handing on approvals one after the other. Not here: the
//! rules of the protocol (`cas::stomp`).

use std::time::Duration;

use ::cas::Told;
use ::cas::stomp::{Approval, CONNECT_WITHIN_SECONDS, Close, Out, Session};
use actix_web::rt;
use app::Visitor;
use domain::ClientAddress;
use signin::{CasWatch, SignIn};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Sockets;

/// The first frame must come by then (§7.1).
const CONNECT: Duration = Duration::from_secs(CONNECT_WITHIN_SECONDS);
/// A connection ends then: channels live two minutes, apps connect to approve.
pub(super) const LIFE: Duration = Duration::from_secs(15 * 60);
/// What one connection sent to approve and waits for its turn.
const WAITING: usize = 8;
/// Messages and subscriptions of one connection: a page says two things, an app one.
const MOST_MESSAGES: u32 = 200;

/// The end of a connection that says more than anybody has to.
const TOO_MUCH: Close = Close { code: 1008 };

/// What goes to the client.
pub(super) enum Word {
    /// A frame of STOMP.
    Frame(String),
    /// The end.
    Close(Close),
}

/// One connection.
pub(super) struct Conversation {
    stomp: Session,
    signin: SignIn,
    visitor: Visitor,
    watch: Option<CasWatch>,
    /// Taken one after the other by a task of its own: a phone is not to see how long one takes (C-17). `None` is one
    /// that cannot be read.
    approvals: mpsc::Sender<Option<Approval>>,
    began: Instant,
    heard: u32,
}

impl Conversation {
    /// A connection that was just made.
    pub(super) fn new(sockets: &Sockets, signin: &SignIn, visitor: &Visitor) -> Self {
        let (approvals, waiting) = mpsc::channel(WAITING);
        rt::spawn(take(signin.clone(), visitor.address, waiting));
        Self {
            stomp: Session::new(format!("{:016x}", u64::from_be_bytes(sockets.app().entropy().bytes()))),
            signin: signin.clone(),
            visitor: visitor.clone(),
            watch: None,
            approvals,
            began: Instant::now(),
            heard: 0,
        }
    }

    /// The client said something.
    pub(super) async fn hear(&mut self, bytes: &[u8]) -> Vec<Word> {
        if !self.counts_on() {
            return vec![Word::Close(TOO_MUCH)];
        }
        self.stomp.push(bytes);
        self.go_on().await
    }

    /// The client said several things in one message.
    pub(super) async fn hear_all(&mut self, texts: Vec<String>) -> Vec<Word> {
        let mut words = Vec::new();
        for text in texts {
            words.extend(self.hear(text.as_bytes()).await);
        }
        words
    }

    /// Counts one more message, whatever is in it; `false`: there were too many.
    pub(super) const fn counts_on(&mut self) -> bool {
        self.heard += 1;
        self.heard <= MOST_MESSAGES
    }

    /// What became of the channel that is listened to; waits for ever where none is. `None`: it is over.
    pub(super) async fn told(&mut self) -> Option<Told> {
        match &mut self.watch {
            Some(watch) => watch.next().await,
            None => std::future::pending().await,
        }
    }

    /// Passes that on.
    pub(super) async fn pass_on(&mut self, told: Option<Told>) -> Vec<Word> {
        match told {
            Some(told) => {
                self.stomp.deliver(&told);
            }
            None => {
                self.watch = None;
                self.stomp.end();
            }
        }
        self.go_on().await
    }

    /// The server stops, or the connection's time is over.
    pub(super) async fn end(&mut self) -> Vec<Word> {
        self.stomp.end();
        self.go_on().await
    }

    /// When it is to be ended whatever happens.
    pub(super) fn ends_at(&self) -> Instant {
        self.began + if self.stomp.is_connected() { LIFE } else { CONNECT }
    }

    async fn go_on(&mut self) -> Vec<Word> {
        let mut words = Vec::new();
        while let Some(out) = self.stomp.step() {
            match out {
                Out::Send(frame) => words.push(Word::Frame(frame)),
                // Each is looked up, and many fit in one message.
                Out::Subscribe(_) if !self.counts_on() => self.stomp.refuse(),
                Out::Subscribe(channel) => match self.signin.cas_watch(&self.visitor, &channel).await {
                    Ok(watch) => {
                        self.watch = Some(watch);
                        self.stomp.allow();
                    }
                    Err(_) => self.stomp.refuse(),
                },
                // What comes while so many wait is nothing: whoever waited for it would see how long they take.
                Out::Accept(approval) => drop(self.approvals.try_send(Some(approval))),
                Out::Ignored(_) => drop(self.approvals.try_send(None)),
                Out::Close(close) => words.push(Word::Close(close)),
            }
        }
        if self.stomp.channel().is_none() {
            self.watch = None;
        }
        words
    }
}

async fn take(signin: SignIn, address: ClientAddress, mut waiting: mpsc::Receiver<Option<Approval>>) {
    while let Some(approval) = waiting.recv().await {
        match approval {
            Some(approval) => signin.cas_accept(&approval, address).await,
            None => signin.cas_abuse(address).await,
        }
    }
}
