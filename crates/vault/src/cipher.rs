//! AES-256-GCM, and the only place that names it.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use secrecy::{SecretString, zeroize::Zeroizing};

use crate::VaultError;

/// How many bytes a key has.
pub(crate) const KEY_LENGTH: usize = 32;

/// How many bytes sealing adds: the nonce before, the tag behind.
pub(crate) const OVERHEAD: usize = NONCE_LEN + 16;

/// The bytes of a key, wiped when dropped and not copied when moved.
pub(crate) type KeyBytes = Box<Zeroizing<[u8; KEY_LENGTH]>>;

/// A key that nobody has had before.
pub(crate) fn random_key() -> Result<KeyBytes, VaultError> {
    let mut bytes = KeyBytes::default();
    aws_lc_rs::rand::fill(&mut bytes[..]).map_err(|_| VaultError::CannotSeal)?;
    Ok(bytes)
}

/// Seals bytes: the nonce, then the ciphertext and its tag.
pub(crate) fn seal(key: &KeyBytes, context: &Context, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
    let failed = |_| VaultError::CannotSeal;
    let cipher = RandomizedNonceKey::new(&AES_256_GCM, &key[..]).map_err(failed)?;
    // Encrypted where it lies. Its place is large enough from the start, so that no copy stays behind where it moved from.
    let mut sealed = Zeroizing::new(Vec::with_capacity(plain.len() + OVERHEAD));
    sealed.extend_from_slice(plain);
    let nonce = cipher
        .seal_in_place_append_tag(Aad::from(context.bytes()), &mut *sealed)
        .map_err(failed)?;
    Ok([nonce.as_ref(), &sealed[..]].concat())
}

/// Opens what [`seal`] has sealed under this key in this context.
pub(crate) fn open(
    key: &KeyBytes,
    context: &Context,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let (nonce, ciphertext) = sealed.split_first_chunk().ok_or(VaultError::Malformed)?;
    let cipher = RandomizedNonceKey::new(&AES_256_GCM, &key[..]).map_err(|_| VaultError::NotOpened)?;
    let mut plain = Zeroizing::new(ciphertext.to_vec());
    let length = cipher
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(context.bytes()),
            &mut plain,
        )
        .map_err(|_| VaultError::NotOpened)?
        .len();
    plain.truncate(length);
    Ok(plain)
}

/// The text that was sealed, in a box of the right size, which is not moved again: no copy stays behind.
pub(crate) fn text_of(plain: &[u8]) -> Result<SecretString, VaultError> {
    let text = str::from_utf8(plain).map_err(|_| VaultError::NotOpened)?;
    Ok(SecretString::from(Box::<str>::from(text)))
}

/// What a sealed text belongs to: its associated data. Each part stands behind its length, so that no two lists of parts
/// have the same bytes.
pub(crate) struct Context(Vec<u8>);

impl Context {
    /// The context of one kind of sealed text, with what tells one of its kind from another.
    pub(crate) fn new(kind: &str, parts: &[&[u8]]) -> Self {
        let mut bytes = Vec::new();
        for part in std::iter::once(kind.as_bytes()).chain(parts.iter().copied()) {
            // No part comes near this length: names and versions.
            bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        Self(bytes)
    }

    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_lists_of_parts_have_one_context() {
        let contexts = [
            Context::new("a", &[b"b", b"c"]),
            Context::new("a", &[b"bc"]),
            Context::new("a", &[b"b", b"c", b""]),
            Context::new("ab", &[b"c"]),
            Context::new("a", &[b"", b"bc"]),
        ];
        for (place, one) in contexts.iter().enumerate() {
            assert!(contexts[..place].iter().all(|other| other.bytes() != one.bytes()));
        }
    }
}
