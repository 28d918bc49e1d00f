//! The one value that stands for the database, whichever it is.

use std::time::Duration;

use crate::{StoreError, postgres::Postgres, sqlite::SqliteDatabase};

/// How to reach the database and how much of it to use.
#[derive(Clone, Debug)]
pub struct DatabaseOptions {
    /// `postgres://…` or `sqlite://PATH`; `sqlite://:memory:` is a database that lives as long as the process. Of several
    /// servers, `postgres://one,two/…`, connections go to the one that takes writes.
    pub url: String,
    /// Connections for transactions, at most. PostgreSQL only: SQLite has one writer.
    pub maximum_connections: usize,
    /// Connections for single reads. In PostgreSQL many requests share each one, their statements pipelined; a thread
    /// with a runtime of its own has one of its own besides.
    pub read_connections: usize,
    /// How long to wait for a connection, and for the answer to a read.
    pub timeout: Duration,
    /// What stands between, if anything does that gives each transaction another session. PostgreSQL only.
    pub pooler: Option<DatabasePooler>,
}

/// What stands between Billfold and PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabasePooler {
    /// A pooler that lends a session for one transaction at a time, as PgBouncer does with `pool_mode = transaction`.
    ///
    /// Nothing outlives a transaction there, so every statement runs in one, reads too, and none stays prepared:
    /// [`DatabaseOptions::read_connections`] are not used, and a read takes four journeys to the server instead of one.
    Transaction,
}

impl DatabaseOptions {
    /// The usual options for a database.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            maximum_connections: 16,
            read_connections: 2,
            timeout: Duration::from_secs(5),
            pooler: None,
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
        let one = read_shared!(self, diesel::dsl::select(diesel::dsl::sql::<diesel::sql_types::Integer>("1")) => i32)?;
        if one == [1] {
            Ok(())
        } else {
            Err(StoreError::Internal("1 is not 1".to_owned()))
        }
    }
}

