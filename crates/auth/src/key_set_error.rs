//! Why a key set cannot be used.

use crate::{KeyError, MAXIMUM_KEY_SET_LENGTH, MAXIMUM_KEYS, fetch::FETCH_LIMIT};

/// Why a key set cannot be used. The text tells the operator what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// An address that begins with `http://`.
    #[error(
        "a key set is never fetched over http, where anyone on the way could replace it: give its https address, or save the set to a file and give its path"
    )]
    InsecureUrl,
    /// An address that is no URL.
    #[error("the address of the key set is not usable ({reason}): write https://host/path")]
    UrlInvalid {
        /// What is wrong with it.
        reason: String,
    },
    /// An address with a user or a password in it.
    #[error(
        "the address of the key set has a user or a password in it, which logs and process lists would show: public keys need neither, so take them out"
    )]
    UrlHasCredentials,
    /// There is no way to the address, or nobody listens there.
    #[error(
        "the address cannot be reached ({reason}): check the host's name, the port, the firewall and the proxy between"
    )]
    Unreachable {
        /// What the operating system says.
        reason: String,
    },
    /// The answer was not whole in time.
    #[error(
        "the address did not answer in time ({seconds} seconds): check that the issuer is up and that nothing between holds it up",
        seconds = FETCH_LIMIT.as_secs()
    )]
    TimedOut,
    /// The connection broke off before the answer was whole.
    #[error(
        "the answer broke off ({reason}): check that the issuer is up and that nothing between cuts its connections"
    )]
    CutShort {
        /// What was seen of it.
        reason: String,
    },
    /// There is no TLS connection that can be trusted.
    #[error(
        "TLS failed ({reason}): check the name, the date and the chain of the server's certificate; where an authority of your own signed it, name that with --issuer-ca-file"
    )]
    Tls {
        /// What TLS says.
        reason: String,
    },
    /// There is nothing to make TLS connections with.
    #[error(
        "TLS cannot be set up ({reason}): install the system's certificate authorities (the package ca-certificates), and check the file of --issuer-ca-file"
    )]
    TlsUnavailable {
        /// What is missing.
        reason: String,
    },
    /// The answer is a redirect.
    #[error(
        "the address answers with a redirect ({status}), and none is followed: give the address that it leads to"
    )]
    Redirected {
        /// The answer's status.
        status: u16,
    },
    /// The answer is another than 200.
    #[error(
        "the address answers {status} instead of 200: check with curl that it serves the key set to anyone"
    )]
    Status {
        /// The answer's status.
        status: u16,
    },
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
    /// No entry of `keys` is for verifying signatures. Only the first set is refused for it: a later one revokes every key.
    #[error("the key set has no key for signatures: add the public key that signs the issuer's tokens")]
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
