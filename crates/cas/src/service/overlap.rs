//! Whether two patterns take an address in common.

use super::{Rest, ServicePattern, ServiceUrl};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Letter(char),
    /// Any but `/`, `?` and `#`.
    Star,
    /// Any but `#`.
    Stars,
}

impl Part {
    const fn takes(self, c: char) -> bool {
        match self {
            Self::Letter(letter) => letter == c,
            Self::Star => !matches!(c, '/' | '?' | '#'),
            Self::Stars => c != '#',
        }
    }
}

impl ServicePattern {
    /// Whether there may be an address that both take: never a wrong no. For warnings, not for decisions.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        if self.origin != other.origin {
            return false;
        }
        match (&self.rest, &other.rest) {
            (Rest::Exact(one), Rest::Exact(other)) => one == other,
            _ => meet(&self.parts(), &other.parts()),
        }
    }

    /// An address that the pattern takes, where one is found by leaving its stars out.
    #[must_use]
    pub fn example(&self) -> Option<ServiceUrl> {
        let address = ServiceUrl::parse(&self.text.replace('*', "")).ok()?;
        self.matches(&address).then_some(address)
    }

    fn parts(&self) -> Vec<Part> {
        let target = match &self.rest {
            Rest::Exact(exact) => return exact.chars().map(Part::Letter).collect(),
            Rest::Wild(_) => {
                ServiceUrl::parse(&self.text).map(|address| address.target()).unwrap_or_default()
            }
        };
        let mut parts = Vec::with_capacity(target.len());
        let mut letters = target.chars().peekable();
        while let Some(letter) = letters.next() {
            parts.push(match letter {
                '*' if letters.next_if_eq(&'*').is_some() => Part::Stars,
                '*' => Part::Star,
                letter => Part::Letter(letter),
            });
        }
        parts
    }
}

/// Whether both can be walked to their ends by the same letters. Row by row: what is reachable in the second pattern
/// for each place in the first.
fn meet(one: &[Part], other: &[Part]) -> bool {
    let mut row = vec![false; other.len() + 1];
    row[0] = true;
    for at in 0..=one.len() {
        let part = one.get(at).copied();
        let mut next = vec![false; other.len() + 1];
        for to in 0..=other.len() {
            if !row[to] {
                continue;
            }
            let against = other.get(to).copied();
            // A star may stand for nothing.
            if matches!(against, Some(Part::Star | Part::Stars)) {
                row[to + 1] = true;
            }
            if matches!(part, Some(Part::Star | Part::Stars)) {
                next[to] = true;
            }
            match (part, against) {
                (Some(Part::Letter(one)), Some(Part::Letter(other))) if one == other => next[to + 1] = true,
                (Some(Part::Letter(letter)), Some(star)) if star.takes(letter) => next[to] = true,
                (Some(star), Some(Part::Letter(letter))) if star.takes(letter) => row[to + 1] = true,
                _ => {}
            }
        }
        if at == one.len() {
            return row[other.len()];
        }
        row = next;
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn overlap(one: &str, other: &str) -> bool {
        let (one, other) = (ServicePattern::parse(one).unwrap(), ServicePattern::parse(other).unwrap());
        assert_eq!(one.overlaps(&other), other.overlaps(&one), "{one} {other}");
        one.overlaps(&other)
    }

    #[test]
    fn patterns_overlap_where_an_address_fits_both() {
        for (one, other, meets) in [
            ("https://a.example/**", "https://a.example/app/*", true),
            ("https://a.example/app/**", "https://a.example/other/**", false),
            ("https://a.example/*/x", "https://a.example/y/*", true),
            ("https://a.example/*", "https://a.example/a/b", false),
            ("https://a.example/**", "https://a.example/a/b", true),
            ("https://a.example/a", "https://a.example/a", true),
            ("https://a.example/a", "https://a.example/b", false),
            ("https://a.example/**", "http://a.example/**", false),
            ("https://a.example/**", "https://b.example/**", false),
            ("https://a.example:8443/**", "https://a.example/**", false),
            ("https://a.example/*b", "https://a.example/a*", true),
            ("https://a.example/*.html", "https://a.example/*.php", false),
        ] {
            assert_eq!(overlap(one, other), meets, "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn what_fits_both_is_never_missed(one in "[ab*/]{0,8}", other in "[ab*/]{0,8}", path in "[ab/]{0,8}") {
            let read = |rest: &str| ServicePattern::parse(&format!("https://a.example/{rest}"));
            if let (Ok(one), Ok(other)) = (read(&one), read(&other)) {
                let address = ServiceUrl::parse(&format!("https://a.example/{path}")).unwrap();
                if one.matches(&address) && other.matches(&address) {
                    prop_assert!(one.overlaps(&other) && other.overlaps(&one));
                }
            }
        }
    }
}
