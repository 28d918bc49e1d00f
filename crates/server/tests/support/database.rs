//! The databases that every test runs on.

use std::time::Duration;

use billfold_store::{Database, DatabaseOptions};
use billfold_test_support::{APPLICATION_ROLE, PostgresDatabase, SQLITE_IN_MEMORY_URL, SqliteFile, TcpProxy};

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    SqliteMemory,
    SqliteFile,
    Postgres,
}

impl Backend {
    pub(crate) const ALL: [Self; 3] = [Self::SqliteMemory, Self::SqliteFile, Self::Postgres];
}

/// What keeps a database in the world while a test uses it.
enum Place {
    Memory,
    File(SqliteFile),
    Server(PostgresDatabase),
}

/// A database that no other test sees.
pub(crate) struct TestDatabase {
    pub(crate) database: Database,
    /// What stands between the server and PostgreSQL, where that was asked for.
    pub(crate) proxy: Option<TcpProxy>,
    place: Place,
}

impl TestDatabase {
    /// A new database: without any table unless it is to be migrated, and behind a proxy where that is asked for, which
    /// only PostgreSQL can be.
    pub(crate) async fn fresh(backend: Backend, migrated: bool, proxied: bool) -> Self {
        let place = match backend {
            Backend::SqliteMemory => Place::Memory,
            Backend::SqliteFile => Place::File(SqliteFile::fresh()),
            Backend::Postgres if migrated => Place::Server(migrated_postgres().await),
            Backend::Postgres => Place::Server(PostgresDatabase::fresh("empty", async |_| Ok(())).await),
        };
        let (url, proxy) = match &place {
            Place::Memory => (SQLITE_IN_MEMORY_URL.to_owned(), None),
            Place::File(file) => (file.url().to_owned(), None),
            Place::Server(server) if proxied => {
                let proxy = TcpProxy::start(server.address())
                    .await
                    .expect("the proxy should listen");
                (server.url_at(proxy.address()), Some(proxy))
            }
            Place::Server(server) => (server.url(), None),
        };
        let database = Database::connect(&options(&url, proxied))
            .await
            .expect("the database should open");
        if migrated && backend != Backend::Postgres {
            database.migrate().await.expect("the migrations should apply");
        }
        Self {
            database,
            proxy,
            place,
        }
    }
}

impl TestDatabase {
    /// The database as another process would have it. In memory there is no other way in than by the first.
    pub(crate) async fn another_way_in(&self) -> Database {
        let url = match &self.place {
            Place::Memory => return self.database.clone(),
            Place::File(file) => file.url().to_owned(),
            Place::Server(server) => server.url(),
        };
        Database::connect(&options(&url, false))
            .await
            .expect("the database should open again")
    }

    /// All that is stored, read behind the server's back; `None` where there is no way behind it.
    pub(crate) async fn contents(&self) -> Option<String> {
        match &self.place {
            Place::Memory => None,
            Place::File(file) => {
                let mut bytes = Vec::new();
                // What was written last may still be beside the file.
                for suffix in ["", "-wal"] {
                    let path = format!("{}{suffix}", file.path().display());
                    bytes.extend(std::fs::read(path).unwrap_or_default());
                }
                Some(String::from_utf8_lossy(&bytes).into_owned())
            }
            Place::Server(server) => Some(contents_of_postgres(server.superuser_url()).await),
        }
    }
}

impl TestDatabase {
    /// Runs statements behind the server's back. PostgreSQL only.
    pub(crate) async fn execute(&self, statements: &str) {
        let Place::Server(server) = &self.place else {
            panic!("only PostgreSQL has a way behind the server's back");
        };
        let (client, connection) = tokio_postgres::connect(server.superuser_url(), tokio_postgres::NoTls)
            .await
            .expect("the database should be reached");
        let driving = tokio::spawn(connection);
        client
            .batch_execute(statements)
            .await
            .expect("the statements run");
        drop(client);
        driving.await.expect("it ends").expect("it ends well");
    }
}

async fn contents_of_postgres(url: &str) -> String {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .expect("the database should be reached");
    let driving = tokio::spawn(connection);
    let tables = "select tablename::text from pg_tables where schemaname = 'public'";
    let mut contents = String::new();
    for table in client.query(tables, &[]).await.expect("there are tables") {
        let table: String = table.get(0);
        let rows = format!("select coalesce(string_agg(row::text, ' '), '') from \"{table}\" as row");
        let rows = client.query_one(&rows, &[]).await;
        contents.push_str(rows.expect("a table can be read").get(0));
    }
    drop(client);
    driving.await.expect("it ends").expect("it ends well");
    contents
}

/// Few connections, so that many tests can run at once; patience on a busy machine, and little of it where the network
/// is to fail.
fn options(url: &str, proxied: bool) -> DatabaseOptions {
    DatabaseOptions {
        maximum_connections: 4,
        read_connections: 1,
        timeout: Duration::from_secs(if proxied { 2 } else { 60 }),
        ..DatabaseOptions::new(url)
    }
}

/// A migrated PostgreSQL database, copied from a template that is made once.
pub(crate) async fn migrated_postgres() -> PostgresDatabase {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/postgres");
    let mut texts: Vec<_> = std::fs::read_dir(folder)
        .expect("the migrations should be there")
        .map(|migration| {
            let path = migration.expect("a migration should be readable").path();
            std::fs::read_to_string(path.join("up.sql")).expect("a migration should have an up.sql")
        })
        .collect();
    texts.sort();
    PostgresDatabase::fresh(&texts.concat(), async |url| {
        let database = Database::connect(&DatabaseOptions::new(url)).await?;
        database.migrate().await?;
        database.grant_to(APPLICATION_ROLE).await?;
        Ok(())
    })
    .await
}
