//! What can go wrong with keys and with what they seal. No text here has a key's or a secret's bytes.

use std::path::PathBuf;

use crate::MasterKeyId;

/// Why something does not open, or cannot be sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The text is not one that was sealed here.
    #[error("it is not what was sealed: its form is wrong")]
    Malformed,
    /// It was altered, belongs to another project, column or version, or was sealed under another key.
    #[error(
        "it does not open: it was altered, moved here from another project or column, or sealed under another key"
    )]
    NotOpened,
    /// It was sealed under a data key of another version.
    #[error("it is of another data key's version")]
    OtherVersion,
    /// The data key is wrapped by a master key that was not given.
    #[error(
        "its data key is wrapped by the master key {0}, which was not given: add its line to the master keys"
    )]
    UnknownMasterKey(MasterKeyId),
    /// The operating system gives no random numbers, or no more data keys can be counted.
    #[error("it cannot be sealed: there are no random numbers or no more versions")]
    CannotSeal,
}

/// Why a text has no usable master keys. Lines are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeysError {
    /// There is no line with a key.
    #[error("there is no master key in it: billfold keys generate prints a line for it")]
    Empty,
    /// A line is not `id:base64`.
    #[error("line {line} is not id:base64: billfold keys generate prints such a line")]
    NoColon {
        /// Which line.
        line: usize,
    },
    /// A key's name has characters that a name may not have, or too many.
    #[error("line {line}: the name before the colon must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -")]
    BadId {
        /// Which line.
        line: usize,
    },
    /// What follows the name is not base64.
    #[error("line {line}: the key after the colon is not base64 with its padding")]
    NotBase64 {
        /// Which line.
        line: usize,
    },
    /// A key is too short or too long.
    #[error("line {line}: the key has {length} bytes, and must have 32")]
    WrongLength {
        /// Which line.
        line: usize,
        /// How many bytes it has.
        length: usize,
    },
    /// All bytes of a key are the same, as an example's are.
    #[error("line {line}: all bytes of the key are the same: use one that billfold keys generate has made")]
    Placeholder {
        /// Which line.
        line: usize,
    },
    /// Two keys have one name.
    #[error("line {line}: there is another key of the name {id}: each has a name of its own")]
    DuplicateId {
        /// Which line is the second.
        line: usize,
        /// The name.
        id: MasterKeyId,
    },
    /// One key has two names.
    #[error("line {line}: the key is the same as another line's: each line has a key of its own")]
    DuplicateKey {
        /// Which line is the second.
        line: usize,
    },
}

/// Why a file has no usable master keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// The file is there, and cannot be read.
    #[error("the master key file {} cannot be read: {reason}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// The file has no usable keys.
    #[error("the master key file {}: {reason}", path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: MasterKeysError,
    },
    /// The file is something else: a directory, or too large for keys.
    #[error("the master key file {} holds no master keys: it is no file, or too large for one", path.display())]
    NotKeys {
        /// Which file.
        path: PathBuf,
    },
    /// The file cannot be made.
    #[error("the master key file {} cannot be made: {reason}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
}
