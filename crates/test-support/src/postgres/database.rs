//! A database for one test.

use std::error::Error;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime};

use tokio::sync::OnceCell;
use tokio_postgres::error::SqlState;
use ulid::Ulid;
use url::Url;

use super::POSTGRES_URL_VARIABLE;
use super::client::{Connection, StatementError};
use super::error::{PostgresError, one_line};
use super::roles::{APPLICATION_ROLE, OWNER_ROLE, ensure_roles, url_as};
use super::shared::shared_url;
use crate::wait::look_until;

/// What the migrations of a template return.
pub type MigrationResult = Result<(), Box<dyn Error + Send + Sync>>;

/// The prefix of the databases of tests; the rest is a ULID, which tells when it was made.
const DATABASE_PREFIX: &str = "billfold_test_";

/// The prefix of the templates; the rest stands for the migrations.
const TEMPLATE_PREFIX: &str = "billfold_template_";

/// The advisory lock, in the maintenance database, under which a template is made.
const TEMPLATE_LOCK: i64 = 0x6269_6c6c_666f_6c64;

/// No test takes this long: an older database belonged to one that was killed.
const ABANDONED_AFTER: Duration = Duration::from_hours(1);

/// How many abandoned databases one process removes, so that none has to pay for all.
const SWEPT_AT_ONCE: usize = 20;

/// The longest wait for the last connection to a template to close.
const TEMPLATE_BUSY_LIMIT: Duration = Duration::from_secs(20);

/// The longest wait for connections to end by themselves before the server is left to it.
const CONNECTIONS_END_LIMIT: Duration = Duration::from_secs(1);

/// The longest that the end of a test waits for its database to be dropped.
const DROP_LIMIT: Duration = Duration::from_secs(10);

/// The URL of a PostgreSQL server for tests, as a superuser.
///
/// It is the value of [`POSTGRES_URL_VARIABLE`](super::POSTGRES_URL_VARIABLE) where that is set, else a server that
/// is started from the installed programs, or from a downloaded release, and shared by all test processes.
///
/// # Errors
/// When there is no server: the error says in one line what to install.
pub async fn postgres_url() -> Result<String, PostgresError> {
    match std::env::var(POSTGRES_URL_VARIABLE) {
        Ok(url) if !url.trim().is_empty() => check_url(url.trim()),
        _ => shared_url().await,
    }
}

/// As [`postgres_url`].
///
/// # Panics
/// When there is no server, with one line that says what to install.
pub async fn postgres_url_or_fail() -> String {
    postgres_url().await.unwrap_or_else(|error| panic!("{error}"))
}

/// A migrated database that nothing else uses, dropped with all its connections on drop.
#[derive(Debug)]
pub struct PostgresDatabase {
    name: String,
    /// As the superuser.
    url: Url,
    maintenance_url: String,
}

impl PostgresDatabase {
    /// A new database, copied from the template of these migrations.
    ///
    /// The first use of a `fingerprint` makes the template: an empty database, whose URL is given to `migrate`, as the
    /// [`OWNER_ROLE`]. It has to grant the [`APPLICATION_ROLE`](super::APPLICATION_ROLE) what that one needs.
    /// The fingerprint must change whenever the migrations do; their whole text will do. `migrate` must close its
    /// connections before it returns.
    ///
    /// # Panics
    /// When there is no server, with one line that says what to install, or when the migrations fail.
    pub async fn fresh(fingerprint: &str, migrate: impl AsyncFnOnce(&str) -> MigrationResult) -> Self {
        Self::try_fresh(fingerprint, migrate)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`PostgresDatabase::fresh`], with an error to look at.
    ///
    /// # Errors
    /// When there is no server, or when the migrations fail.
    pub async fn try_fresh(
        fingerprint: &str,
        migrate: impl AsyncFnOnce(&str) -> MigrationResult,
    ) -> Result<Self, PostgresError> {
        let maintenance_url = postgres_url().await?;
        let connection = open(&maintenance_url).await?;
        sweep_once(&connection).await;
        let maintenance = with_database(&maintenance_url, "postgres")?;
        ensure_roles(&connection, &maintenance)
            .await
            .map_err(|error| error.during("make the roles of the tests"))?;

        let template = template_name(fingerprint);
        let template_url = with_database(&maintenance_url, &template)?;
        if !is_template(&connection, &template).await? {
            let as_owner = url_as(&template_url, OWNER_ROLE);
            make_template(&connection, &template, as_owner.as_str(), migrate).await?;
        }
        let name = format!(
            "{DATABASE_PREFIX}{}",
            Ulid::generate().to_string().to_ascii_lowercase()
        );
        copy_template(&connection, &template, &name).await?;
        let url = with_database(&maintenance_url, &name)?;
        Ok(Self {
            name,
            url,
            maintenance_url,
        })
    }

