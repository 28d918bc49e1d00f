//! Which API keys are good, known without asking the database each time.
//!
//! What the database said of a key is believed for 30 seconds. So a revocation is in force everywhere half a minute after
//! it is written at the latest: half of the minute that is promised, which leaves the rest to a database that answers
//! slowly. Expiry needs no database: it is looked at on every use.
//!
//! What nobody has seen costs a query once, and how many such queries an instance makes is bounded, so that made-up keys
//! cannot flood the database. Keys that were seen before are outside of this bound: their holders do not suffer from a
//! flood.

mod budget;
mod directory;
mod flights;
mod recent;
mod uses;

use billfold_domain::{ApiKeyHash, ApiKeyId, ApiKeyScopes, ProjectId};

pub(crate) use directory::ApiKeyDirectory;
pub(crate) use uses::record_in_background;

use crate::{Service, ServiceError};

/// What a good key says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedApiKey {
    /// The only project that it speaks for.
    pub project: ProjectId,
    /// Its public name.
    pub id: ApiKeyId,
    /// What it allows.
    pub scopes: ApiKeyScopes,
}

/// Why a key is not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// The key is not good. Why not is for the log.
    #[error(transparent)]
    Refused(#[from] ApiKeyRefusal),
    /// Whether it is good cannot be found out now.
    #[error(transparent)]
    Failed(#[from] ServiceError),
}

/// Why a key is not good. For the log: a caller is told the same of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyRefusal {
    /// There is no such key.
    #[error("there is no such key")]
    Unknown,
    /// It was revoked.
    #[error("the key is revoked")]
    Revoked,
    /// It has ended by itself.
    #[error("the key has expired")]
    Expired,
}

impl Service {
    /// What the key of this hash says, if it is good now.
    ///
    /// A key that was asked for within the last 30 seconds costs no query. [`ServiceError::Unavailable`] when the database
    /// cannot answer, or when more unknown keys are asked for than an instance looks up.
    pub async fn verify_api_key(&self, hash: ApiKeyHash) -> Result<VerifiedApiKey, ApiKeyError> {
        self.parts.api_keys.verify(hash).await
    }

    /// Records the uses of keys that are not recorded yet. The background does so every second; this is for the end.
    pub async fn record_api_key_uses(&self) {
        self.parts.api_keys.record_uses().await;
    }
}
