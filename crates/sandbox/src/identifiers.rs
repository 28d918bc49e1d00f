//! The source of ids, secrets and chance.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Makes ids in the form of Stripe's. With a seed, two sandboxes that get the same requests make the same ids.
#[derive(Debug)]
pub(crate) struct Identifiers {
    random: StdRng,
}

impl Identifiers {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let random = seed.map_or_else(|| StdRng::from_rng(&mut rand::rng()), StdRng::seed_from_u64);
        Self { random }
    }

    /// `length` characters of letters and digits.
    pub(crate) fn text(&mut self, length: usize) -> String {
        (0..length)
            .map(|_| char::from(ALPHABET[self.random.random_range(0..ALPHABET.len())]))
            .collect()
    }

    /// A long id, such as a payment method's: the prefix, `1` and 23 characters.
    pub(crate) fn long(&mut self, prefix: &str) -> String {
        format!("{prefix}_1{}", self.text(23))
    }

    /// A short id, such as a customer's: the prefix and 14 characters.
    pub(crate) fn short(&mut self, prefix: &str) -> String {
        format!("{prefix}_{}", self.text(14))
    }

    /// True with the given probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        probability >= 1.0 || self.random.random_range(0.0..1.0) < probability
    }
}

/// `length` (at most 32) letters and digits that depend on `parts` only.
pub(crate) fn derived(length: usize, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize()
        .iter()
        .take(length)
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}
