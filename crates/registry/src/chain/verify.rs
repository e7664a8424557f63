//! Checking the seals of the audit trail.
//!
//! Owns: what counts as broken, and where. The whole trail is read, in pages.

use app::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::audit::chain::{AuditBlock, KeptEntry, Link, NO_HEAD, Tampering, first_difference};
use domain::{AuditEvent, AuditFilter};
use jose::VerifyingKey;
use store::View;

use super::{Claims, READ, signed};
use crate::Registry;

/// Blocks read at once.
const BLOCKS: u32 = 50;

/// Where the trail is not what was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// An entry.
    Entry {
        /// Its number.
        number: i64,
        /// What happened to it.
        what: Tampering,
    },
    /// A block's seal.
    Block {
        /// Its number.
        block: i64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The head that the caller kept is not that of the chain.
    Expected {
        /// Its block.
        block: i64,
    },
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Entry { number, what } => {
                write!(f, "entry {number} was {} after it was sealed", what.as_str())
            }
            Self::Block { block, why } => write!(f, "block {block}: {why}"),
            Self::Expected { block } => {
                write!(f, "block {block}: its head is another than the one that was kept elsewhere")
            }
        }
    }
}

/// Where the chain goes on from a head whose key was taken out of use: what is before is vouched for by the chain
/// after it, but nobody vouched for that head at the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// The first block after it.
    pub block: i64,
    /// The first entry of that block.
    pub first: i64,
    /// The key of the head before.
    pub kid: String,
}

/// A head that was kept elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The number of its block.
    pub block: i64,
    /// The head.
    pub head: [u8; 32],
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Blocks checked.
    pub blocks: u64,
    /// Entries in them.
    pub entries: u64,
    /// The number of the last sealed entry.
    pub sealed_to: i64,
    /// Entries that are not sealed yet, counted up to 5,000.
    pub waiting: u64,
    /// The newest block.
    pub head: Option<AuditBlock>,
    /// Where keys were taken out of use by hand.
    pub breaks: Vec<Break>,
    /// The first thing that is not as it was sealed.
    pub broken: Option<Broken>,
}

/// Entries read ahead.
struct Reader {
    ahead: std::collections::VecDeque<KeptEntry>,
    after: i64,
    is_done: bool,
}

impl Reader {
    const fn from(after: i64) -> Self {
        Self { ahead: std::collections::VecDeque::new(), after, is_done: false }
    }

    /// The next entry with a number up to `last`.
    async fn next(&mut self, view: &mut dyn View, last: i64) -> Result<Option<KeptEntry>, Refusal> {
        if self.ahead.is_empty() && !self.is_done {
            self.ahead = view.kept_audit(self.after, READ).await?.into();
            self.is_done = self.ahead.len() < READ as usize;
            self.after = self.ahead.back().map_or(self.after, |entry| entry.number);
        }
        Ok(if self.ahead.front().is_some_and(|entry| entry.number <= last) {
            self.ahead.pop_front()
        } else {
            None
        })
    }
}

impl Registry {
    /// Checks the chain from the block on that holds the entry `from`, to its end or to the first thing that is
    /// not as it was sealed; against a head that was kept elsewhere, if one is given.
    ///
    /// # Errors
    /// The store.
    pub async fn verify_audit(&self, from: i64, expected: Option<Expected>) -> Result<Verified, Refusal> {
        let mut view = self.app.store().read().await?;
        let mut found = Verified::default();
        let (mut before, mut number, mut kid) = (NO_HEAD, 0, String::new());
        let mut entries: Option<Reader> = None;
        loop {
            let blocks = view.audit_blocks(number, BLOCKS).await?;
            if blocks.is_empty() {
                break;
            }
            for block in blocks {
                if block.block != number + 1 {
                    return Ok(
                        found.broken(Broken::Block { block: number + 1, why: "is not there any more" })
                    );
                }
                number = block.block;
                if block.last >= from {
                    let reader = entries.get_or_insert_with(|| Reader::from(found.sealed_to));
                    if let Some(broken) =
                        self.check_block(&mut *view, reader, &block, &before, &kid, &mut found).await?
                    {
                        return Ok(found.broken(broken));
                    }
                }
                if expected.is_some_and(|kept| kept.block == number && kept.head != block.head) {
                    return Ok(found.broken(Broken::Expected { block: number }));
                }
                (before, kid) = (block.head, block.kid.clone());
                found.sealed_to = block.last;
                found.head = Some(block);
            }
        }
        if let Some(kept) = expected.filter(|kept| kept.block > number) {
            return Ok(found.broken(Broken::Expected { block: kept.block }));
        }
        // The chain vouches for all before its newest head, and that head is vouched for by a key that is ours: who
        // writes to the tables alone can make neither.
        if let Some(head) = &found.head
            && !self.is_vouched(head)
        {
            let why = "its head is signed by no key of this installation";
            return Ok(found.broken(Broken::Block { block: number, why }));
        }
        for at in found.breaks.clone() {
            if !self.was_retired(&mut *view, &at.kid).await? {
                let why = "goes on from a head that no key of this installation had signed";
                return Ok(found.broken(Broken::Block { block: at.block, why }));
            }
        }
        found.waiting = view.kept_audit(found.sealed_to, READ).await?.len() as u64;
        Ok(found)
    }

