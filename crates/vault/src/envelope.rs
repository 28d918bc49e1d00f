//! Sealed and wrapped as text: `tag.version.base64url`, in one form only, so that equal means the same bytes.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{DataKeyVersion, MasterKeyId, VaultError, cipher};

/// What a sealed secret begins with: the form's name and number.
const SEALED: &str = "bfs1";
/// What a wrapped data key begins with.
const WRAPPED: &str = "bfw1";

/// What a secret of the installation begins with.
const INSTALLATION: &str = "bfi1";

/// The longest text that is looked at: many times what any secret of Stripe's takes.
const MAXIMUM_LENGTH: usize = 16 * 1024;

/// A secret under a data key: what may lie in a database. Self-describing: its form, the data key's version, and nonce
/// and ciphertext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    pub(crate) version: DataKeyVersion,
    pub(crate) bytes: Vec<u8>,
}

impl Sealed {
    /// Takes a text for a sealed secret, if it has the form of one: `bfs1.VERSION.BASE64URL`. That says nothing of whether
    /// it opens.
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        let (version, bytes) = parse(SEALED, text)?;
        Ok(Self { version, bytes })
    }

    /// The version of the data key that it is sealed under.
    pub const fn version(&self) -> DataKeyVersion {
        self.version
    }
}

impl fmt::Display for Sealed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = URL_SAFE_NO_PAD.encode(&self.bytes);
        write!(formatter, "{SEALED}.{}.{bytes}", self.version)
    }
}

impl FromStr for Sealed {
    type Err = VaultError;

    fn from_str(text: &str) -> Result<Self, VaultError> {
        Self::parse(text)
    }
}

/// A data key under a master key, whose name stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedDataKey {
    pub(crate) version: DataKeyVersion,
    pub(crate) bytes: Vec<u8>,
}

impl WrappedDataKey {
    /// Takes a text for a wrapped data key, if it has the form of one: `bfw1.VERSION.BASE64URL`.
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        let (version, bytes) = parse(WRAPPED, text)?;
        if bytes.len() != cipher::KEY_LENGTH + cipher::OVERHEAD {
            return Err(VaultError::Malformed);
        }
        Ok(Self { version, bytes })
    }

    /// The data key's version.
    pub const fn version(&self) -> DataKeyVersion {
        self.version
    }
}

impl fmt::Display for WrappedDataKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = URL_SAFE_NO_PAD.encode(&self.bytes);
        write!(formatter, "{WRAPPED}.{}.{bytes}", self.version)
    }
}

/// A secret of the whole installation under a master key: `bfi1.MASTER KEY.BASE64URL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedForInstallation {
    pub(crate) master_key: MasterKeyId,
    pub(crate) bytes: Vec<u8>,
}

impl SealedForInstallation {
    /// Takes a text for a sealed secret of the installation, if it has the form of one.
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        let (master_key, bytes) = after_tag(INSTALLATION, text)?;
        let master_key = MasterKeyId::parse(master_key).ok_or(VaultError::Malformed)?;
        Ok(Self { master_key, bytes })
    }

    /// The name of the master key that it is sealed under.
    pub const fn master_key(&self) -> &MasterKeyId {
        &self.master_key
    }
}

impl fmt::Display for SealedForInstallation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = URL_SAFE_NO_PAD.encode(&self.bytes);
        write!(formatter, "{INSTALLATION}.{}.{bytes}", self.master_key)
    }
}

fn parse(tag: &str, text: &str) -> Result<(DataKeyVersion, Vec<u8>), VaultError> {
    let (version, bytes) = after_tag(tag, text)?;
    // Digits only and no zero in front: a number has one text.
    if version.starts_with('0') || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(VaultError::Malformed);
    }
    let version = version.parse().ok().and_then(DataKeyVersion::new);
    Ok((version.ok_or(VaultError::Malformed)?, bytes))
}

/// What stands between an envelope's tag and its bytes, and the bytes.
fn after_tag<'a>(tag: &str, text: &'a str) -> Result<(&'a str, Vec<u8>), VaultError> {
    if text.len() > MAXIMUM_LENGTH {
        return Err(VaultError::Malformed);
    }
    let rest = text.strip_prefix(tag).and_then(|rest| rest.strip_prefix('.'));
    let (name, bytes) = rest
        .and_then(|rest| rest.split_once('.'))
        .ok_or(VaultError::Malformed)?;
    let bytes = URL_SAFE_NO_PAD.decode(bytes).map_err(|_| VaultError::Malformed)?;
    if bytes.len() < cipher::OVERHEAD {
        return Err(VaultError::Malformed);
    }
    Ok((name, bytes))
}

/// Whether bytes that may come from anywhere are an envelope of any kind, in the one form that it has. Looks at
/// everything that the parsers do and never panics: what a fuzzer calls.
pub fn is_canonical(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else {
        return false;
    };
    let sealed = Sealed::parse(text).is_ok_and(|sealed| sealed.to_string() == text);
    let wrapped = WrappedDataKey::parse(text).is_ok_and(|wrapped| wrapped.to_string() == text);
    sealed || wrapped || SealedForInstallation::parse(text).is_ok_and(|sealed| sealed.to_string() == text)
}
