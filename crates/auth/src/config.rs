//! Which issuers are trusted, and what their tokens must say.

use std::{fmt, path::PathBuf};

use billfold_domain::ProjectId;
use time::Duration;

use crate::{DEFAULT_AUDIENCE, DEFAULT_MAXIMUM_LIFETIME, DEVELOPMENT_ISSUER, KeySetError, KeySetUrl};

/// Where an issuer's key set comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// A file on this machine, read again when it changes. Replace it by renaming, so that it is never half there.
    File(PathBuf),
    /// An https address, fetched every 20 seconds in the background ([`KeyRefresher`](crate::KeyRefresher)).
    Https(KeySetUrl),
    /// The key set itself, as JSON text; it never changes.
    Inline(String),
}

impl KeySource {
    /// Takes what an operator wrote for a key set's place: an https address, or a path.
    pub fn parse(text: &str) -> Result<Self, KeySetError> {
        let starts_with = |scheme: &str| {
            text.get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        if starts_with("https:") || starts_with("http:") {
            return KeySetUrl::parse(text).map(Self::Https);
        }
        Ok(Self::File(PathBuf::from(text)))
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::Https(url) => url.fmt(formatter),
            Self::Inline(_) => formatter.write_str("inline key set"),
        }
    }
}

/// An issuer that is trusted to sign tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerConfig {
    /// Its name, exactly as its tokens have it in `iss`. 1 to 255 characters, none of them a control character.
    pub issuer: String,
    /// Where its public keys come from.
    pub keys: KeySource,
    /// The only project that it may speak for; `None` lets it speak for every project.
    pub project: Option<ProjectId>,
}

impl IssuerConfig {
    /// Whether this is the development issuer by name. Its keys are recognised by their ids as well.
    pub fn is_development(&self) -> bool {
        self.issuer == DEVELOPMENT_ISSUER
    }
}

/// What a [`Verifier`](crate::Verifier) is built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierConfig {
    /// The trusted issuers: at least one, each with a name of its own.
    pub issuers: Vec<IssuerConfig>,
    /// What `aud` must contain. `billfold` by default.
    pub audience: String,
    /// The longest time from `iat` to `exp`: at least a second. 24 hours by default.
    pub maximum_lifetime: Duration,
    /// Whether a development issuer and its keys are accepted. Not by default: production must refuse them.
    pub development_allowed: bool,
    /// A PEM file of certificate authorities that are trusted beside the system's where key sets are fetched.
    pub authorities: Option<PathBuf>,
}

impl Default for VerifierConfig {
    fn default() -> Self {
        Self {
            issuers: Vec::new(),
            audience: DEFAULT_AUDIENCE.to_owned(),
            maximum_lifetime: DEFAULT_MAXIMUM_LIFETIME,
            development_allowed: false,
            authorities: None,
        }
    }
}

/// Why a configuration is refused. The text tells the operator what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is no issuer.
    #[error(
        "no token issuer is configured: configure at least one, with its name (iss) and its key set's address or file"
    )]
    NoIssuer,
    /// An issuer's name is empty, too long or has control characters.
    #[error(
        "token issuer number {number} has no usable name: give it 1 to 255 printable characters, as its tokens have them in iss"
    )]
    IssuerNameInvalid {
        /// Which one, counted from 1.
        number: usize,
    },
    /// Two issuers have one name.
    #[error(
        "the token issuer {issuer} is configured twice: keep one, and put all of its keys into its one key set"
    )]
    IssuerRepeated {
        /// The name.
        issuer: String,
    },
    /// An issuer of operators' tokens is bound to a project.
    #[error(
        "the operators' token issuer {issuer} is bound to a project, and operators speak for none: leave ;PROJECT away"
    )]
    OperatorBound {
        /// The name.
        issuer: String,
    },
    /// The development issuer is configured where it is not allowed.
    #[error(
        "{issuer} is the development issuer, whose key lies on a developer's machine: configure a real token issuer"
    )]
    DevelopmentIssuer {
        /// The name.
        issuer: String,
    },
    /// The audience is empty or has control characters.
    #[error(
        "the token audience is empty or unprintable: leave it out for billfold, or give what your tokens have in aud"
    )]
    AudienceInvalid,
    /// The longest lifetime is under a second.
    #[error("the longest token lifetime must be at least one second: 86400 seconds are usual")]
    LifetimeInvalid,
    /// The file of certificate authorities cannot be used.
    #[error(
        "the certificate authorities for token issuers cannot be read from {} ({reason}): give a file of certificates in PEM", .path.display()
    )]
    AuthoritiesUnusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An issuer's key set cannot be used.
    #[error("the token issuer {issuer} has an unusable key set ({place}): {error}")]
    KeySet {
        /// The issuer.
        issuer: String,
        /// Where the key set comes from.
        place: String,
        /// What is wrong with it.
        error: KeySetError,
    },
}
