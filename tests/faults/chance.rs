//! Chance that can be had again: the same seed, the same dice.

/// A small generator (splitmix64 of Steele, Lea and Flood, 2014). Not for secrets.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The dice of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice of their own for the part of this number, so that no part disturbs another's.
    pub fn part(seed: u64, number: u64) -> Self {
        Self(Self(seed ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93)).next())
    }

    /// 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below this one, which is not 0.
    pub fn below(&mut self, most: usize) -> usize {
        let most = u64::try_from(most.max(1)).unwrap_or(1);
        usize::try_from(self.next() % most).unwrap_or(0)
    }

    /// A number from the first to the second, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most.saturating_sub(least) + 1)
    }

    /// True so many times of a hundred.
    pub fn percent(&mut self, times: u64) -> bool {
        self.next() % 100 < times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dice_are_those_of_the_paper_and_come_again() {
        let mut dice = Chance::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| dice.next()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
        let mut one = Chance::part(7, 1);
        let mut again = Chance::part(7, 1);
        let mut other = Chance::part(7, 2);
        assert_eq!(one.next(), again.next());
        assert_ne!(one.next(), other.next());
        assert!((0..1000).all(|_| (3..=9).contains(&one.between(3, 9)) && other.below(4) < 4));
    }
}
