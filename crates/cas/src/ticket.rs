//! Tickets: texts that say what they are and are good for whoever has them (§18.1).
//!
//! Owns: their form. Not here: their randomness (handed in), what they stand for and how long they live
//! (`tickets`).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::SecretHash;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Random bytes of a ticket.
pub const RANDOM: usize = 32;
/// Characters after the prefix.
const BODY: usize = 43;

/// What a ticket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A service ticket: one sign-in at one service.
    St,
    /// A proxy ticket: the same, had through another service.
    Pt,
    /// A proxy-granting ticket: a service's right to proxy tickets.
    Pgt,
    /// The "I owe you" that tells a service which proxy-granting ticket belongs to which validation.
    PgtIou,
    /// A ticket-granting ticket: the handle of a session at the REST interface.
    Tgt,
    /// The id of a logout request; no secret.
    Lr,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::St, Self::Pt, Self::Pgt, Self::PgtIou, Self::Tgt, Self::Lr];

    /// What its texts begin with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::St => "ST-",
            Self::Pt => "PT-",
            Self::Pgt => "PGT-",
            Self::PgtIou => "PGTIOU-",
            Self::Tgt => "TGT-",
            Self::Lr => "LR-",
        }
    }

    /// The kind that a text claims to be.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| text.starts_with(kind.prefix()))
    }
}

/// A ticket's text. Wiped when dropped; never printed.
#[derive(Clone)]
pub struct Ticket {
    kind: Kind,
    text: Zeroizing<String>,
}

impl Ticket {
    /// Makes one from fresh random bytes. As in CAS the text is base64url with `_` turned into `-`; no sequence
    /// number and no host name stand in it.
    #[must_use]
    pub fn new(kind: Kind, random: &[u8; RANDOM]) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(kind.prefix().len() + BODY));
        text.push_str(kind.prefix());
        let body = Zeroizing::new(URL_SAFE_NO_PAD.encode(random));
        text.extend(body.chars().map(|c| if c == '_' { '-' } else { c }));
        Self { kind, text }
    }

    /// Reads a text that may be a ticket of ours of this kind.
    #[must_use]
    pub fn read(kind: Kind, text: &str) -> Option<Self> {
        let body = text.strip_prefix(kind.prefix())?;
        let is_ours = body.len() == BODY && body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        is_ours.then(|| Self { kind, text: Zeroizing::new(text.to_owned()) })
    }

    /// Reads a text that may be a ticket of ours, whatever its kind.
    #[must_use]
    pub fn read_any(text: &str) -> Option<Self> {
        Self::read(Kind::of(text)?, text)
    }

    /// What it is for.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The text itself: for its owner alone.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is kept of it: SHA-256 of the whole text.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.text.as_bytes()).into())
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.kind.prefix())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_ticket_survives_its_text_and_is_of_one_kind(random: [u8; RANDOM], at in 0..Kind::ALL.len()) {
            let kind = Kind::ALL[at];
            let ticket = Ticket::new(kind, &random);
            prop_assert!(ticket.text().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
            prop_assert!((32..=256).contains(&ticket.text().len()));
            for other in Kind::ALL {
                let read = Ticket::read(other, ticket.text());
                prop_assert_eq!(read.is_some(), other == kind);
                prop_assert!(read.is_none_or(|read| read.hash() == ticket.hash()));
            }
            let read = Ticket::read_any(ticket.text()).map(|read| read.kind());
            prop_assert_eq!(read, Some(kind));
        }

        #[test]
        fn only_texts_of_that_form_are_read(text in "\\PC{0,80}") {
            if let Some(ticket) = Ticket::read(Kind::St, &text) {
                prop_assert!(ticket.text().len() == 46 && ticket.text().starts_with("ST-"));
            }
        }
    }

    #[test]
    fn lengths_and_characters_are_checked() {
        let good = Ticket::new(Kind::Pgt, &[255; RANDOM]);
        assert_eq!(good.text().len(), 47);
        assert!(!good.text().contains('_'));
        for bad in [
            "",
            "ST-",
            "ST-1-abc-cas01",
            &format!("{}x", good.text()),
            &good.text()[..46],
            &good.text().replace('-', "_"),
        ] {
            assert!(Ticket::read(Kind::Pgt, bad).is_none(), "{bad}");
        }
        assert!(Ticket::read(Kind::Pgt, &format!("PGT-{}", "ä".repeat(21) + "x")).is_none());
    }

    #[test]
    fn a_ticket_is_not_printed() {
        let ticket = Ticket::new(Kind::Tgt, &[7; RANDOM]);
        assert_eq!(format!("{ticket:?}"), "TGT-…");
    }
}
