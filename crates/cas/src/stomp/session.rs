//! One connection: what it may say, and what it is told (§7, §8, §19).
//!
//! Owns: the order of frames, receipts, and the refusals that close. Not here: whose the channel is, what an
//! approval leads to: the caller is asked and answers.
//!
//! Clients may SEND to `/qr/accept` alone (C-4) and SUBSCRIBE to one exact result topic (C-3).

use std::collections::VecDeque;

use super::{Decoder, Frame, Version, encode};
use crate::channel::{ACCEPT, CHANNEL_HEADER, DEVICE_HEADER};
use crate::{ChannelName, DeviceName, Secret, Told};

/// What a phone sent to `/qr/accept`. A member that is `None` was unreadable: the approval fails, and the
/// channel's page is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The channel from the QR. Not known to exist.
    pub channel: ChannelName,
    /// What the phone calls itself.
    pub device: Option<DeviceName>,
    /// The phone's token.
    pub token: Option<Secret>,
}

/// Why a SEND had no effect. The phone is not told (§8, C-17); it counts as abuse (C-14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// No channel in the headers, or a text that is none.
    NoChannel,
    /// No device in the headers.
    NoDevice,
    /// Another destination below `/qr`.
    Elsewhere,
}

/// The connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// WebSocket code: 1000 regular, 1002 after an error.
    pub code: u16,
}

impl Close {
    const DONE: Self = Self { code: 1000 };
    const ERROR: Self = Self { code: 1002 };

    /// The code and reason of the SockJS close frame (§6.5).
    #[must_use]
    pub const fn sockjs(self) -> (u16, &'static str) {
        match self.code {
            1000 => (3000, "Go away!"),
            other => (other, "Protocol error"),
        }
    }
}

/// What the caller has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Out {
    /// Send this frame.
    Send(String),
    /// Someone wants to hear a channel's result: answer with [`Session::allow`] if the channel belongs to this
    /// connection's browser, else with [`Session::refuse`]. Unanswered, it is refused.
    Subscribe(ChannelName),
    /// A phone approves.
    Accept(Approval),
    /// Nothing, but count it.
    Ignored(Ignored),
    /// Close. Nothing follows.
    Close(Close),
}

struct Subscription {
    id: String,
    channel: ChannelName,
}

/// The state of one connection. Bytes go in with [`Session::push`]; then [`Session::step`] is called until it gives
/// nothing.
pub struct Session {
    decoder: Decoder,
    version: Option<Version>,
    /// Asked for and not answered yet, with its receipt.
    asked: Option<(Subscription, Option<String>)>,
    subscription: Option<Subscription>,
    out: VecDeque<Out>,
    is_over: bool,
    label: String,
    messages: u64,
}

impl Session {
    /// A new connection. `label` begins the ids of its messages; it is no secret.
    #[must_use]
    pub fn new(label: impl Into<String>) -> Self {
        Self {
            decoder: Decoder::default(),
            version: None,
            asked: None,
            subscription: None,
            out: VecDeque::new(),
            is_over: false,
            label: label.into(),
            messages: 0,
        }
    }

