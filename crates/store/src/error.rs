//! What can go wrong in the database, as callers must tell it apart.

use diesel::result::{ConnectionError, DatabaseErrorKind, Error as DieselError};
use diesel_async::pooled_connection::deadpool::PoolError;

/// Why the database did not do what it was asked.
///
/// The text is for the log only: it may quote SQL.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is too busy, or went away. Nothing is known of the statement's effect.
    #[error("the database cannot answer: {0}")]
    Unavailable(String),
    /// A row with the same key exists.
    #[error("a row with this key exists already: {0}")]
    Duplicate(String),
    /// Another holder has taken over the operation; its result must not be written by this one.
    #[error("the operation was taken over by another holder")]
    Fenced,
    /// The address of the database is not understood.
    #[error("{0}")]
    Configuration(String),
    /// A row or a statement is not what this program expects: a fault in the program or in the data.
    #[error("unexpected answer of the database: {0}")]
    Internal(String),
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
            DieselError::DatabaseError(_, information) if is_passing(information.message()) => {
                Self::Unavailable(information.message().to_owned())
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
