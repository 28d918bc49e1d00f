//! A database for each test, and ways into it behind the store's back.

use std::time::Duration;

use billfold_store::{Database, DatabaseOptions, Projects};
use billfold_test_support::{APPLICATION_ROLE, PostgresDatabase, SQLITE_IN_MEMORY_URL, SqliteFile};
use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection, connection::SimpleConnection as _};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::{KEY_A, Tenant, at, new_project, vault};

/// A kind of database that every test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    SqliteInMemory,
    SqliteFile,
    Postgres,
}

pub(crate) use Backend::{Postgres, SqliteFile as SqliteInFile, SqliteInMemory};

/// What keeps a database in the world while a test uses it.
enum Place {
    Memory,
    File(SqliteFile),
    Server(PostgresDatabase),
}

/// A database that no other test sees.
pub(crate) struct TestDatabase {
    pub(crate) database: Database,
    place: Place,
}

impl Backend {
    /// A database without any table; in PostgreSQL, as the role that may make some.
    pub(crate) async fn empty(self) -> TestDatabase {
        let place = match self {
            Self::SqliteInMemory => Place::Memory,
            Self::SqliteFile => Place::File(SqliteFile::fresh()),
            Self::Postgres => Place::Server(PostgresDatabase::fresh("empty", async |_| Ok(())).await),
        };
        TestDatabase::open_as_owner(place).await
    }

    /// A database that is ready for use.
    pub(crate) async fn migrated(self) -> TestDatabase {
        let Self::Postgres = self else {
            let test = self.empty().await;
            test.database.migrate().await.unwrap();
            return test;
        };
        TestDatabase::open(Place::Server(fresh_postgres().await)).await
    }
}

/// A migrated PostgreSQL database.
pub(crate) async fn fresh_postgres() -> PostgresDatabase {
    PostgresDatabase::fresh(&migrations_as_text(), async |url| {
        let database = Database::connect(&DatabaseOptions::new(url)).await?;
        database.migrate().await?;
        database.grant_to(APPLICATION_ROLE).await?;
        Ok(())
    })
    .await
}

/// Every migration of PostgreSQL, to tell whether a database was made by the same ones.
fn migrations_as_text() -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/postgres");
    let mut texts: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|migration| std::fs::read_to_string(migration.unwrap().path().join("up.sql")).unwrap())
        .collect();
    texts.sort();
    texts.concat()
}

/// Options that leave a machine under load time to answer.
pub(crate) fn patient(url: &str) -> DatabaseOptions {
    DatabaseOptions {
        timeout: Duration::from_mins(1),
        ..DatabaseOptions::new(url)
    }
}

impl TestDatabase {
    async fn open(place: Place) -> Self {
        let url = match &place {
            Place::Memory => SQLITE_IN_MEMORY_URL.to_owned(),
            Place::File(file) => file.url().to_owned(),
            Place::Server(server) => server.url(),
        };
        Self {
            database: Database::connect(&patient(&url)).await.unwrap(),
            place,
        }
    }

    async fn open_as_owner(place: Place) -> Self {
        let Place::Server(server) = &place else {
            return Self::open(place).await;
        };
        Self {
            database: Database::connect(&patient(&server.owner_url())).await.unwrap(),
            place,
        }
    }

    /// The database as whoever migrates it has it.
    pub(crate) async fn of_owner(&self) -> Database {
        match &self.place {
            Place::Memory | Place::File(_) => self.database.clone(),
            Place::Server(server) => Database::connect(&patient(&server.owner_url())).await.unwrap(),
        }
    }

    /// The server that the database is on. PostgreSQL only.
    pub(crate) fn server(&self) -> &PostgresDatabase {
        match &self.place {
            Place::Server(server) => server,
            Place::Memory | Place::File(_) => panic!("SQLite has no server"),
        }
    }

