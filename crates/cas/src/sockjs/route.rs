//! Paths below `/qr-websocket`, and how the transports differ.

use super::Frame;

/// How one side of a session travels (§6.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Both ways on one socket.
    WebSocket,
    /// One frame per answer.
    Xhr,
    /// Many frames in one answer.
    XhrStreaming,
    /// What the client says, for the HTTP transports.
    XhrSend,
    /// Server-sent events.
    EventSource,
    /// Scripts in a page.
    HtmlFile,
}

impl Transport {
    const ALL: [Self; 6] =
        [Self::WebSocket, Self::Xhr, Self::XhrStreaming, Self::XhrSend, Self::EventSource, Self::HtmlFile];

    /// Its path segment.
    #[must_use]
    pub const fn segment(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Xhr => "xhr",
            Self::XhrStreaming => "xhr_streaming",
            Self::XhrSend => "xhr_send",
            Self::EventSource => "eventsource",
            Self::HtmlFile => "htmlfile",
        }
    }

    /// The one method it takes, `OPTIONS` apart.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::WebSocket | Self::EventSource | Self::HtmlFile => "GET",
            Self::Xhr | Self::XhrStreaming | Self::XhrSend => "POST",
        }
    }

    /// Whether `OPTIONS` is answered too.
    #[must_use]
    pub const fn takes_options(self) -> bool {
        matches!(self, Self::Xhr | Self::XhrStreaming | Self::XhrSend)
    }

    /// The answer's `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::WebSocket | Self::XhrSend => "text/plain;charset=UTF-8",
            Self::Xhr | Self::XhrStreaming => "application/javascript;charset=UTF-8",
            Self::EventSource => "text/event-stream;charset=UTF-8",
            Self::HtmlFile => "text/html;charset=UTF-8",
        }
    }

    /// Whether one answer carries many frames.
    #[must_use]
    pub const fn is_streaming(self) -> bool {
        matches!(self, Self::XhrStreaming | Self::EventSource | Self::HtmlFile)
    }

    /// Whether the client receives by it over plain HTTP.
    #[must_use]
    pub const fn is_receiving(self) -> bool {
        matches!(self, Self::Xhr) || self.is_streaming()
    }

    /// What a streaming answer begins with, also one that only closes; `htmlfile` begins with
    /// [`super::htmlfile_head`].
    #[must_use]
    pub fn prelude(self) -> String {
        match self {
            Self::XhrStreaming => format!("{}\n", "h".repeat(2048)),
            Self::EventSource => "\r\n".into(),
            _ => String::new(),
        }
    }

    /// A frame as it stands in an answer. `nonce` lets the scripts of `htmlfile` run, and no others; the other
    /// transports need none.
    #[must_use]
    pub fn framed(self, frame: &Frame, nonce: &str) -> String {
        let text = frame.text();
        match self {
            Self::WebSocket | Self::XhrSend => text,
            Self::Xhr | Self::XhrStreaming => format!("{text}\n"),
            Self::EventSource => format!("data: {text}\r\n\r\n"),
            Self::HtmlFile => {
                format!("<script nonce=\"{nonce}\">\np({});\n</script>\r\n", super::frame::script_text(&text))
            }
        }
    }
}

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'p> {
    /// The bare path: a greeting, or a raw WebSocket if an upgrade is asked for (§6.1).
    Bare,
    /// `/info`
    Info,
    /// `/iframe….html`
    Iframe,
    /// `/websocket`: a raw WebSocket.
    Raw,
    /// `/<server>/<session>/<transport>`
    Session {
        /// The session; the server's segment means nothing.
        session: &'p str,
        /// How.
        transport: Transport,
    },
}

impl<'p> Route<'p> {
    /// Reads the path as it is on the wire, behind `/qr-websocket` and without its query. `None`: 404.
    #[must_use]
    pub fn of(path: &'p str) -> Option<Self> {
        let path = match path {
            "" | "/" => return Some(Self::Bare),
            "/info" => return Some(Self::Info),
            "/websocket" => return Some(Self::Raw),
            other => other.strip_prefix('/')?,
        };
        if let Some(label) = path.strip_prefix("iframe").and_then(|rest| rest.strip_suffix(".html")) {
            let fits = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'.' | b'_' | b'-');
            return label.bytes().all(fits).then_some(Self::Iframe);
        }
        let mut segments = path.split('/');
        let (server, session, transport) = (segments.next()?, segments.next()?, segments.next()?);
        let is_id = |text: &str| {
            (1..=64).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if segments.next().is_some() || !is_id(server) || !is_id(session) {
            return None;
        }
        let transport = Transport::ALL.into_iter().find(|known| known.segment() == transport)?;
        Some(Self::Session { session, transport })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_reference() {
        for (path, route) in [
            ("", Some(Route::Bare)),
            ("/", Some(Route::Bare)),
            ("/info", Some(Route::Info)),
            ("/info/", None),
            ("/websocket", Some(Route::Raw)),
            ("/iframe.html", Some(Route::Iframe)),
            ("/iframe-a.b_0.html", Some(Route::Iframe)),
            ("/iframe/a.html", None),
            ("/IFRAME.html", None),
            ("/iframe.htm", None),
            ("/042/ab3cd0ef/xhr", Some(Route::Session { session: "ab3cd0ef", transport: Transport::Xhr })),
            ("/a/b/htmlfile", Some(Route::Session { session: "b", transport: Transport::HtmlFile })),
            ("/a/b/jsonp", None),
            ("/a/b/xhr;x=1", None),
            ("/a/b/xhr/", None),
            ("/a/b.c/xhr", None),
            ("/a.b/c/xhr", None),
            ("//b/xhr", None),
            ("/a//xhr", None),
            ("/a/b", None),
            ("x", None),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }

    #[test]
    fn frames_are_wrapped_as_the_transport_wants() {
        let frame = Frame::messages(&["</script>\"ü\u{2028}"]);
        assert_eq!(Transport::WebSocket.framed(&Frame::Open, ""), "o");
        assert_eq!(Transport::Xhr.framed(&Frame::HeartBeat, ""), "h\n");
        assert_eq!(Transport::EventSource.framed(&Frame::Open, ""), "data: o\r\n\r\n");
        let script = Transport::HtmlFile.framed(&frame, "a1");
        assert!(script.starts_with("<script nonce=\"a1\">\np(\""));
        assert_eq!(script.matches("</script>").count(), 1);
        assert!(script.is_ascii() && script.ends_with(");\n</script>\r\n"));
        assert_eq!(Transport::XhrStreaming.prelude().len(), 2049);
    }
}