    /// Takes what came: one WebSocket message, text or binary, or one SockJS string.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.is_over {
            self.decoder.push(bytes);
        }
    }

    /// What to do next; `None`: wait for more.
    pub fn step(&mut self) -> Option<Out> {
        loop {
            if self.asked.is_some() {
                self.refuse();
            }
            if let Some(out) = self.out.pop_front() {
                return Some(out);
            }
            if self.is_over {
                return None;
            }
            match self.decoder.frame() {
                Ok(Some(frame)) => {
                    if let Err(why) = self.take(&frame) {
                        self.fail(why, frame.header("receipt"));
                    }
                    if let Some(channel) = self.asked.as_ref().map(|(asked, _)| asked.channel.clone()) {
                        return Some(Out::Subscribe(channel));
                    }
                }
                Ok(None) => return None,
                Err(bad) => self.fail(&bad.to_string(), None),
            }
        }
    }

    /// The channel of the last [`Out::Subscribe`] belongs to this connection's browser.
    pub fn allow(&mut self) {
        if let Some((subscription, receipt)) = self.asked.take() {
            self.subscription = Some(subscription);
            self.receipt(receipt.as_deref());
        }
    }

    /// It does not.
    pub fn refuse(&mut self) {
        if let Some((_, receipt)) = self.asked.take() {
            self.fail("Subscription is not allowed", receipt.as_deref());
        }
    }

    /// Tells the subscriber what became of its channel. Says whether there is one.
    pub fn deliver(&mut self, told: &Told) -> bool {
        let (Some(subscription), Some(version), false) = (&self.subscription, self.version, self.is_over)
        else {
            return false;
        };
        let message_id = format!("{}-{}", self.label, self.messages);
        let topic = subscription.channel.topic();
        let mut headers = vec![("destination", topic.as_str()), ("content-type", "application/json")];
        if !subscription.id.is_empty() {
            headers.push(("subscription", &subscription.id));
        }
        headers.push(("message-id", &message_id));
        let frame = encode("MESSAGE", &headers, Some(&told.json()), version);
        self.messages += 1;
        self.out.push_back(Out::Send(frame));
        true
    }

    /// The channel has ended, or the server stops: closes regularly.
    pub fn end(&mut self) {
        if !self.is_over {
            self.close(Close::DONE);
        }
    }

    /// Whether CONNECTED was sent: must be within [`super::CONNECT_WITHIN_SECONDS`].
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        self.version.is_some()
    }

    /// The channel whose result this connection hears.
    #[must_use]
    pub fn channel(&self) -> Option<&ChannelName> {
        self.subscription.as_ref().map(|subscription| &subscription.channel)
    }

    /// Whether the connection is to be closed.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    fn take(&mut self, frame: &Frame) -> Result<(), &'static str> {
        let is_connect = matches!(frame.command.as_str(), "CONNECT" | "STOMP");
        if is_connect != self.version.is_none() {
            return Err(if is_connect { "Already connected" } else { "Not connected" });
        }
        let receipt = frame.header("receipt");
        match frame.command.as_str() {
            "CONNECT" | "STOMP" => {
                let version = Version::negotiate(frame.header("accept-version"));
                let version = version.ok_or("Supported versions are 1.0, 1.1 and 1.2")?;
                self.version = Some(version);
                self.decoder.set_version(version);
                let headers = [("version", version.as_str()), ("heart-beat", "0,0")];
                self.out.push_back(Out::Send(encode("CONNECTED", &headers, None, version)));
                return Ok(());
            }
            "SUBSCRIBE" => return self.subscribe(frame),
            "UNSUBSCRIBE" => {
                let id = frame.header("id").unwrap_or_default();
                self.subscription.take_if(|subscription| subscription.id == id);
            }
            "SEND" => self.send(frame)?,
            "ACK" | "NACK" | "BEGIN" | "COMMIT" | "ABORT" => {}
            "DISCONNECT" => {
                self.receipt(receipt);
                self.close(Close::DONE);
                return Ok(());
            }
            _ => return Err("Unknown command"),
        }
        self.receipt(receipt);
        Ok(())
    }

    fn subscribe(&mut self, frame: &Frame) -> Result<(), &'static str> {
        // 1.0 knows subscriptions without an id.
        let id = match (frame.header("id"), self.version) {
            (Some(id), _) if !id.is_empty() => id,
            (_, Some(Version::V10)) => "",
            _ => return Err("Header id is required"),
        };
        let channel = frame.header("destination").and_then(ChannelName::of_topic);
        let channel = channel.ok_or("Subscription is not allowed")?;
        if frame.header("selector").is_some() || self.subscription.is_some() {
            return Err("Subscription is not allowed");
        }
        let receipt = frame.header("receipt").map(str::to_owned);
        self.asked = Some((Subscription { id: id.to_owned(), channel }, receipt));
        Ok(())
    }

    fn send(&mut self, frame: &Frame) -> Result<(), &'static str> {
        let out = match frame.header("destination") {
            Some(ACCEPT) => accept(frame),
            Some(other) if other.starts_with("/qr/") => Out::Ignored(Ignored::Elsewhere),
            _ => return Err("Sending there is not allowed"),
        };
        self.out.push_back(out);
        Ok(())
    }

    fn receipt(&mut self, id: Option<&str>) {
        if let (Some(id), Some(version)) = (id, self.version) {
            self.out.push_back(Out::Send(encode("RECEIPT", &[("receipt-id", id)], None, version)));
        }
    }

    /// Sends ERROR and closes.
    fn fail(&mut self, why: &str, receipt: Option<&str>) {
        let version = self.version.unwrap_or(Version::V10);
        let mut headers = vec![("message", why)];
        headers.extend(receipt.map(|id| ("receipt-id", id)));
        headers.push(("content-length", "0"));
        self.out.push_back(Out::Send(encode("ERROR", &headers, None, version)));
        self.close(Close::ERROR);
    }

    fn close(&mut self, close: Close) {
        self.out.push_back(Out::Close(close));
        self.is_over = true;
        self.subscription = None;
        self.asked = None;
        self.decoder = Decoder::default();
    }
}

/// Reads a SEND to `/qr/accept` (§7.4). Any content type will do.
fn accept(frame: &Frame) -> Out {
    let Some(channel) = frame.header(CHANNEL_HEADER).and_then(ChannelName::parse) else {
        return Out::Ignored(Ignored::NoChannel);
    };
    let Some(device) = frame.header(DEVICE_HEADER) else { return Out::Ignored(Ignored::NoDevice) };
    let body = domain::json::read(&frame.body, 1).ok();
    let token = body.as_ref().and_then(|body| body.get("token")?.as_str());
    let token = token.filter(|token| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()));
    Out::Accept(Approval { channel, device: DeviceName::parse(device), token: token.map(Secret::new) })
}

#[cfg(test)]
mod tests;
