//! A set of keys as issuers publish it (JWKS, RFC 7517).

use serde_json::Value;

use crate::{KeyError, MAXIMUM_KEY_SET_LENGTH, MAXIMUM_KEYS, key::PublicKey, strict_json};

/// Why a key set cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// A URL that begins with `http://`.
    #[error(
        "a key set is never fetched over http, where anyone on the way could replace it: save the set to a file and give its path"
    )]
    InsecureUrl,
    /// A URL that begins with `https://`.
    #[error(
        "a key set cannot be fetched over https by this version: save the set to a file and give its path"
    )]
    UrlUnsupported,
    /// The file cannot be read.
    #[error("the file cannot be read ({reason}): check the path and its permissions")]
    Unreadable {
        /// What the operating system says.
        reason: String,
    },
    /// The path is a directory, a pipe or a device.
    #[error("the path is not a file: give the path of the key set's file itself")]
    NotAFile,
    /// More bytes than [`MAXIMUM_KEY_SET_LENGTH`].
    #[error(
        "the key set has more than {MAXIMUM_KEY_SET_LENGTH} bytes: keep only the keys that sign tokens now"
    )]
    TooLong,
    /// Not one JSON object, or a name is repeated in it.
    #[error("the key set is not valid JSON ({reason}): it must be one object, {{\"keys\":[…]}}")]
    Malformed {
        /// What is wrong, and where.
        reason: String,
    },
    /// `keys` is missing or no array.
    #[error("the key set has no array named keys: it must be one object, {{\"keys\":[…]}}")]
    KeysMissing,
    /// `keys` is empty.
    #[error("the key set is empty: add the public key that signs the issuer's tokens")]
    Empty,
    /// More keys than [`MAXIMUM_KEYS`].
    #[error(
        "the key set has {count} keys, and at most {MAXIMUM_KEYS} are allowed: keep only those that sign tokens now"
    )]
    TooManyKeys {
        /// How many it has.
        count: usize,
    },
    /// One of the keys cannot be used.
    #[error("key number {number} of the set {error}")]
    Key {
        /// Which one, counted from 1.
        number: usize,
        /// What is wrong with it.
        error: KeyError,
    },
}

/// Usable keys, each with an id of its own.
#[derive(Debug)]
pub(crate) struct KeySet {
    keys: Vec<PublicKey>,
    /// Grows by one with every set of an issuer: tells a verdict of an earlier set from one of this.
    pub(crate) generation: u64,
}

impl KeySet {
    pub(crate) fn parse(
        text: &[u8],
        generation: u64,
        development_allowed: bool,
    ) -> Result<Self, KeySetError> {
        if text.len() > MAXIMUM_KEY_SET_LENGTH {
            return Err(KeySetError::TooLong);
        }
        let document = strict_json::parse_object(text).map_err(|error| KeySetError::Malformed {
            reason: error.to_string(),
        })?;
        let entries = document
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(KeySetError::KeysMissing)?;
        if entries.is_empty() {
            return Err(KeySetError::Empty);
        }
        if entries.len() > MAXIMUM_KEYS {
            return Err(KeySetError::TooManyKeys { count: entries.len() });
        }
        let mut keys: Vec<PublicKey> = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let read = || {
                let jwk = entry.as_object().ok_or(KeyError::NotAnObject)?;
                let key = PublicKey::from_jwk(jwk, development_allowed)?;
                if keys.iter().any(|other| other.id == key.id) {
                    return Err(KeyError::IdRepeated);
                }
                Ok(key)
            };
            let key = read().map_err(|error| KeySetError::Key {
                number: index + 1,
                error,
            })?;
            keys.push(key);
        }
        Ok(Self { keys, generation })
    }

    /// The key of this id. A set is so small that looking at each is the quickest way.
    pub(crate) fn find(&self, id: &str) -> Option<&PublicKey> {
        self.keys.iter().find(|key| &*key.id == id)
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }
}