    /// The database's URL, as the [`APPLICATION_ROLE`]: what a program under test is given.
    pub fn url(&self) -> String {
        url_as(&self.url, APPLICATION_ROLE).into()
    }

    /// The database's URL, as the [`OWNER_ROLE`]: what a migration under test is given.
    pub fn owner_url(&self) -> String {
        url_as(&self.url, OWNER_ROLE).into()
    }

    /// The database's URL, as the server's superuser, who sees past every policy: what a test looks with, and nothing under
    /// test.
    pub fn superuser_url(&self) -> &str {
        self.url.as_str()
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server's host and port, as a target for a [`TcpProxy`](crate::TcpProxy).
    pub fn address(&self) -> String {
        let host = self.url.host_str().unwrap_or("127.0.0.1");
        format!("{host}:{}", self.url.port().unwrap_or(5432))
    }

    /// As [`PostgresDatabase::url`], at another address, such as that of a [`TcpProxy`](crate::TcpProxy).
    pub fn url_at(&self, address: std::net::SocketAddr) -> String {
        let mut url = url_as(&self.url, APPLICATION_ROLE);
        url.set_ip_host(address.ip()).expect("a postgres URL has a host");
        url.set_port(Some(address.port()))
            .expect("a postgres URL has a port");
        url.into()
    }

    /// The database's URL as another role, which must exist and may log in with this password.
    pub fn url_as(&self, role: &str, password: &str) -> String {
        let mut url = self.url.clone();
        url.set_username(role).expect("a postgres URL has a user");
        url.set_password(Some(password))
            .expect("a postgres URL has a password");
        url.into()
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let name = std::mem::take(&mut self.name);
        let url = std::mem::take(&mut self.maintenance_url);
        // A thread of its own, because a runtime cannot block on another one; waited for, because the process may
        // end right after the test. What cannot be dropped is swept later, or goes with the server.
        let dropping = std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            runtime.block_on(async {
                let _ = tokio::time::timeout(DROP_LIMIT, remove(&url, &name)).await;
            });
        });
        let _ = dropping.join();
    }
}

/// Ends the connections to a database and drops it.
async fn remove(url: &str, name: &str) -> Result<(), StatementError> {
    let connection = Connection::open(url).await?;
    // The server itself looks only every 100 ms whether the connections are gone, most of a short test's time.
    let ended = format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'");
    look_until(CONNECTIONS_END_LIMIT, async || {
        match connection.query(&ended).await {
            Ok(left) if !left.is_empty() => None,
            outcome => Some(outcome),
        }
    })
    .await;
    connection
        .query(&format!("drop database if exists {name} with (force)"))
        .await?;
    Ok(())
}

async fn open(url: &str) -> Result<Connection, PostgresError> {
    Connection::open(url)
        .await
        .map_err(|error| error.during("accept a connection"))
}