impl Engine {
    /// Its name, for traces.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "postgres",
            Self::Sqlite(_) => "sqlite",
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

// What belongs to a tenant is read and written by `read!`, `with_connection!` and `in_transaction!`, whose second argument is the
// tenant: a `ProjectScope`, or a `ProjectId` where nobody is authorised yet. PostgreSQL shows and takes that project's rows only,
// see `row_security`. For what belongs to none there are the same with `shared` in their names, under which there are no rows
// of any tenant.

/// Runs a body of statements on one connection, compiled once for each database. What it gives is a `Result` with a
/// [`StoreError`]; `?` and `return` in it leave the body, not the function. In PostgreSQL it is a transaction too, which is what
/// says whose rows they may see.
macro_rules! with_connection {
    ($database:expr, $tenant:expr, |$connection:ident| $body:expr) => {
        $crate::database::body!(
            $database,
            Some($crate::row_security::Tenant::tenant($tenant)),
            |$connection| $body
        )
    };
}

/// The same for what belongs to no tenant.
#[allow(unused_macros, reason = "as where it is made known")]
macro_rules! with_shared_connection {
    ($database:expr, |$connection:ident| $body:expr) => {
        $crate::database::body!($database, None, |$connection| $body)
    };
}

/// Runs a body in one transaction, compiled once for each database. In SQLite it takes the write lock at once, since
/// a transaction that reads first and writes later would fail where another has written between.
macro_rules! in_transaction {
    ($database:expr, $tenant:expr, |$connection:ident| $body:expr) => {
        $crate::database::transaction!(
            $database,
            Some($crate::row_security::Tenant::tenant($tenant)),
            |$connection| $body
        )
    };
}

/// The same for what belongs to no tenant.
#[allow(unused_macros, reason = "as where it is made known")]
macro_rules! in_shared_transaction {
    ($database:expr, |$connection:ident| $body:expr) => {
        $crate::database::transaction!($database, None, |$connection| $body)
    };
}

/// Runs one reading statement: pipelined on a shared connection in PostgreSQL, on a blocking thread in SQLite. May be
/// dropped at any point. The query is an expression that is evaluated anew when a broken connection is replaced.
macro_rules! read {
    ($database:expr, $tenant:expr, $query:expr => $row:ty) => {
        $crate::query_span::traced!(
            $database,
            match &$database.engine {
                $crate::database::Engine::Postgres(postgres) => {
                    $crate::database::read_postgres!(
                        postgres,
                        $crate::row_security::under_policy($tenant, $query) => $row
                    )
                }
                $crate::database::Engine::Sqlite(sqlite) => {
                    $crate::database::read_sqlite!(sqlite, $query => $row)
                }
            }
        )
    };
}

/// The same for a statement that reads a page of an index and no more: in SQLite a thread that serves requests carries it out
/// itself, where it would cost more to ask another thread.
macro_rules! read_briefly {
    ($database:expr, $tenant:expr, $query:expr => $row:ty) => {
        $crate::query_span::traced!(
            $database,
            match &$database.engine {
                $crate::database::Engine::Postgres(postgres) => {
                    $crate::database::read_postgres!(
                        postgres,
                        $crate::row_security::under_policy($tenant, $query) => $row
                    )
                }
                $crate::database::Engine::Sqlite(sqlite) => {
                    let read =
                        sqlite.read_in_place(|connection| diesel::RunQueryDsl::load::<$row>($query, connection));
                    match read {
                        Some(rows) => rows,
                        None => $crate::database::read_sqlite!(sqlite, $query => $row),
                    }
                }
            }
        )
    };
}

/// The same for what belongs to no tenant.
macro_rules! read_shared {
    ($database:expr, $query:expr => $row:ty) => {
        $crate::query_span::traced!(
            $database,
            match &$database.engine {
                $crate::database::Engine::Postgres(postgres) => {
                    $crate::database::read_postgres!(postgres, $query => $row)
                }
                $crate::database::Engine::Sqlite(sqlite) => {
                    $crate::database::read_sqlite!(sqlite, $query => $row)
                }
            }
        )
    };
}

macro_rules! body {
    ($database:expr, $tenant:expr, |$connection:ident| $body:expr) => {
        $crate::query_span::traced!(
            $database,
            match &$database.engine {
                $crate::database::Engine::Postgres(postgres) => {
                    $crate::database::postgres_transaction!(postgres, $tenant, |$connection| $body)
                }
                $crate::database::Engine::Sqlite(sqlite) => {
                    let mut guard = sqlite.writer().await?;
                    let $connection = &mut *guard;
                    $crate::database::fallible(async { $body }).await
                }
            }
        )
    };
}

macro_rules! transaction {
    ($database:expr, $tenant:expr, |$connection:ident| $body:expr) => {
        $crate::query_span::traced!(
            $database,
            match &$database.engine {
                $crate::database::Engine::Postgres(postgres) => {
                    $crate::database::postgres_transaction!(postgres, $tenant, |$connection| $body)
                }
                $crate::database::Engine::Sqlite(sqlite) => {
                    let mut guard = sqlite.writer().await?;
                    guard.immediate_transaction(async |$connection| $body).await
                }
            }
        )
    };
}

macro_rules! postgres_transaction {
    ($postgres:expr, $tenant:expr, |$connection:ident| $body:expr) => {{
        let mut session = $postgres.begin($tenant).await?;
        let $connection = session.connection();
        let outcome = $crate::database::fallible(async { $body }).await;
        $postgres.end(session, outcome).await
    }};
}

macro_rules! read_postgres {
    ($postgres:expr, $query:expr => $row:ty) => {{
        let mut attempts_left = $postgres.read_attempts();
        loop {
            let reader = $postgres.reader().await?;
            let mut connection = reader.connection();
            let rows = diesel_async::RunQueryDsl::load::<$row>($query, &mut connection);
            let answer = $postgres.in_time(rows).await;
            if let Some(result) = $postgres.finish_read(reader, &mut attempts_left, answer).await {
                break result;
            }
        }
    }};
}

macro_rules! read_sqlite {
    ($sqlite:expr, $query:expr => $row:ty) => {{
        let query = $query;
        $sqlite
            .read(move |connection| diesel::RunQueryDsl::load::<$row>(query, connection))
            .await
    }};
}

/// Says what a body gives, which the compiler cannot know of a block.
pub(crate) const fn fallible<T, Body: Future<Output = Result<T, StoreError>>>(body: Body) -> Body {
    body
}

pub(crate) use {
    body, in_transaction, postgres_transaction, read, read_briefly, read_postgres, read_shared, read_sqlite,
    transaction, with_connection,
};
#[allow(
    unused_imports,
    reason = "what belongs to no tenant is hardly ever written alone"
)]
pub(crate) use {in_shared_transaction, with_shared_connection};
