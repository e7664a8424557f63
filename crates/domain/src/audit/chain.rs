//! The chain over the audit trail (SEC-186): who changes, removes, inserts or reorders a sealed entry breaks it.
//!
//! Owns: the canonical bytes of an entry, the head of a block, and where a block was changed. Not here: signatures
//! (`registry::chain`), keeping (`store::audit`).
//!
//! ```text
//! digest(entry) = SHA-256(number ‖ at ‖ ten words, each with its length)
//! head(n)       = SHA-256("latchbolt-audit-v1" ‖ head(n-1) ‖ n ‖ kid ‖ digest of each entry in number order)
//! ```

use sha2::{Digest as _, Sha256};

use crate::Timestamp;

/// What a chain begins with.
pub const NO_HEAD: [u8; 32] = [0; 32];

/// Bytes of a mark: the number and the first eight bytes of the digest.
const MARK: usize = 16;

/// An entry exactly as it is kept, whatever it says: one that was changed by hand may be no entry any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptEntry {
    /// Its number.
    pub number: i64,
    /// Milliseconds since 1970.
    pub at: i64,
    /// Event, outcome, actor, account, device, client, session, address, other address, detail.
    pub words: [Option<String>; 10],
}

impl KeptEntry {
    /// Of all that it says: no two entries have the same bytes.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.number.to_be_bytes());
        hash.update(self.at.to_be_bytes());
        for word in &self.words {
            match word {
                None => hash.update([0]),
                Some(word) => {
                    hash.update([1]);
                    hash.update((word.len() as u64).to_be_bytes());
                    hash.update(word);
                }
            }
        }
        hash.finalize().into()
    }
}

/// A sealed block of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditBlock {
    /// From 1, without gaps.
    pub block: i64,
    /// The number of its first entry.
    pub first: i64,
    /// The number of its last entry.
    pub last: i64,
    /// How many entries.
    pub entries: u32,
    /// When it was sealed.
    pub sealed_at: Timestamp,
    /// The chain's head after it.
    pub head: [u8; 32],
    /// `kid` of the key that signed the head.
    pub kid: String,
    /// The public JWK of that key: it leaves the JWKS long before the block does.
    pub public_key: String,
    /// Compact JWS over the block's claims.
    pub signature: String,
    /// Number and beginning of the digest of each entry: says which one was changed. Proves nothing by itself.
    pub marks: Vec<u8>,
}

/// A block while its entries come in.
#[derive(Debug)]
pub struct Link {
    hash: Sha256,
    marks: Vec<u8>,
    first: Option<i64>,
    last: i64,
    entries: u32,
}

/// A block whose entries are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// The number of the first entry.
    pub first: i64,
    /// The number of the last entry.
    pub last: i64,
    /// How many.
    pub entries: u32,
    /// The chain's head after it.
    pub head: [u8; 32],
    /// See [`AuditBlock::marks`].
    pub marks: Vec<u8>,
}

impl Link {
    /// Begins the block after `before`, to be signed with the key of this `kid`.
    #[must_use]
    pub fn after(before: &[u8; 32], block: i64, kid: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"latchbolt-audit-v1");
        hash.update(before);
        hash.update(block.to_be_bytes());
        hash.update((kid.len() as u64).to_be_bytes());
        hash.update(kid);
        Self { hash, marks: Vec::new(), first: None, last: 0, entries: 0 }
    }

    /// Takes the next entry.
    pub fn take(&mut self, entry: &KeptEntry) {
        let digest = entry.digest();
        self.hash.update(digest);
        self.marks.extend_from_slice(&entry.number.to_be_bytes());
        self.marks.extend_from_slice(&digest[..8]);
        self.first.get_or_insert(entry.number);
        self.last = entry.number;
        self.entries += 1;
    }

    /// The block; none when it has no entries.
    #[must_use]
    pub fn close(self) -> Option<Linked> {
        let Self { hash, marks, first, last, entries } = self;
        first.map(|first| Linked { first, last, entries, head: hash.finalize().into(), marks })
    }
}

/// What happened to an entry after it was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tampering {
    /// It says something else.
    Changed,
    /// It is not there any more.
    Removed,
    /// It was not there.
    Added,
}

impl Tampering {
    /// The word shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Added => "added",
        }
    }
}