fn check_url(text: &str) -> Result<String, PostgresError> {
    let wrong = |reason: &str| PostgresError::Url {
        reason: reason.to_owned(),
    };
    // The text itself is not repeated: it holds a password.
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if !["postgres", "postgresql"].contains(&url.scheme()) {
        return Err(wrong("it begins with something else"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("it names no host"));
    }
    if url.path().len() <= 1 {
        with_database(text, "postgres").map(Into::into)
    } else {
        Ok(url.into())
    }
}

fn with_database(url: &str, name: &str) -> Result<Url, PostgresError> {
    let mut url = Url::parse(url).map_err(|error| PostgresError::Url {
        reason: error.to_string(),
    })?;
    url.set_path(name);
    Ok(url)
}

/// The name of the template of these migrations. A chance collision of 64 bits is not worth a digest crate.
fn template_name(fingerprint: &str) -> String {
    let mut hasher = DefaultHasher::new();
    OWNER_ROLE.hash(&mut hasher);
    fingerprint.hash(&mut hasher);
    format!("{TEMPLATE_PREFIX}{:016x}", hasher.finish())
}

/// Whether the template is complete: it is marked as one only at the end.
async fn is_template(connection: &Connection, template: &str) -> Result<bool, PostgresError> {
    let found = connection
        .query(&format!(
            "select 1 from pg_database where datname = '{template}' and datistemplate"
        ))
        .await
        .map_err(|error| error.during("look for the template database"))?;
    Ok(!found.is_empty())
}

/// Makes the template, unless another process just did.
async fn make_template(
    connection: &Connection,
    template: &str,
    template_url: &str,
    migrate: impl AsyncFnOnce(&str) -> MigrationResult,
) -> Result<(), PostgresError> {
    let run = async |task: &str, statement: &str| {
        connection
            .query(statement)
            .await
            .map(|_| ())
            .map_err(|error| error.during(task))
    };
    // Let go when the connection closes, so also when this process is killed half way.
    run(
        "lock the template database",
        &format!("select pg_advisory_lock({TEMPLATE_LOCK})"),
    )
    .await?;
    let outcome = async {
        if is_template(connection, template).await? {
            return Ok(());
        }
        run(
            "remove half a template",
            &format!("drop database if exists {template} with (force)"),
        )
        .await?;
        run(
            "create the template database",
            &format!("create database {template} template template0 owner {OWNER_ROLE}"),
        )
        .await?;
        migrate(template_url)
            .await
            .map_err(|error| PostgresError::Migration {
                reason: one_line(error),
            })?;
        run(
            "mark the template database",
            &format!("alter database {template} with is_template true"),
        )
        .await
    }
    .await;
    run(
        "unlock the template database",
        &format!("select pg_advisory_unlock({TEMPLATE_LOCK})"),
    )
    .await?;
    outcome
}

async fn copy_template(connection: &Connection, template: &str, name: &str) -> Result<(), PostgresError> {
    // Copying the files is several times quicker than logging each page, where nothing has to reach the disk.
    let strategy = connection
        .query(
            "select 1 where current_setting('server_version_num')::int >= 150000 \
             and current_setting('fsync') = 'off'",
        )
        .await
        .map_err(|error| error.during("tell its version"))?;
    let strategy = if strategy.is_empty() {
        ""
    } else {
        " strategy file_copy"
    };
    let statement = format!("create database {name} template {template}{strategy} owner {OWNER_ROLE}");
    let attempt = async || match connection.query(&statement).await {
        Err(error) if error.has_code(&SqlState::OBJECT_IN_USE) => None,
        outcome => Some(outcome),
    };
    match look_until(TEMPLATE_BUSY_LIMIT, attempt).await {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(error.during("copy the template database")),
        None => Err(PostgresError::database(
            "copy the template database",
            "something is still connected to it: the migrations must close their connections",
        )),
    }
}

/// Drops some databases of tests that were killed; once in each process.
async fn sweep_once(connection: &Connection) {
    static SWEPT: OnceCell<()> = OnceCell::const_new();
    SWEPT
        .get_or_init(async || sweep(connection, SystemTime::now()).await)
        .await;
}

async fn sweep(connection: &Connection, now: SystemTime) {
    // A database that cannot be dropped now is met again by the next process.
    let names = connection
        .query(&format!(
            "select datname from pg_database where starts_with(datname, '{DATABASE_PREFIX}')"
        ))
        .await
        .unwrap_or_default();
    let abandoned = names.into_iter().flatten().filter(|name| is_abandoned(name, now));
    for name in abandoned.take(SWEPT_AT_ONCE) {
        let _ = connection
            .query(&format!("drop database if exists {name} with (force)"))
            .await;
    }
}

fn is_abandoned(name: &str, now: SystemTime) -> bool {
    let Some(id) = name.strip_prefix(DATABASE_PREFIX) else {
        return false;
    };
    // Read from exactly the form that is written, so that no other name reaches a statement.
    let Ok(id) = Ulid::from_string(&id.to_ascii_uppercase()) else {
        return false;
    };
    let made = SystemTime::UNIX_EPOCH + Duration::from_millis(id.timestamp_ms());
    now.duration_since(made).is_ok_and(|age| age > ABANDONED_AFTER)
}

#[cfg(test)]
#[path = "database_tests.rs"]
mod tests;
