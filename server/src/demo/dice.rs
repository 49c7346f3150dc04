//! The seeded source of everything that is left to chance. Integers only: the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// One stream of chance, known by the seed and a name.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The dice of `name` under `seed`.
    #[must_use]
    pub fn new(seed: u64, name: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_be_bytes());
        hash.update(name.as_bytes());
        Self(ChaCha8Rng::from_seed(hash.finalize().into()))
    }

    /// A number from `low` to `high`, both included; `low` if the range is empty.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        if high <= low {
            return low;
        }
        let span = high.abs_diff(low).saturating_add(1);
        let drawn = self.0.next_u64() % span;
        low.saturating_add_unsigned(drawn)
    }

    /// True in `percent` of a hundred cases.
    pub fn in_hundred(&mut self, percent: i64) -> bool {
        self.between(1, 100) <= percent
    }

    /// True in `thousandths` of a thousand cases.
    pub fn in_thousand(&mut self, thousandths: i64) -> bool {
        self.between(1, 1000) <= thousandths
    }

    /// One of the things; `None` of none.
    pub fn one_of<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        let last = i64::try_from(things.len()).ok()?.checked_sub(1)?;
        let index = usize::try_from(self.between(0, last)).ok()?;
        things.get(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_name_throw_the_same_everywhere() {
        let mut dice = Dice::new(2021, "handan-2021-A02-001");
        let thrown: Vec<i64> = (0..6).map(|_| dice.between(1, 1000)).collect();
        assert_eq!(thrown, THROWN);
    }

    const THROWN: [i64; 6] = [730, 912, 198, 79, 380, 164];
}
