//! Master keys in a file, and the one that a development server makes for itself.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::Path,
};

use secrecy::{ExposeSecret as _, zeroize::Zeroizing};

use crate::{KeyFileError, MasterKey, MasterKeyId, MasterKeys};

/// A hundred keys take less; what has more is something else.
const MAXIMUM_FILE_LENGTH: u64 = 16 * 1024;

/// Reads the master keys of a file: lines of `id:base64`, the current key first.
pub fn read(path: &Path) -> Result<MasterKeys, KeyFileError> {
    match find(path)? {
        Some(keys) => Ok(keys),
        None => Err(KeyFileError::Unreadable {
            path: path.to_owned(),
            reason: "there is no such file".to_owned(),
        }),
    }
}

/// Reads the master keys of a file, after making one of this name when there is no file. Any number of processes may do
/// so at once: all of them get the same key. The file is readable by its owner alone.
pub fn load_or_create(path: &Path, id: MasterKeyId) -> Result<MasterKeys, KeyFileError> {
    if let Some(keys) = find(path)? {
        return Ok(keys);
    }
    create(path, id)?;
    read(path)
}

fn find(path: &Path) -> Result<Option<MasterKeys>, KeyFileError> {
    let denied = |error: io::Error| KeyFileError::Unreadable {
        path: path.to_owned(),
        reason: error.kind().to_string(),
    };
    let not_keys = || KeyFileError::NotKeys {
        path: path.to_owned(),
    };
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(denied(error)),
        Ok(metadata) if !metadata.is_file() || metadata.len() > MAXIMUM_FILE_LENGTH => return Err(not_keys()),
        Ok(metadata) => warn_of_readers(path, &metadata),
    }
    // As large as the file may be, so that reading does not move it and leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(MAXIMUM_FILE_LENGTH).unwrap_or(0) + 64,
    ));
    File::open(path)
        .and_then(|file| file.take(MAXIMUM_FILE_LENGTH).read_to_end(&mut bytes))
        .map_err(denied)?;
    let text = str::from_utf8(&bytes).map_err(|_| not_keys())?;
    let keys = MasterKeys::parse(text).map_err(|reason| KeyFileError::Unusable {
        path: path.to_owned(),
        reason,
    })?;
    Ok(Some(keys))
}

fn create(path: &Path, id: MasterKeyId) -> Result<(), KeyFileError> {
    let failed = |error: io::Error| KeyFileError::Unwritable {
        path: path.to_owned(),
        reason: error.kind().to_string(),
    };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let key = MasterKey::generate(id).map_err(|error| failed(io::Error::other(error)))?;
    // Written whole under another name, then given its own unless another process was quicker: nobody ever sees half
    // a key, and the first key stays. A temporary file is readable by its owner alone.
    let mut file = tempfile::Builder::new()
        .prefix(".master-key-")
        .tempfile_in(directory)
        .map_err(failed)?;
    file.write_all(key.line().expose_secret().as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error.error)),
    }
}

/// Says when others can read the keys. No more than that: some file systems know no permissions.
#[cfg(unix)]
fn warn_of_readers(path: &Path, metadata: &fs::Metadata) {
    use std::os::unix::fs::PermissionsExt as _;

    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "other users can read the master keys: run chmod 600 on the file");
    }
}

#[cfg(not(unix))]
fn warn_of_readers(_: &Path, _: &fs::Metadata) {}
