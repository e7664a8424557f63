//! Telling services that a session has ended (§17).
//!
//! Owns: the message's text in its two forms. Not here: whom to tell, the queue and the sending (`tickets`).

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use domain::form::percent_encode;
use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::answer::push_escaped;
use crate::{ServiceUrl, Ticket};

/// `Content-Type` of the back-channel request.
pub const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";
const PARAMETER: &str = "logoutRequest";

/// One service is told of one session that it opened.
#[derive(Debug, Clone, Copy)]
pub struct LogoutNotice<'a> {
    /// The message's id: a ticket of kind `Lr`.
    pub id: &'a Ticket,
    /// When the session ended.
    pub at: Timestamp,
    /// Who was signed in, as this service knows them.
    pub user: &'a str,
    /// The ticket with which this service's session was opened.
    pub ticket: &'a str,
}

impl LogoutNotice<'_> {
    /// The message: a `samlp:LogoutRequest`, not signed.
    #[must_use]
    pub fn xml(&self) -> String {
        let mut out = format!(
            "<samlp:LogoutRequest xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"{}\" Version=\"2.0\" \
             IssueInstant=\"{}\"><saml:NameID xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">",
            self.id.text(),
            self.at.rfc3339()
        );
        push_escaped(self.user, &mut out);
        out.push_str("</saml:NameID><samlp:SessionIndex>");
        push_escaped(self.ticket, &mut out);
        out.push_str("</samlp:SessionIndex></samlp:LogoutRequest>");
        out
    }

    /// The body of the back-channel POST.
    #[must_use]
    pub fn body(&self) -> String {
        let mut out = format!("{PARAMETER}=");
        percent_encode(&self.xml(), &mut out);
        out
    }

    /// The address that a browser loads in a frame: the message as base64 of a zlib stream, which is what the Java
    /// and pac4j clients inflate.
    #[must_use]
    pub fn front_channel(&self, address: &ServiceUrl) -> String {
        address.with(&[(PARAMETER, &STANDARD.encode(compressed(self.xml().as_bytes())))])
    }
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::{Kind, Params};

    #[test]
    fn the_message_is_that_of_the_reference() {
        let id = Ticket::new(Kind::Lr, &[6; 32]);
        let at = Timestamp::from_seconds(1_738_314_900);
        let notice = LogoutNotice { id: &id, at, user: "ada & \"co\"", ticket: "ST-abc" };
        let xml = notice.xml();
        assert_eq!(
            xml,
            format!(
                "<samlp:LogoutRequest xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"{}\" Version=\"2.0\" IssueInstant=\"2025-01-31T09:15:00Z\"><saml:NameID xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">ada &amp; &quot;co&quot;</saml:NameID><samlp:SessionIndex>ST-abc</samlp:SessionIndex></samlp:LogoutRequest>",
                id.text()
            )
        );
        let body = Params::parse(notice.body().as_bytes()).unwrap();
        assert_eq!(body.get("logoutRequest"), Some(xml.as_str()));

        let service = ServiceUrl::parse("https://a.example/out?x=1").unwrap();
        let address = notice.front_channel(&service);
        let query = Params::parse(address.split_once('?').unwrap().1.as_bytes()).unwrap();
        assert_eq!(query.get("x"), Some("1"));
        let packed = STANDARD.decode(query.get("logoutRequest").unwrap()).unwrap();
        let mut inflated = String::new();
        flate2::read::ZlibDecoder::new(&packed[..]).read_to_string(&mut inflated).unwrap();
        assert_eq!(inflated, xml);
        // The Java client has room for ten times what it gets.
        assert!(xml.len() < packed.len() * 10);
    }
}
