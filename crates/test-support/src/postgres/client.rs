//! The few statements that this crate itself sends to a server.

use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::error::{PostgresError, one_line, with_causes};

/// The longest wait for a connection: a server on this machine answers in milliseconds, or is out of order.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The longest wait for a statement, the migrations of another process's template included.
const STATEMENT_LIMIT: Duration = Duration::from_mins(3);

/// A connection to a database, closed on drop.
pub(super) struct Connection {
    client: Client,
}

impl Connection {
    pub(super) async fn open(url: &str) -> Result<Self, StatementError> {
        let (client, driver) = tokio::time::timeout(CONNECT_LIMIT, tokio_postgres::connect(url, NoTls))
            .await
            .map_err(|_| StatementError::TimedOut)?
            .map_err(StatementError::Refused)?;
        // Ends by itself when the client is dropped; its error is also the error of the statement under way.
        tokio::spawn(driver);
        Ok(Self { client })
    }

    /// Runs a statement and returns the first column of its rows; `None` stands for null.
    pub(super) async fn query(&self, statement: &str) -> Result<Vec<Option<String>>, StatementError> {
        let answer = tokio::time::timeout(STATEMENT_LIMIT, self.client.simple_query(statement))
            .await
            .map_err(|_| StatementError::TimedOut)?
            .map_err(StatementError::Refused)?;
        Ok(answer
            .iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
                _ => None,
            })
            .collect())
    }
}

/// Why there is no connection, or no answer to a statement.
pub(super) enum StatementError {
    TimedOut,
    Refused(tokio_postgres::Error),
}

impl StatementError {
    pub(super) fn has_code(&self, code: &SqlState) -> bool {
        matches!(self, Self::Refused(error) if error.code() == Some(code))
    }

    /// The error for a person; `task` is the rest of the sentence "the server could not".
    pub(super) fn during(&self, task: &str) -> PostgresError {
        PostgresError::database(task, self.words())
    }

    /// What the server or the network said, in one line.
    pub(super) fn words(&self) -> String {
        match self {
            Self::TimedOut => "no answer in time".to_owned(),
            Self::Refused(error) => match error.as_db_error() {
                Some(answer) => one_line(answer.message()),
                None => with_causes(error),
            },
        }
    }
}
