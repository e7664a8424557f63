//! The port to the mail server: one letter at a time.
//!
//! Owns: what a mail is made of, and the two ways in which sending fails. Not here: SMTP (`outbound-net`), what is
//! written (`web::mail`), when (`registry::notices`).

use std::time::Duration;

use async_trait::async_trait;

/// One mail to one person: the same words as plain text and as HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The address, as its owner gave it: it is parsed before anything is sent.
    pub to: String,
    /// What its owner is called.
    pub name: String,
    /// One line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// What stands before the `@` of `Message-ID`: the same at each attempt, so that whoever gets a mail twice can
    /// tell (RFC 5322 §3.6.4).
    pub id: String,
    /// The language of the words (`Content-Language`).
    pub language: String,
}

/// A mail was not taken. The words are for log and administrators: a plain line without addresses or secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// It may be taken another time: no answer, no TLS, an answer of 4xx, or we were not let in.
    #[error("not taken for now: {0}")]
    Later(String),
    /// It will never be taken: the address is none, or the server said 5xx about it.
    #[error("refused: {0}")]
    Never(String),
}

/// The mail server.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a mail over; answers when the server has taken it.
    ///
    /// # Errors
    /// See [`MailError`].
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;

    /// Sending takes no longer.
    fn patience(&self) -> Duration;
}
