//! Proofs, joined.

use domain::Proof;

/// `proofs` and a new one: the newest last, one of each kind, so that a session that is renewed for a year
/// holds a handful.
#[must_use]
pub fn with_proof(proofs: &[Proof], new: Proof) -> Vec<Proof> {
    let mut all: Vec<Proof> = proofs
        .iter()
        .copied()
        .filter(|old| (old.method, old.known_browser) != (new.method, new.known_browser))
        .collect();
    all.push(new);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Method, Timestamp};

    #[test]
    fn the_newest_of_each_kind_is_kept_last() {
        let at =
            |method, seconds| Proof { method, at: Timestamp::from_seconds(seconds), known_browser: false };
        let joined = with_proof(&[at(Method::Password, 1), at(Method::Passkey, 2)], at(Method::Password, 3));
        assert_eq!(joined, [at(Method::Passkey, 2), at(Method::Password, 3)]);
    }
}
