//! The development issuer's private key on disk.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::EncodingKey;

use crate::DevelopmentIssuerError;

/// The name of the key's file in the data directory.
const FILE_NAME: &str = "issuer-key.pem";

/// An Ed25519 key has about 120 bytes of PEM; what has more is something else.
const MAXIMUM_FILE_LENGTH: u64 = 8 * 1024;

/// The private key and its public half.
pub(crate) struct SigningKey {
    pub(crate) key: EncodingKey,
    pub(crate) public: [u8; 32],
}

/// Loads the directory's key, after making one when there is none. Any number of processes may do so at once: all of
/// them get the same key.
pub(crate) fn load_or_create(directory: &Path) -> Result<SigningKey, DevelopmentIssuerError> {
    let path = directory.join(FILE_NAME);
    if let Some(key) = read(&path)? {
        return Ok(key);
    }
    create(directory, &path)?;
    read(&path)?.ok_or_else(|| unusable(path, "it vanished just after it was made"))
}

/// Loads the directory's key; `None` when there is none.
pub(crate) fn load(directory: &Path) -> Result<Option<SigningKey>, DevelopmentIssuerError> {
    read(&directory.join(FILE_NAME))
}

fn read(path: &Path) -> Result<Option<SigningKey>, DevelopmentIssuerError> {
    let denied = |error: io::Error| DevelopmentIssuerError::Unreadable {
        path: path.to_owned(),
        reason: error.kind().to_string(),
    };
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(denied(error)),
        Ok(metadata) if !metadata.is_file() => return Err(unusable(path.to_owned(), "it is not a file")),
        Ok(metadata) => warn_of_readers(path, &metadata),
    }
    let mut pem = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAXIMUM_FILE_LENGTH).read_to_end(&mut pem))
        .map_err(denied)?;
    let bad = || unusable(path.to_owned(), "it is not an Ed25519 private key in PKCS#8 PEM");
    let key = EncodingKey::from_ed_pem(&pem).map_err(|_| bad())?;
    let pair = Ed25519KeyPair::from_pkcs8(key.as_bytes()).map_err(|_| bad())?;
    let public = pair.public_key().as_ref().try_into().map_err(|_| bad())?;
    Ok(Some(SigningKey { key, public }))
}

fn create(directory: &Path, path: &Path) -> Result<(), DevelopmentIssuerError> {
    let failed = |error: io::Error| DevelopmentIssuerError::Unwritable {
        path: path.to_owned(),
        reason: error.kind().to_string(),
    };
    fs::create_dir_all(directory).map_err(failed)?;
    let pem = generate_pem().ok_or_else(|| failed(io::Error::other("no random numbers")))?;
    // Written whole under another name, then given its own unless another process was quicker: nobody ever sees half
    // a key, and the first key stays. A temporary file is readable by its owner alone.
    let mut file = tempfile::Builder::new()
        .prefix(".issuer-key-")
        .tempfile_in(directory)
        .map_err(failed)?;
    file.write_all(pem.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error.error)),
    }
}

fn generate_pem() -> Option<String> {
    let pair = Ed25519KeyPair::generate().ok()?;
    let document = pair.to_pkcs8v1().ok()?;
    let encoded = STANDARD.encode(document.as_ref());
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    // Lines of 64 characters (RFC 7468, section 2); base64 is ASCII, so bytes are characters.
    for line in encoded.as_bytes().chunks(64) {
        pem.push_str(str::from_utf8(line).ok()?);
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    Some(pem)
}

fn unusable(path: PathBuf, reason: &'static str) -> DevelopmentIssuerError {
    DevelopmentIssuerError::Unusable { path, reason }
}

/// Says when others can read the key. No more than that: some file systems know no permissions.
#[cfg(unix)]
fn warn_of_readers(path: &Path, metadata: &fs::Metadata) {
    use std::os::unix::fs::PermissionsExt;

    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "other users can read the development issuer's key: run chmod 600 on it");
    }
}

#[cfg(not(unix))]
fn warn_of_readers(_: &Path, _: &fs::Metadata) {}
