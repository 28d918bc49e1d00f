//! What can go wrong in the database, as callers must tell it apart.

use std::time::Duration;

use billfold_domain::ProjectId;
use billfold_vault::{MasterKeyId, VaultError};
use diesel::result::{ConnectionError, DatabaseErrorKind, Error as DieselError};
use diesel_async::pooled_connection::deadpool::PoolError;

use crate::Token;

/// Why the database did not do what it was asked.
///
/// The text is for the log only: it may quote SQL.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is too busy, or went away. Nothing is known of the statement's effect.
    #[error("the database cannot answer: {0}")]
    Unavailable(String),
    /// The server takes no writes: it is no primary, or not any more. Nothing was done.
    #[error("the database takes no writes: {0}")]
    ReadOnly(String),
    /// A row with the same key exists.
    #[error("a row with this key exists already: {0}")]
    Duplicate(String),
    /// Another holder has taken over the operation; its result must not be written by this one.
    #[error("the operation was taken over by another holder")]
    Fenced,
    /// There is no project of this name, so nothing can be written for it.
    #[error("there is no such project")]
    NoProject,
    /// The project is being deleted, or is deleted: nothing new begins there.
    #[error("the project is being deleted")]
    ProjectGone,
    /// A token that an operation costs is not there, so it has not begun and nothing was written.
    #[error("a limit is reached")]
    Lacking {
        /// The token.
        token: Box<Token>,
        /// After how long it will be there, if nobody else takes it before. Longer than nothing.
        wait: Duration,
    },
    /// What the audit log should tell cannot be written, so nothing was.
    #[error("the audit log cannot be written: {0}")]
    Untold(String),
    /// The address of the database is not understood.
    #[error("{0}")]
    Configuration(String),
    /// The secrets of a project are there and cannot be had. Nothing else of the installation is affected.
    #[error("the secrets of the project {project} cannot be opened: {reason}")]
    Secrets {
        /// Whose they are.
        project: ProjectId,
        /// Why not.
        reason: SecretsError,
    },
    /// The master keys that were given are not this database's.
    #[error("{0}")]
    MasterKey(#[from] MasterKeyError),
    /// A row or a statement is not what this program expects: a fault in the program or in the data.
    #[error("unexpected answer of the database: {0}")]
    Internal(String),
}

/// Says whether the one row is still this holder's to change, by how many rows were changed.
pub(crate) const fn still_held(changed: usize) -> Result<(), StoreError> {
    if changed == 1 {
        Ok(())
    } else {
        Err(StoreError::Fenced)
    }
}

/// Why a project's secrets cannot be opened. Says nothing of what they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// A version before sealing has written them.
    #[error("they are in plain text: run billfold migrate with a master key, which seals them")]
    Plain,
    /// The data key that they name is not there, or has no possible version or master key.
    #[error("their data key is missing")]
    NoDataKey,
    /// Their data key cannot be unwrapped.
    #[error("their data key: {0}")]
    DataKey(VaultError),
    /// A column does not open.
    #[error("the column {column}: {error}")]
    Column {
        /// Which column.
        column: &'static str,
        /// Why it does not open.
        error: VaultError,
    },
}

/// Why the master keys that were given cannot be used on this database. Each says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// A key has the name of one that the database knows, and is another.
    #[error(
        "the master key {0} is not the one that this database knows by that name: \
         give the right one with --master-key-file or BILLFOLD_MASTER_KEYS"
    )]
    Other(MasterKeyId),
    /// The database knows master keys, and none of them was given.
    #[error(
        "none of the master keys that were given is one of this database's ({}): \
         give the one in use too, with --master-key-file or BILLFOLD_MASTER_KEYS", .0.join(", ")
    )]
    NoneKnown(Vec<String>),
    /// A secret of the whole installation does not open.
    #[error("the installation's secret {name}: {error}")]
    InstallationSecret {
        /// Which secret.
        name: &'static str,
        /// Why.
        error: VaultError,
    },
}

impl From<VaultError> for StoreError {
    /// Sealing fails only where the machine has no random numbers; what does not open is told with its project.
    fn from(error: VaultError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, information) => {
                Self::Duplicate(information.message().to_owned())
            }
            DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, information) => {
                Self::Unavailable(information.message().to_owned())
            }
            DieselError::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, information) => {
                Self::ReadOnly(information.message().to_owned())
            }
            DieselError::DatabaseError(_, information) if is_passing(information.message()) => {
                Self::Unavailable(information.message().to_owned())
            }
            // The words of the trigger that guards operations.
            DieselError::DatabaseError(_, information)
                if information.message().contains("the project is being deleted") =>
            {
                Self::ProjectGone
            }
            DieselError::BrokenTransactionManager => {
                Self::Unavailable("the connection broke inside a transaction".to_owned())
            }
            other => Self::Internal(other.to_string()),
        }
    }
}

/// Whether a message says that the database is busy, stopping or gone rather than that the statement is wrong.
/// Diesel does not hand on the SQLSTATE, so the server's own words are all there is to go by.
fn is_passing(message: &str) -> bool {
    const PASSING: [&str; 12] = [
        "database is locked",
        "database table is locked",
        "canceling statement due to",
        "terminating connection",
        "the database system is",
        "server closed the connection",
        "connection closed",
        "connection reset",
        "error communicating with the server",
        "remaining connection slots are reserved",
        "sorry, too many clients already",
        "deadlock detected",
    ];
    PASSING.iter().any(|text| message.contains(text))
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<ConnectionError> for StoreError {
    fn from(error: ConnectionError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