    async fn check_block(
        &self,
        view: &mut dyn View,
        reader: &mut Reader,
        block: &AuditBlock,
        before: &[u8; 32],
        kid_before: &str,
        found: &mut Verified,
    ) -> Result<Option<Broken>, Refusal> {
        let wrong = |why| Ok(Some(Broken::Block { block: block.block, why }));
        let mut link = Link::after(before, block.block, &block.kid);
        while let Some(entry) = reader.next(view, block.last).await? {
            link.take(&entry);
        }
        let Some(linked) = link.close() else {
            return Ok(Some(Broken::Entry { number: block.first, what: Tampering::Removed }));
        };
        if linked.head != block.head {
            return match first_difference(&block.marks, &linked.marks) {
                Some((number, what)) => Ok(Some(Broken::Entry { number, what })),
                None => wrong("its head is not that of its entries"),
            };
        }
        let key = serde_json::from_str(&block.public_key)
            .ok()
            .and_then(|jwk| VerifyingKey::from_public_jwk(&jwk).ok());
        let Some(key) = key.filter(|key| key.kid() == block.kid) else {
            return wrong("its key is not the one it names");
        };
        let Some(claims) = signed(block, &key) else { return wrong("its signature is not that of its key") };
        let issuer = self.app.issuer().as_str();
        let meant =
            Claims { iat: claims.iat, ..Claims::of(issuer, &linked, block.block, before, claims.breaks) };
        // An installation that moved to another issuer sealed what is before under its old name.
        if meant != (Claims { iss: issuer.to_owned(), ..claims.clone() }) {
            return wrong("its signature is over something else");
        }
        if (block.first, block.last, block.entries) != (linked.first, linked.last, linked.entries) {
            return wrong("it does not say what it holds");
        }
        if claims.breaks {
            found.breaks.push(Break { block: block.block, first: block.first, kid: kid_before.to_owned() });
        }
        found.blocks += 1;
        found.entries += u64::from(linked.entries);
        Ok(None)
    }

    /// Whether the trail says that this key was taken out of use by hand.
    async fn was_retired(&self, view: &mut dyn View, kid: &str) -> Result<bool, Refusal> {
        let filter = AuditFilter {
            events: vec![AuditEvent::KeyRetired],
            text: Some(kid.to_owned()),
            ..AuditFilter::default()
        };
        Ok(!kid.is_empty() && !view.audit_trail(&filter, 0, 1).await?.is_empty())
    }
}

impl Verified {
    fn broken(mut self, broken: Broken) -> Self {
        self.broken = Some(broken);
        self
    }

    /// The newest head, as it is kept elsewhere: `<block>:<base64url>`.
    #[must_use]
    pub fn head_text(&self) -> Option<String> {
        self.head.as_ref().map(|head| format!("{}:{}", head.block, URL_SAFE_NO_PAD.encode(head.head)))
    }
}

impl std::str::FromStr for Expected {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WHY: &str = "is no head: <block>:<base64url>, as `audit verify` prints it";
        let (block, head) = text.split_once(':').ok_or(WHY)?;
        let head = URL_SAFE_NO_PAD.decode(head).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(WHY)?;
        Ok(Self { block: block.parse().map_err(|_| WHY)?, head })
    }
}
