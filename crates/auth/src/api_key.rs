//! API keys: static credentials of a tenant's backend, for those that have no issuer of tokens.
//!
//! A key is `bfk_`, 256 random bits in base 62 (43 characters) and a checksum (6): 53 characters. The checksum is the
//! CRC-32 of all characters before it, in base 62. It proves nothing; it tells a key from a text that merely looks like
//! one, so that a scanner for leaked secrets raises no false alarm and a mistyped key is refused without a look at the
//! database. A key says nothing of its project, which only its row knows.

use std::fmt;

use aws_lc_rs::{hmac, rand};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use billfold_domain::ApiKeyHash;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};

use crate::base62;

const RANDOM_BYTES: usize = 32;
const RANDOM_DIGITS: usize = 43;
const CHECKSUM_DIGITS: usize = 6;

/// A well-formed API key. It does not print, and is wiped when it is dropped.
pub struct ApiKey {
    random: SecretBox<[u8; RANDOM_BYTES]>,
}

/// Why a text is no API key. Names a rule, never a character of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyError {
    /// It does not begin as keys do.
    #[error("it does not begin with {}", ApiKey::PREFIX)]
    Prefix,
    /// It has too few or too many characters.
    #[error("it does not have {} characters", ApiKey::LENGTH)]
    Length,
    /// Its checksum is another text's: it was mistyped, cut or made up.
    #[error("its checksum is wrong")]
    Checksum,
    /// A character is no digit of base 62, or the number is larger than 256 bits can be.
    #[error("it is no number of 256 bits in base 62")]
    Number,
}

/// The machine gives no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random numbers")]
pub struct NoRandomness;

impl ApiKey {
    /// What every key begins with.
    pub const PREFIX: &str = "bfk_";
    /// How many characters every key has.
    pub const LENGTH: usize = Self::PREFIX.len() + RANDOM_DIGITS + CHECKSUM_DIGITS;

    /// A new key, from the operating system's randomness.
    pub fn generate() -> Result<Self, NoRandomness> {
        Ok(Self::from_random(random()?))
    }

    /// The key of these bits, which nobody may be able to guess.
    pub fn from_random(random: [u8; RANDOM_BYTES]) -> Self {
        Self {
            random: SecretBox::new(Box::new(random)),
        }
    }

    /// Whether a text is meant for a key, good or not: no token begins like one.
    pub fn is_meant_by(text: &str) -> bool {
        text.starts_with(Self::PREFIX)
    }

    /// Reads a key. Each key has one spelling.
    ///
    /// That a wrong text is refused sooner or later tells only what this file tells anyone; which keys are good is decided
    /// by the keyed hash, of which a caller knows no bit.
    pub fn parse(text: &str) -> Result<Self, ApiKeyError> {
        if !Self::is_meant_by(text) {
            return Err(ApiKeyError::Prefix);
        }
        if text.len() != Self::LENGTH {
            return Err(ApiKeyError::Length);
        }
        let (checked, digits) = text.as_bytes().split_at(Self::LENGTH - CHECKSUM_DIGITS);
        if digits != checksum(checked) {
            return Err(ApiKeyError::Checksum);
        }
        let random = base62::decode(&checked[Self::PREFIX.len()..]).ok_or(ApiKeyError::Number)?;
        Ok(Self::from_random(random))
    }

    /// The key as its holder writes it: to be shown once, to whoever made it.
    pub fn expose(&self) -> SecretString {
        let digits: [u8; RANDOM_DIGITS] = base62::encode(*self.random.expose_secret());
        let mut text = String::with_capacity(Self::LENGTH);
        text.push_str(Self::PREFIX);
        text.extend(digits.map(char::from));
        let digits = checksum(text.as_bytes());
        text.extend(digits.map(char::from));
        SecretString::from(text)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey(bfk_…)")
    }
}

/// The checksum of what comes before it.
fn checksum(text: &[u8]) -> [u8; CHECKSUM_DIGITS] {
    base62::encode(crc32fast::hash(text).to_be_bytes())
}

fn random() -> Result<[u8; 32], NoRandomness> {
    let mut random = [0; 32];
    rand::fill(&mut random).map_err(|_| NoRandomness)?;
    Ok(random)
}

/// The secret that keys are hashed with: one for an installation, for as long as its keys shall be good.
///
/// With it, what the database holds of a key can neither be tried out nor made by whoever has only the database.
#[derive(Clone)]
pub struct ApiKeyPepper(hmac::Key);

/// A text is no pepper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an API key pepper is 32 random bytes in base64: openssl rand -base64 32 makes one")]
pub struct ApiKeyPepperError;

impl ApiKeyPepper {
    /// A new pepper as [`ApiKeyPepper::parse`] reads it, from the operating system's randomness.
    pub fn generate() -> Result<SecretString, NoRandomness> {
        Ok(SecretString::from(STANDARD.encode(random()?)))
    }

    /// Reads a pepper: 32 bytes in base64, with white space around them or without.
    pub fn parse(text: &SecretString) -> Result<Self, ApiKeyPepperError> {
        let bytes = STANDARD
            .decode(text.expose_secret().trim())
            .map_err(|_| ApiKeyPepperError)?;
        let bytes = SecretBox::<[u8; 32]>::new(Box::new(bytes.try_into().map_err(|_| ApiKeyPepperError)?));
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, bytes.expose_secret())))
    }

    /// The hash that a key is stored and looked up by: HMAC-SHA-256 of its 256 bits.
    pub fn hash(&self, key: &ApiKey) -> ApiKeyHash {
        let mut hash = [0; 32];
        hash.copy_from_slice(hmac::sign(&self.0, key.random.expose_secret()).as_ref());
        ApiKeyHash::from_bytes(hash)
    }
}

impl fmt::Debug for ApiKeyPepper {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKeyPepper(…)")
    }
}
