//! A set of keys as issuers publish it (JWKS, RFC 7517).

use serde_json::Value;

use crate::{KeyError, KeySetError, MAXIMUM_KEY_SET_LENGTH, MAXIMUM_KEYS, key::PublicKey, strict_json};

/// The keys that verify signatures, each with an id of its own; perhaps none.
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
        if entries.len() > MAXIMUM_KEYS {
            return Err(KeySetError::TooManyKeys { count: entries.len() });
        }
        let mut keys: Vec<PublicKey> = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let read = || {
                let jwk = entry.as_object().ok_or(KeyError::NotAnObject)?;
                let key = PublicKey::from_jwk(jwk, development_allowed)?;
                let has_id_of_another = |key: &PublicKey| keys.iter().any(|other| other.id == key.id);
                if key.as_ref().is_some_and(has_id_of_another) {
                    return Err(KeyError::IdRepeated);
                }
                Ok(key)
            };
            let key = read().map_err(|error| KeySetError::Key {
                number: index + 1,
                error,
            })?;
            keys.extend(key);
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
