//! How many of the connections for writing are in use, and how long they are waited for.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use metrics::{Counter, Histogram};

use crate::{Database, database::Engine};

/// The connections for writing: PostgreSQL's pool, or SQLite's one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionUse {
    /// How many there may be.
    pub maximum: usize,
    /// How many are open.
    pub open: usize,
    /// How many somebody has.
    pub in_use: usize,
    /// How many wait for one.
    pub awaited: usize,
}

impl From<deadpool::Status> for ConnectionUse {
    fn from(status: deadpool::Status) -> Self {
        Self {
            maximum: status.max_size,
            open: status.size,
            in_use: status.size.saturating_sub(status.available),
            awaited: status.waiting,
        }
    }
}

impl Database {
    /// How its connections for writing are used at the moment.
    pub fn connections(&self) -> ConnectionUse {
        match &self.engine {
            Engine::Postgres(postgres) => postgres.pool_status().into(),
            Engine::Sqlite(sqlite) => sqlite.pool_status().into(),
        }
    }
}

/// A wait for a connection.
pub(crate) struct Wait(Instant);

impl Wait {
    pub(crate) fn begin() -> Self {
        Self(Instant::now())
    }

    /// Tells how it ended: with a connection, or without.
    pub(crate) fn end(self, got_one: bool) {
        static WAITS: LazyLock<Histogram> =
            LazyLock::new(|| metrics::histogram!("billfold_database_connection_wait_seconds"));
        static FAILURES: LazyLock<Counter> =
            LazyLock::new(|| metrics::counter!("billfold_database_connection_failures_total"));
        let waited: Duration = self.0.elapsed();
        if got_one {
            WAITS.record(waited);
        } else {
            FAILURES.increment(1);
        }
    }
}
