//! Master keys: outside the database, in a file or the environment, one line each.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{SecretString, zeroize::Zeroizing};

use crate::{
    MasterKeysError, VaultError,
    cipher::{self, KEY_LENGTH, KeyBytes},
};

/// A master key's name: 1 to 64 characters of `[A-Za-z0-9_-]`. No secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MasterKeyId(Box<str>);

impl MasterKeyId {
    /// Takes a text for a name; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let good = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
        good.then(|| Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MasterKeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for MasterKeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A key that wraps data keys: 32 bytes that cannot be printed and are wiped when dropped.
pub struct MasterKey {
    id: MasterKeyId,
    pub(crate) bytes: KeyBytes,
}

impl MasterKey {
    /// A key that nobody has had before.
    pub fn generate(id: MasterKeyId) -> Result<Self, VaultError> {
        let bytes = cipher::random_key()?;
        Ok(Self { id, bytes })
    }

    /// Its name.
    pub const fn id(&self) -> &MasterKeyId {
        &self.id
    }

    /// The line that [`MasterKeys::parse`] reads it from, without the line's end. For the one who keeps the key.
    pub fn line(&self) -> SecretString {
        let encoded = Zeroizing::new(STANDARD.encode(&self.bytes[..]));
        // As long as it will be from the start, so that no copy stays behind where it moved from.
        let mut line = String::with_capacity(self.id.as_str().len() + 1 + encoded.len());
        line.push_str(self.id.as_str());
        line.push(':');
        line.push_str(&encoded);
        SecretString::from(line)
    }

    fn parse(text: &str, line: usize) -> Result<Self, MasterKeysError> {
        let (id, encoded) = text.split_once(':').ok_or(MasterKeysError::NoColon { line })?;
        let id = MasterKeyId::parse(id).ok_or(MasterKeysError::BadId { line })?;
        let decoded = STANDARD
            .decode(encoded)
            .map_err(|_| MasterKeysError::NotBase64 { line })?;
        let decoded = Zeroizing::new(decoded);
        let mut bytes = KeyBytes::default();
        if decoded.len() != KEY_LENGTH {
            let length = decoded.len();
            return Err(MasterKeysError::WrongLength { line, length });
        }
        bytes.copy_from_slice(&decoded);
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(MasterKeysError::Placeholder { line });
        }
        Ok(Self { id, bytes })
    }
}

/// The master keys of an installation: the current one, which wraps, and older ones, which still open.
pub struct MasterKeys {
    current: MasterKey,
    older: Vec<MasterKey>,
}

impl MasterKeys {
    /// One key and no older one.
    pub const fn only(current: MasterKey) -> Self {
        Self {
            current,
            older: Vec::new(),
        }
    }

    /// Reads lines of `id:base64`. The first is the current key. Lines end with a line feed or a comma; empty ones, and
    /// spaces around a line, mean nothing.
    pub fn parse(text: &str) -> Result<Self, MasterKeysError> {
        let mut keys: Vec<MasterKey> = Vec::new();
        for (place, text) in text.split(['\n', ',']).map(str::trim).enumerate() {
            if text.is_empty() {
                continue;
            }
            let line = place + 1;
            let key = MasterKey::parse(text, line)?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(MasterKeysError::DuplicateId { line, id: key.id });
            }
            let same = |other: &MasterKey| verify_slices_are_equal(&other.bytes[..], &key.bytes[..]).is_ok();
            if keys.iter().any(same) {
                return Err(MasterKeysError::DuplicateKey { line });
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let current = keys.next().ok_or(MasterKeysError::Empty)?;
        Ok(Self {
            current,
            older: keys.collect(),
        })
    }

    /// The key that wraps.
    pub const fn current(&self) -> &MasterKey {
        &self.current
    }

    /// Every key, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.current).chain(&self.older)
    }

    /// The key of this name, if it was given.
    pub fn find(&self, id: &MasterKeyId) -> Option<&MasterKey> {
        self.all().find(|key| key.id == *id)
    }
}
