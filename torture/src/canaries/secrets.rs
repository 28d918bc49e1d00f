//! What must be found nowhere.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use billfold_test_support::{Canary, CanarySearch};
use rand::RngExt as _;

/// From how many bytes on a secret is looked for by its halves, so that one that was cut short is found too.
const LONG: usize = 32;

/// What API keys begin with, and how many characters of one are random.
const API_KEY_PREFIX: &str = "bfk_";
const RANDOM_DIGITS: usize = 43;

/// The secrets of a run.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    canaries: Vec<Canary>,
    number: usize,
}

impl Secrets {
    /// Looks for a secret from now on.
    pub(crate) fn add(&mut self, name: &str, secret: impl AsRef<[u8]>) {
        let secret = secret.as_ref();
        self.number += 1;
        if secret.len() >= LONG {
            self.canaries.extend(Canary::halves(name, secret));
        } else {
            self.canaries.push(Canary::new(name, secret));
        }
    }

    /// Looks for a text that may be written in several ways.
    pub(crate) fn add_any(&mut self, name: &str, spellings: impl IntoIterator<Item = String>) {
        self.number += 1;
        let spelled = spellings.into_iter().map(|spelling| Canary::new(name, spelling));
        self.canaries.extend(spelled);
    }

    /// Looks for a token, by what makes it one: its signature.
    pub(crate) fn add_token(&mut self, name: &str, token: &str) {
        let signature = token.rsplit('.').next().unwrap_or(token);
        self.add(name, signature);
    }

    /// Looks for an API key: its random part as it is written, and its bits.
    pub(crate) fn add_api_key(&mut self, name: &str, key: &str) {
        let rest = key.strip_prefix(API_KEY_PREFIX).unwrap_or(key);
        let random = rest.get(..RANDOM_DIGITS).unwrap_or(rest);
        self.add(name, random);
        self.add(&format!("{name}, its bits"), bits(random));
    }

    /// Looks for a master key: its line's second part, and its bits.
    pub(crate) fn add_master_key(&mut self, name: &str, line: &str) {
        let encoded = line.split_once(':').map_or(line, |(_, encoded)| encoded);
        self.add(name, encoded);
        if let Ok(bits) = STANDARD.decode(encoded) {
            self.add(&format!("{name}, its bits"), bits);
        }
    }

    /// How many secrets there are.
    pub(crate) const fn number(&self) -> usize {
        self.number
    }

    /// A search for all of them.
    pub(crate) fn search(&self) -> CanarySearch {
        CanarySearch::new(self.canaries.clone())
    }
}

/// Random text that nothing else has: 32 characters.
pub(crate) fn random_text() -> String {
    hex::encode(random_bytes::<16>())
}

/// A master key's line.
pub(crate) fn master_key(name: &str) -> String {
    format!("{name}:{}", STANDARD.encode(random_bytes::<32>()))
}

fn random_bytes<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut chance = rand::rng();
    std::array::from_fn(|_| chance.random())
}

/// The number that is written in base 62 (digits, capitals, small letters), the most significant byte first.
fn bits(digits: &str) -> [u8; 32] {
    let mut number = [0_u8; 32];
    for digit in digits.bytes() {
        let mut carry = u16::from(match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'Z' => digit - b'A' + 10,
            _ => digit.wrapping_sub(b'a').wrapping_add(36),
        });
        for byte in number.iter_mut().rev() {
            let part = u16::from(*byte) * 62 + carry;
            [_, *byte] = part.to_be_bytes();
            carry = part >> 8;
        }
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_keys_bits_are_read() {
        assert_eq!(bits("0000010"), {
            let mut number = [0; 32];
            number[31] = 62;
            number
        });
        assert_eq!(
            bits("Zz")[30..],
            [
                (35_u16 * 62 + 61).to_be_bytes()[0],
                (35_u16 * 62 + 61).to_be_bytes()[1]
            ]
        );
    }

    #[test]
    fn a_secret_is_found_whole_and_in_half() {
        let mut secrets = Secrets::default();
        let (key, master_key) = (format!("bfk_{}123456", "k".repeat(43)), master_key("new"));
        secrets.add_api_key("key", &key);
        secrets.add_master_key("master", &master_key);
        secrets.add_token("token", &format!("eyJ.eyJ.{}", "s".repeat(86)));
        assert_eq!(secrets.number(), 5);
        let search = secrets.search();
        for text in [
            key.as_str(),
            &master_key,
            &master_key[..30],
            "ssssssssssssssssssssssssssssssssssssssssssss",
        ] {
            assert!(!search.find(text.as_bytes()).is_empty(), "{text}");
        }
        assert!(search.find(b"eyJ.eyJ.signature").is_empty());
    }
}