/// The first entry in which the marks kept and the marks made now differ; none when they agree.
#[must_use]
pub fn first_difference(kept: &[u8], now: &[u8]) -> Option<(i64, Tampering)> {
    let (mut kept, mut now) = (kept.chunks_exact(MARK), now.chunks_exact(MARK));
    loop {
        let difference = match (kept.next(), now.next()) {
            (None, None) => return None,
            (Some(kept), Some(now)) if kept == now => continue,
            (Some(kept), None) => (number(kept), Tampering::Removed),
            (None, Some(now)) => (number(now), Tampering::Added),
            (Some(kept), Some(now)) => match number(kept).cmp(&number(now)) {
                std::cmp::Ordering::Equal => (number(now), Tampering::Changed),
                std::cmp::Ordering::Less => (number(kept), Tampering::Removed),
                std::cmp::Ordering::Greater => (number(now), Tampering::Added),
            },
        };
        return Some(difference);
    }
}

fn number(mark: &[u8]) -> i64 {
    mark.first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: i64, detail: Option<&str>) -> KeptEntry {
        let mut words: [Option<String>; 10] = Default::default();
        words[0] = Some("key.created".to_owned());
        words[9] = detail.map(str::to_owned);
        KeptEntry { number, at: 1000 + number, words }
    }

    fn linked(entries: &[KeptEntry]) -> Linked {
        let mut link = Link::after(&NO_HEAD, 1, "k1");
        entries.iter().for_each(|entry| link.take(entry));
        link.close().unwrap()
    }

    #[test]
    fn no_two_entries_have_the_same_digest() {
        let mut seen = std::collections::HashSet::new();
        assert!(seen.insert(entry(1, None).digest()));
        assert!(seen.insert(entry(1, Some("")).digest()));
        assert!(seen.insert(entry(2, None).digest()));
        for place in 1..10 {
            let mut moved = entry(1, None);
            moved.words[place] = Some("x".to_owned());
            assert!(seen.insert(moved.digest()), "{place}");
        }
        // What stands at the end of one word does not stand at the beginning of the next.
        let mut pair = entry(1, Some("c"));
        pair.words[8] = Some("ab".to_owned());
        let mut other = entry(1, Some("bc"));
        other.words[8] = Some("a".to_owned());
        assert_ne!(pair.digest(), other.digest());
    }

    #[test]
    fn sec_186_each_change_is_found_where_it_was_made() {
        let whole: Vec<_> = [1, 2, 4, 7].into_iter().map(|number| entry(number, Some("a"))).collect();
        let kept = linked(&whole);
        assert_eq!((kept.first, kept.last, kept.entries), (1, 7, 4));
        assert_eq!(first_difference(&kept.marks, &linked(&whole).marks), None);
        let check = |entries: &[KeptEntry], found| {
            let now = linked(entries);
            assert_ne!(now.head, kept.head);
            assert_eq!(first_difference(&kept.marks, &now.marks), Some(found));
        };
        let mut edited = whole.clone();
        edited[2] = entry(4, Some("b"));
        check(&edited, (4, Tampering::Changed));
        let mut shorter = whole.clone();
        shorter.remove(1);
        check(&shorter, (2, Tampering::Removed));
        let mut longer = whole.clone();
        longer.insert(2, entry(3, Some("a")));
        check(&longer, (3, Tampering::Added));
        let mut turned = whole.clone();
        turned[0].words[9] = Some("b".to_owned());
        turned[1].words[9] = Some("c".to_owned());
        check(&turned, (1, Tampering::Changed));
        check(&whole[..3], (7, Tampering::Removed));
    }

    #[test]
    fn a_head_names_its_place_and_its_key() {
        let head = |before: &[u8; 32], block, kid| {
            let mut link = Link::after(before, block, kid);
            link.take(&entry(1, None));
            link.close().unwrap().head
        };
        let one = head(&NO_HEAD, 1, "k1");
        assert_ne!(one, head(&[1; 32], 1, "k1"));
        assert_ne!(one, head(&NO_HEAD, 2, "k1"));
        assert_ne!(one, head(&NO_HEAD, 1, "k2"));
        assert!(Link::after(&NO_HEAD, 1, "k1").close().is_none());
    }
}
