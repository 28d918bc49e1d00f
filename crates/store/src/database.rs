//! The one value that stands for the database, whichever it is.

use std::time::Duration;

use crate::{StoreError, postgres::Postgres, sqlite::SqliteDatabase};

/// How to reach the database and how much of it to use.
#[derive(Clone, Debug)]
pub struct DatabaseOptions {
    /// `postgres://…` or `sqlite://PATH`; `sqlite://:memory:` is a database that lives as long as the process.
    pub url: String,
    /// Connections for transactions, at most. PostgreSQL only: SQLite has one writer.
    pub maximum_connections: usize,
    /// Connections for single reads. In PostgreSQL many requests share each one, their statements pipelined; a thread
    /// with a runtime of its own has one of its own besides.
    pub read_connections: usize,
    /// How long to wait for a connection, and for the answer to a read.
    pub timeout: Duration,
}

impl DatabaseOptions {
    /// The usual options for a database.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            maximum_connections: 16,
            read_connections: 2,
            timeout: Duration::from_secs(5),
        }
    }
}

/// The database. Cheap to clone; all clones share the connections.
///
/// Must be made on a multi-thread runtime that lives as long as it does: the connections are driven there, whichever
/// thread uses them. What writes must run there too, so that a caller who goes away interrupts no transaction.
#[derive(Clone)]
pub struct Database {
    pub(crate) engine: Engine,
}

#[derive(Clone)]
pub(crate) enum Engine {
    Postgres(Postgres),
    Sqlite(SqliteDatabase),
}

impl Database {
    /// Opens the database. Creates the file of a SQLite database that does not exist, and nothing in it.
    pub async fn connect(options: &DatabaseOptions) -> Result<Self, StoreError> {
        let engine = if options.url.starts_with("postgres://") || options.url.starts_with("postgresql://") {
            Engine::Postgres(Postgres::connect(options).await?)
        } else if let Some(path) = options.url.strip_prefix("sqlite://") {
            Engine::Sqlite(SqliteDatabase::open(path, options).await?)
        } else {
            return Err(StoreError::Configuration(
                "the database URL must start with postgres:// or sqlite://".to_owned(),
            ));
        };
        Ok(Self { engine })
    }

    /// Answers when the database does.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let one =
            read!(self, diesel::dsl::select(diesel::dsl::sql::<diesel::sql_types::Integer>("1")) => i32)?;
        if one == [1] {
            Ok(())
        } else {
            Err(StoreError::Internal("1 is not 1".to_owned()))
        }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self.engine {
            Engine::Postgres(_) => "Database(PostgreSQL)",
            Engine::Sqlite(_) => "Database(SQLite)",
        })
    }
}

/// Runs a body of statements on one connection, compiled once for each database.
macro_rules! with_connection {
    ($database:expr, |$connection:ident| $body:expr) => {
        match &$database.engine {
            $crate::database::Engine::Postgres(postgres) => {
                let mut guard = postgres.connection().await?;
                let $connection = &mut *guard;
                $body
            }
            $crate::database::Engine::Sqlite(sqlite) => {
                let mut guard = sqlite.writer().await?;
                let $connection = &mut *guard;
                $body
            }
        }
    };
}

/// Runs a body in one transaction, compiled once for each database. In SQLite it takes the write lock at once, since
/// a transaction that reads first and writes later would fail where another has written between.
macro_rules! in_transaction {
    ($database:expr, |$connection:ident| $body:block) => {
        match &$database.engine {
            $crate::database::Engine::Postgres(postgres) => {
                let mut guard = postgres.connection().await?;
                diesel_async::AsyncConnection::transaction(&mut *guard, async |$connection| $body).await
            }
            $crate::database::Engine::Sqlite(sqlite) => {
                let mut guard = sqlite.writer().await?;
                guard.immediate_transaction(async |$connection| $body).await
            }
        }
    };
}

/// Runs one reading statement: pipelined on a shared connection in PostgreSQL, on a blocking thread in SQLite. May be
/// dropped at any point. The query is an expression that is evaluated anew when a broken connection is replaced.
macro_rules! read {
    ($database:expr, $query:expr => $row:ty) => {
        match &$database.engine {
            $crate::database::Engine::Postgres(postgres) => {
                let mut attempts_left = postgres.read_attempts();
                loop {
                    let reader = postgres.reader().await?;
                    let mut connection = &*reader;
                    let rows = diesel_async::RunQueryDsl::load::<$row>($query, &mut connection);
                    if let Some(result) = postgres.finish_read(&reader, &mut attempts_left, rows).await {
                        break result;
                    }
                }
            }
            $crate::database::Engine::Sqlite(sqlite) => {
                let query = $query;
                sqlite
                    .read(move |connection| diesel::RunQueryDsl::load::<$row>(query, connection))
                    .await
            }
        }
    };
}

pub(crate) use {in_transaction, read, with_connection};
