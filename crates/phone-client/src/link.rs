//! The two links a phone reads: a sign-in code and an enrolment link.
//!
//! Owns: taking them apart and refusing foreign ones (SEC-059). What is secret or opaque sits in the
//! fragment, so it is never sent by opening the link.

use url::Url;

use crate::error::{PhoneError, Result};

/// What a sign-in QR holds: `<issuer>/s#1<channel id>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInLink {
    /// Which service.
    pub issuer: String,
    /// The channel id: 22 characters of base64url.
    pub channel: String,
}

/// What an enrolment link holds: `<issuer>/phone#e1<token>`.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentLink {
    /// Which service.
    pub issuer: String,
    /// The single-use token.
    pub token: String,
}

impl std::fmt::Debug for EnrolmentLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EnrolmentLink({})", self.issuer)
    }
}

impl SignInLink {
    /// Takes the text of a QR apart.
    ///
    /// # Errors
    /// It is no sign-in code.
    pub fn parse(text: &str) -> Result<Self> {
        let (before, fragment) = split(text, "/s").map_err(PhoneError::NotASignInCode)?;
        let channel = fragment
            .strip_prefix(qr::wire::QR_VERSION)
            .ok_or(PhoneError::NotASignInCode("it is of a kind this program does not know"))?;
        if !qr::wire::is_channel_id(channel) {
            return Err(PhoneError::NotASignInCode("its id is malformed"));
        }
        Ok(Self { issuer: before, channel: channel.to_owned() })
    }

    /// Takes the text of a QR apart and refuses it unless it leads to `own`, the issuer this phone is
    /// enrolled at.
    ///
    /// # Errors
    /// It is no sign-in code, or another service's.
    pub fn parse_for(text: &str, own: &str) -> Result<Self> {
        let link = Self::parse(text)?;
        if link.issuer != own {
            return Err(PhoneError::ForeignCode { own: own.to_owned(), found: link.issuer });
        }
        Ok(link)
    }
}

impl EnrolmentLink {
    /// Takes an enrolment link apart.
    ///
    /// # Errors
    /// It is no enrolment link.
    pub fn parse(text: &str) -> Result<Self> {
        let (before, fragment) = split(text, "/phone").map_err(PhoneError::NotASignInCode)?;
        let token =
            fragment.strip_prefix("e1").ok_or(PhoneError::NotASignInCode("it is no enrolment link"))?;
        if token.len() < 22 || token.len() > 86 || !is_base64url(token) {
            return Err(PhoneError::NotASignInCode("its token is malformed"));
        }
        Ok(Self { issuer: before, token: token.to_owned() })
    }
}

fn is_base64url(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Issuer and fragment of `<issuer><path>#<fragment>`; nothing else may be in it.
fn split<'a>(text: &'a str, path: &str) -> Result<(String, &'a str), &'static str> {
    let text = text.trim();
    if text.len() > qr::wire::MAX_QR_TEXT {
        return Err("it is too long");
    }
    let (address, fragment) = text.split_once('#').ok_or("it holds no id")?;
    let url = Url::parse(address).map_err(|_| "it is no address")?;
    if url.query().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("it holds more than it should");
    }
    let issuer = issuer_of(&url).ok_or("it is neither https nor on this computer")?;
    let issuer = issuer.strip_suffix(path).ok_or("it leads somewhere else")?;
    Ok((issuer.to_owned(), fragment))
}

/// The issuer of a base address: https, or http on loopback; without a trailing slash. `None` when it is
/// neither.
pub(crate) fn issuer_of(url: &Url) -> Option<String> {
    let fits = match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_loopback(url),
        _ => false,
    };
    fits.then(|| url.as_str().trim_end_matches('/').to_owned())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "https://id.example";
    const ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn a_sign_in_code_of_the_own_service_is_read() {
        let link = SignInLink::parse_for(&format!("{OWN}/s#1{ID}"), OWN).unwrap();
        assert_eq!((link.issuer.as_str(), link.channel.as_str()), (OWN, ID));
        let local = SignInLink::parse(&format!("http://localhost:8400/s#1{ID}")).unwrap();
        assert_eq!(local.issuer, "http://localhost:8400");
    }

    #[test]
    fn sec_059_anything_else_in_the_code_is_refused() {
        for bad in [
            format!("{OWN}/s"),
            format!("{OWN}/s#2{ID}"),
            format!("{OWN}/s#1short"),
            format!("{OWN}/s?x=1#1{ID}"),
            format!("https://user@id.example/s#1{ID}"),
            format!("{OWN}/login#1{ID}"),
            format!("http://id.example/s#1{ID}"),
            format!("{OWN}/s#1{ID}.."),
            format!("javascript:alert(1)#1{ID}"),
            format!("{OWN}/s#1{}", "A".repeat(300)),
        ] {
            assert!(SignInLink::parse(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sec_032_a_code_of_another_service_is_refused() {
        for foreign in [
            format!("https://id.example.evil.test/s#1{ID}"),
            format!("https://evilid.example/s#1{ID}"),
            format!("https://id.example:8443/s#1{ID}"),
            format!("https://id.example/tenant/s#1{ID}"),
        ] {
            assert!(
                matches!(SignInLink::parse_for(&foreign, OWN), Err(PhoneError::ForeignCode { .. })),
                "{foreign}"
            );
        }
    }

    #[test]
    fn an_enrolment_link_is_read_and_its_token_not_shown() {
        let link = EnrolmentLink::parse(&format!("{OWN}/phone#e1{ID}")).unwrap();
        assert_eq!(link.token, ID);
        assert!(!format!("{link:?}").contains(ID));
        assert!(EnrolmentLink::parse(&format!("{OWN}/phone#1{ID}")).is_err());
    }
}
