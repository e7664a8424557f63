//! A mail server in the clear that keeps what it is given.
//!
//! Owns: as much of SMTP (RFC 5321) as a client that only sends needs, refusals on demand, and reading what came.
//! Not here: TLS and passwords: the tests of foreign programs have a mail server of the world for those.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One mail as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Who it is for, as said before the mail itself.
    pub to: String,
    /// Everything: headers and body.
    pub raw: String,
}

impl Letter {
    /// The value of a header; lines that go on are joined.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.raw.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
        head.lines().find_map(|line| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// A part of it, decoded: `text/plain`, `text/html`.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn part(&self, kind: &str) -> String {
        let at = self.raw.find(&format!("Content-Type: {kind}")).expect("the part");
        // The headers of the part may come in any order: from its boundary on.
        let begin = self.raw[..at].rfind("\r\n--").expect("a boundary");
        let part = &self.raw[begin..];
        let (head, body) = part.split_once("\r\n\r\n").expect("a body");
        let body = body.split("\r\n--").next().unwrap_or_default();
        let bytes = match head.to_ascii_lowercase() {
            head if head.contains("quoted-printable") => printable(body),
            head if head.contains("base64") => {
                STANDARD.decode(body.split_whitespace().collect::<String>()).expect("base64")
            }
            _ => body.as_bytes().to_vec(),
        };
        String::from_utf8(bytes).expect("UTF-8")
    }

    /// The plain words.
    #[must_use]
    pub fn text(&self) -> String {
        self.part("text/plain")
    }

    /// The one link of its plain words.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn link(&self) -> String {
        let text = self.text();
        let link = text.lines().find(|line| line.starts_with("http"));
        link.unwrap_or_else(|| panic!("no link in {text}")).trim().to_owned()
    }

    /// The token in the fragment of its link.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn token(&self) -> String {
        self.link().split_once('#').expect("a token").1.to_owned()
    }
}

fn printable(body: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = body.replace("=\r\n", "");
    while let Some((before, after)) = rest.split_once('=') {
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(after.get(..2).unwrap_or("3D"), 16).unwrap_or(b'='));
        rest = after.get(2..).unwrap_or_default().to_owned();
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// How mails are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// They are taken.
    Takes,
    /// They are taken, and nobody is told: as if the connection broke before the answer.
    TakesSilently,
    /// The address is refused for now (451).
    Later,
    /// The address is refused for good (550).
    Never,
}

#[derive(Debug)]
struct State {
    manner: Manner,
    letters: Vec<Letter>,
}

/// A running mail server. It ends with the process.
#[derive(Debug)]
pub struct Mailbox {
    port: u16,
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl Mailbox {
    /// Starts one.
    #[must_use]
    pub fn start() -> Self {
        Self::start_at(0)
    }

    /// Starts one on this port.
    ///
    /// # Panics
    /// When it is taken.
    #[must_use]
    pub fn start_at(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared =
            Arc::new((Mutex::new(State { manner: Manner::Takes, letters: Vec::new() }), Condvar::new()));
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = Arc::clone(&served);
                std::thread::spawn(move || visit(&stream, &served).ok());
            }
        });
        Self { port, shared }
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers so from now on.
    pub fn behave(&self, manner: Manner) {
        self.state().manner = manner;
    }

    /// What came so far.
    #[must_use]
    pub fn letters(&self) -> Vec<Letter> {
        self.state().letters.clone()
    }

    /// Waits until so many mails to this address came, at most 30 seconds.
    ///
    /// # Panics
    /// When they did not.
    #[must_use]
    pub fn wait_for(&self, to: &str, count: usize) -> Vec<Letter> {
        let end = Instant::now() + Duration::from_secs(30);
        let mut state = self.state();
        loop {
            let found: Vec<Letter> = state.letters.iter().filter(|letter| letter.to == to).cloned().collect();
            if found.len() >= count {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not {count} mails to {to}: {:?}", state.letters);
            state = self.shared.1.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The newest mail to this address whose subject holds these words, at most 30 seconds from now.
    ///
    /// # Panics
    /// When none came.
    #[must_use]
    pub fn newest(&self, to: &str, subject: &str) -> Letter {
        let mut count = 1;
        loop {
            let letters = self.wait_for(to, count);
            let found = letters
                .iter()
                .rev()
                .find(|letter| letter.header("Subject").is_some_and(|own| own.contains(subject)));
            if let Some(letter) = found {
                return letter.clone();
            }
            count = letters.len() + 1;
        }
    }
}

/// One visit. It runs on a thread of its own and ends with the connection.
fn visit(stream: &TcpStream, shared: &(Mutex<State>, Condvar)) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    let say = |words: &str| {
        let mut stream = stream;
        stream.write_all(format!("{words}\r\n").as_bytes())
    };
    let mut to = String::new();
    say("220 mailbox")?;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let manner = shared.0.lock().unwrap_or_else(PoisonError::into_inner).manner;
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => say("250-mailbox\r\n250-8BITMIME\r\n250 SMTPUTF8")?,
            "RCPT" => match manner {
                Manner::Later => say("451 4.3.0 try again later")?,
                Manner::Never => say("550 5.1.1 no such box ada@mail.example")?,
                Manner::Takes | Manner::TakesSilently => {
                    let inner = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
                    to = inner.map(|(address, _)| address.to_owned()).unwrap_or_default();
                    say("250 fine")?;
                }
            },
            "DATA" => {
                say("354 go on")?;
                let mut raw = String::new();
                loop {
                    let mut line = String::new();
                    if lines.read_line(&mut line)? == 0 {
                        return Ok(());
                    }
                    if line == ".\r\n" {
                        break;
                    }
                    raw.push_str(line.strip_prefix('.').unwrap_or(&line));
                }
                let letter = Letter { to: to.clone(), raw };
                shared.0.lock().unwrap_or_else(PoisonError::into_inner).letters.push(letter);
                shared.1.notify_all();
                if manner == Manner::TakesSilently {
                    // Whoever waits for the answer waits in vain.
                    std::thread::sleep(Duration::from_secs(60));
                    return Ok(());
                }
                say("250 taken")?;
            }
            "QUIT" => {
                say("221 bye")?;
                return Ok(());
            }
            _ => say("250 fine")?,
        }
    }
}
