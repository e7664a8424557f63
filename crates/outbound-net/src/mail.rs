//! Mail over SMTP, to the one server that the configuration names.
//!
//! Owns: connecting, TLS, signing in, the headers, and which failures may pass. Not here: what is written (`web`),
//! when it is tried again (`registry::notices`).
//!
//! Whatever comes from people is one line without controls before it becomes a header (SEC-145), and an address is
//! parsed before it is sent to. TLS is checked against Mozilla's authorities and the configured ones; a server that
//! does not speak it is not used.

use std::fmt;
use std::sync::Once;
use std::time::Duration;

use async_trait::async_trait;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls as SmtpTls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use outbound::{Mail, MailError, Mailer};
use rustls_pki_types::CertificateDer;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte.
    Required,
    /// By STARTTLS, or not at all used.
    StartTls,
    /// Not. For a server on this computer only: the configuration sees to that.
    None,
}

/// Name and password at the mail server.
#[derive(Clone)]
pub struct Login(Credentials);

impl Login {
    /// A name with its password.
    #[must_use]
    pub fn new(name: String, password: String) -> Self {
        Self(Credentials::new(name, password))
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

/// Who mails come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender(Mailbox);

impl Sender {
    /// An address, or `Name <address>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text == one_line(text)).then(|| text.parse().ok().map(Self))?
    }
}

/// How the server is reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name, which its certificate must have.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// Name and password, where it wants them.
    pub login: Option<Login>,
    /// Who mails come from.
    pub from: Sender,
    /// For each answer.
    pub timeout: Duration,
    /// Further certification authorities.
    pub extra_ca: Vec<CertificateDer<'static>>,
}

/// The mail server cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadMail(String);

/// A mail server.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    patience: Duration,
}

/// The TLS of `lettre` asks for the process's provider: ours is ring everywhere.
static PROVIDER: Once = Once::new();

impl Smtp {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// A certification authority cannot be used.
    pub fn new(settings: Settings) -> Result<Self, BadMail> {
        let Settings { host, port, tls, login, from, timeout, extra_ca } = settings;
        PROVIDER.call_once(|| {
            // Somebody else may have chosen: ring as well.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let mut parameters = TlsParameters::builder(host.clone());
        for authority in extra_ca {
            let authority =
                Certificate::from_der(authority.to_vec()).map_err(|error| BadMail(error.to_string()))?;
            parameters = parameters.add_root_certificate(authority);
        }
        let parameters = parameters.build_rustls().map_err(|error| BadMail(error.to_string()))?;
        let tls = match tls {
            Tls::Required => SmtpTls::Wrapper(parameters),
            Tls::StartTls => SmtpTls::Required(parameters),
            Tls::None => SmtpTls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port)
            .tls(tls)
            .timeout(Some(timeout));
        if let Some(Login(credentials)) = login {
            builder = builder.credentials(credentials);
        }
        Ok(Self { transport: builder.build(), from: from.0, patience: timeout.saturating_mul(2) })
    }

    fn message(&self, mail: &Mail) -> Result<Message, MailError> {
        let broken = |what: &str| MailError::Never(what.to_owned());
        let address: Address = mail.to.parse().map_err(|_| broken("the address is none"))?;
        let name = Some(one_line(&mail.name)).filter(|name| !name.is_empty());
        let header = |name: &'static str, value: String| {
            HeaderValue::new(HeaderName::new_from_ascii_str(name), one_line(&value))
        };
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(name, address))
            .subject(one_line(&mail.subject))
            .message_id(Some(format!("<{}@{}>", one_line(&mail.id), self.from.email.domain())))
            .raw_header(header("Auto-Submitted", "auto-generated".to_owned()))
            .raw_header(header("Content-Language", mail.language.clone()))
            .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
            .map_err(|_| broken("the mail cannot be written"))
    }
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let message = self.message(mail)?;
        match tokio::time::timeout(self.patience, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(MailError::Later("no answer in time".to_owned())),
        }
    }

    fn patience(&self) -> Duration {
        self.patience
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Smtp(from {})", self.from)
    }
}

/// Whether it may pass, and a plain line about it.
fn failed(error: &SmtpError) -> MailError {
    let words = words(error);
    if let Some(code) = error.status() {
        let code = code.to_string();
        let line = format!("it answered {code}: {words}");
        // RFC 5321 §4.2.3: these speak of the mailbox. Others (not let in, no service) speak of the server or of
        // our settings, which somebody can correct.
        return match code.as_str() {
            "550" | "551" | "552" | "553" => MailError::Never(line),
            _ => MailError::Later(line),
        };
    }
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_tls() {
        "no trusted connection"
    } else {
        "no connection"
    };
    MailError::Later(format!("{what}: {words}"))
}

/// The innermost cause without words that may be addresses, at most 160 characters.
fn words(error: &SmtpError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let told: Vec<String> = one_line(&cause.to_string())
        .split_whitespace()
        .filter(|w| !w.contains('@'))
        .map(str::to_owned)
        .collect();
    told.join(" ").chars().take(160).collect()
}

/// Without anything that could end a line or hide in one.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smtp() -> Smtp {
        Smtp::new(Settings {
            host: "localhost".to_owned(),
            port: 1,
            tls: Tls::None,
            login: Some(Login::new("ada".to_owned(), "hush".to_owned())),
            from: Sender::parse("Sign-in <sign-in@example.org>").unwrap(),
            timeout: Duration::from_secs(1),
            extra_ca: Vec::new(),
        })
        .unwrap()
    }

    fn mail() -> Mail {
        Mail {
            to: "ada@example.org".to_owned(),
            name: "Ada".to_owned(),
            subject: "Neue Anmeldung: Grüße".to_owned(),
            text: "Hallo\n".to_owned(),
            html: "<p>Hallo</p>".to_owned(),
            id: "ntc_1".to_owned(),
            language: "de".to_owned(),
        }
    }

    #[test]
    fn sec_145_no_header_is_smuggled_in() {
        let evil = Mail {
            name: "Ada\r\nBcc: eve@example.org".to_owned(),
            subject: "Hi\r\n\r\nBcc: eve@example.org\n".to_owned(),
            id: "ntc\r\nX-Evil: 1".to_owned(),
            language: "de\r\nX-Evil: 2".to_owned(),
            ..mail()
        };
        let message = String::from_utf8(smtp().message(&evil).unwrap().formatted()).unwrap();
        let head = message.split("\r\n\r\n").next().unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc") || line.starts_with("X-Evil")), "{head}");
        for to in ["ada@example.org\r\nRCPT TO:<eve@example.org>", "ada", "a@b@c", "a b@example.org", ""] {
            let failed = smtp().message(&Mail { to: to.to_owned(), ..mail() });
            assert!(matches!(failed, Err(MailError::Never(_))), "{to:?}");
        }
        assert_eq!(Sender::parse("a\r\nb <a@example.org>"), None);
    }

    #[test]
    fn a_mail_is_the_same_at_each_attempt_and_says_that_no_person_sent_it() {
        let message = String::from_utf8(smtp().message(&mail()).unwrap().formatted()).unwrap();
        for line in [
            "Message-ID: <ntc_1@example.org>",
            "Auto-Submitted: auto-generated",
            "Content-Language: de",
            "To: Ada <ada@example.org>",
        ] {
            assert!(message.contains(line), "{line} in {message}");
        }
        assert!(message.contains("multipart/alternative"));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_tried_later() {
        let Err(MailError::Later(why)) = smtp().send(&mail()).await else { panic!("sent") };
        assert!(why.starts_with("no connection"), "{why}");
        assert!(!format!("{:?}", smtp()).contains("hush"));
    }
}