    /// The database as another process would have it. In memory there is no other way in than by the first.
    pub(crate) async fn another_way_in(&self) -> Database {
        match &self.place {
            Place::Memory => self.database.clone(),
            Place::File(file) => Database::connect(&patient(file.url())).await.unwrap(),
            Place::Server(server) => Database::connect(&patient(&server.url())).await.unwrap(),
        }
    }

    /// Runs statements behind the store's back. Not for a database in memory.
    pub(crate) async fn execute(&self, statements: &str) {
        match &self.place {
            Place::Memory => panic!("a database in memory has no back"),
            Place::File(file) => {
                SqliteConnection::establish(file.path().to_str().unwrap())
                    .unwrap()
                    .batch_execute(statements)
                    .unwrap();
            }
            Place::Server(server) => {
                run_on_postgres(server.superuser_url(), statements).await;
            }
        }
    }

    /// Tries statements behind the store's back, and gives the database's words where it refuses. Not for a database in
    /// memory.
    pub(crate) async fn try_to_execute(&self, statements: &str) -> Result<(), String> {
        match &self.place {
            Place::Memory => panic!("a database in memory has no back"),
            Place::File(file) => SqliteConnection::establish(file.path().to_str().unwrap())
                .unwrap()
                .batch_execute(statements)
                .map_err(|error| error.to_string()),
            Place::Server(server) => {
                let (client, connection) = tokio_postgres::connect(server.superuser_url(), NoTls)
                    .await
                    .unwrap();
                let driving = tokio::spawn(connection);
                let tried = client.batch_execute(statements).await;
                drop(client);
                driving.await.unwrap().unwrap();
                tried.map_err(|error| match error.as_db_error() {
                    Some(told) => told.message().to_owned(),
                    None => error.to_string(),
                })
            }
        }
    }

    /// The first column of a query's rows, as text. Not for a database in memory.
    pub(crate) async fn texts(&self, query: &str) -> Vec<String> {
        match &self.place {
            Place::Memory => panic!("a database in memory has no back"),
            Place::File(file) => {
                let mut connection = SqliteConnection::establish(file.path().to_str().unwrap()).unwrap();
                let query = format!(
                    "select cast(value as text) as value from (select 0 as value where 0 union all {query})"
                );
                let rows: Vec<TextRow> = diesel::sql_query(query).load(&mut connection).unwrap();
                rows.into_iter().map(|row| row.value).collect()
            }
            Place::Server(server) => run_on_postgres(server.superuser_url(), query).await,
        }
    }

    /// Whether the bytes of the table of credentials, wherever they lie, have this text. Not for a database in memory.
    pub(crate) async fn files_have(&self, text: &str) -> bool {
        match &self.place {
            Place::Memory => panic!("a database in memory has no files"),
            Place::File(file) => ["", "-wal"].iter().any(|suffix| {
                let bytes = std::fs::read(format!("{}{suffix}", file.path().display())).unwrap_or_default();
                String::from_utf8_lossy(&bytes).contains(text)
            }),
            Place::Server(server) => {
                let of_table = "pg_relation_filepath('stripe_credentials')";
                let query = format!(
                    "checkpoint; select position('{text}'::bytea in pg_read_binary_file({of_table})) > 0"
                );
                run_on_postgres(server.superuser_url(), &query).await == ["t"]
            }
        }
    }

    /// The projects, with the usual master key.
    pub(crate) fn projects(&self) -> Projects {
        Projects::new(self.database.clone(), vault(&[KEY_A]))
    }

    /// A tenant of this name, made now.
    pub(crate) async fn tenant(&self, project: &str) -> Tenant {
        self.projects()
            .create(&new_project(project), at(0))
            .await
            .unwrap();
        Tenant::of(&self.database, project)
    }
}

#[derive(diesel::QueryableByName)]
struct TextRow {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

/// Runs statements on a connection of their own and gives the first column of what they return.
pub(crate) async fn run_on_postgres(url: &str, statements: &str) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let driving = tokio::spawn(connection);
    let answer = client.simple_query(statements).await.unwrap();
    drop(client);
    driving.await.unwrap().unwrap();
    answer
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        })
        .collect()
}
