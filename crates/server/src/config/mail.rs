//! `[mail]`: the mail server that letters to people are handed to.

use std::net::IpAddr;
use std::time::Duration;

use outbound_net::mail::{Login, Sender, Settings, Tls};
use rustls_pki_types::CertificateDer;

use super::section::{Secret, section};
use super::source::Fault;

section! {
    /// The mail server that letters to people are handed to: new sign-ins, changes of how an account is protected,
    /// links that confirm an address or choose a new password. Without it people find the same words on their
    /// account page, and what needs a mail says what to do instead.
    "mail" {
        /// Whether mail is sent.
        enabled: bool = false;
        /// The server's name or address, as it stands in its certificate.
        host: Option<String> = None, example "smtp.example.org";
        /// Its port; 0 means 465 for `tls = "required"`, else 587.
        port: u16 = 0;
        /// `required`: TLS from the first byte. `starttls`: the connection is encrypted before anything is said, or
        /// given up. `none`: in the clear, for a server on this computer only. The certificate must be good for the
        /// host; outbound.extra_ca names authorities of your own.
        tls: String = "starttls".to_owned();
        /// The name to sign in with, where the server wants one.
        username: Option<String> = None, example "latchbolt@example.org";
        /// Its password.
        password: Option<Secret> = None, example "…";
        /// Or a file that holds the password.
        password_file: Option<String> = None, example "/etc/latchbolt/mail-password";
        /// Who the mails come from: an address, or a name and an address.
        from: Option<String> = None, example "Example Sign-in <sign-in@example.org>";
        /// Seconds to wait for each of the server's answers; a mail is given up for now after twice as long.
        timeout_seconds: u32 = 15;
    }
}

impl Given {
    /// Checks the values; none: no mail is sent. The authorities are those of `outbound.extra_ca`.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn resolve(
        &self,
        authorities: impl FnOnce() -> Result<Vec<CertificateDer<'static>>, Fault>,
    ) -> Result<Option<Settings>, Fault> {
        let tls = match self.tls.as_str() {
            "required" => Tls::Required,
            "starttls" => Tls::StartTls,
            "none" => Tls::None,
            other => {
                let what = format!("`{other}` is none of required, starttls, none.");
                return Err(Fault::new("tls", what));
            }
        };
        if self.timeout_seconds == 0 || self.timeout_seconds > 60 {
            return Err(Fault::new("timeout_seconds", "Give a number of seconds from 1 to 60."));
        }
        if !self.enabled {
            return Ok(None);
        }
        let host = self.host.as_deref().map(str::trim).filter(|host| !host.is_empty());
        let host =
            host.ok_or_else(|| Fault::new("host", "Name the mail server, or set mail.enabled to false."))?;
        let is_name =
            host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        if !is_name && host.parse::<IpAddr>().is_err() {
            return Err(Fault::new("host", "Give a name or an address alone; the port is mail.port."));
        }
        if tls == Tls::None && !is_here(host) {
            let what = "Without TLS passwords and links could be read on the way: this is for a server on this \
                        computer only. Write `starttls` or `required`.";
            return Err(Fault::new("tls", what));
        }
        let from = self.from.as_deref().map(str::trim).filter(|from| !from.is_empty());
        let from = from.ok_or_else(|| Fault::new("from", "Give the address that the mails come from."))?;
        let from = Sender::parse(from).ok_or_else(|| {
            Fault::new("from", format!("`{from}` is neither an address nor `Name <address>`."))
        })?;
        let port = match (self.port, tls) {
            (0, Tls::Required) => 465,
            (0, _) => 587,
            (port, _) => port,
        };
        Ok(Some(Settings {
            host: host.to_owned(),
            port,
            tls,
            login: self.login()?,
            from,
            timeout: Duration::from_secs(u64::from(self.timeout_seconds)),
            extra_ca: authorities()?,
        }))
    }

    fn login(&self) -> Result<Option<Login>, Fault> {
        let password = match (&self.password, &self.password_file) {
            (Some(_), Some(_)) => {
                return Err(Fault::new(
                    "password_file",
                    "Give mail.password or mail.password_file, not both.",
                ));
            }
            (Some(password), None) => Some(password.reveal().to_owned()),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Fault::new("password_file", format!("Cannot read it: {error}. Name a readable file."))
                })?;
                Some(text.trim_end_matches(['\r', '\n']).to_owned())
            }
            (None, None) => None,
        };
        match (&self.username, password) {
            (None, None) => Ok(None),
            (Some(name), Some(password)) => Ok(Some(Login::new(name.clone(), password))),
            (Some(_), None) => Err(Fault::new("password", "Give the password of mail.username as well.")),
            (None, Some(_)) => Err(Fault::new("username", "Give the name that mail.password belongs to.")),
        }
    }
}

/// Whether the server is on this computer.
fn is_here(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> Given {
        Given {
            enabled: true,
            host: Some("smtp.example.org".to_owned()),
            from: Some("Sign-in <sign-in@example.org>".to_owned()),
            ..Given::default()
        }
    }

    fn fault(given: &Given) -> Option<&'static str> {
        given.resolve(|| Ok(Vec::new())).err().map(|fault| fault.key)
    }

    #[test]
    fn off_by_default_and_complete_when_on() {
        assert!(matches!(Given::default().resolve(|| Ok(Vec::new())), Ok(None)));
        let settings = given().resolve(|| Ok(Vec::new())).unwrap().unwrap();
        assert_eq!((settings.port, settings.tls), (587, Tls::StartTls));
        let tls = Given { tls: "required".to_owned(), ..given() };
        assert_eq!(tls.resolve(|| Ok(Vec::new())).unwrap().unwrap().port, 465);
        assert_eq!(fault(&Given { host: None, ..given() }), Some("host"));
        assert_eq!(fault(&Given { host: Some("smtp.example.org/x".to_owned()), ..given() }), Some("host"));
        assert_eq!(fault(&Given { from: None, ..given() }), Some("from"));
        assert_eq!(fault(&Given { from: Some("nobody".to_owned()), ..given() }), Some("from"));
        assert_eq!(fault(&Given { tls: "maybe".to_owned(), ..given() }), Some("tls"));
        assert_eq!(fault(&Given { username: Some("a".to_owned()), ..given() }), Some("password"));
        assert_eq!(
            fault(&Given { password_file: Some("/no/such/file".to_owned()), ..given() }),
            Some("password_file")
        );
        assert_eq!(fault(&Given { timeout_seconds: 0, ..given() }), Some("timeout_seconds"));
    }

    #[test]
    fn mail_in_the_clear_stays_on_this_computer() {
        for (host, is_good) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("::1", true),
            ("smtp.example.org", false),
            ("10.0.0.1", false),
        ] {
            let given = Given { tls: "none".to_owned(), host: Some(host.to_owned()), ..given() };
            assert_eq!(fault(&given), (!is_good).then_some("tls"), "{host}");
        }
    }
}
