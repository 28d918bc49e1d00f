//! SQLite: one connection that writes, a few that read on blocking threads, and one for each thread that serves requests.

use std::{path::Path, sync::Arc, time::Duration};

use deadpool::{Runtime, managed::Timeouts};
use diesel::{Connection as _, QueryResult, SqliteConnection, connection::SimpleConnection as _};
use diesel_async::{
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
        deadpool::{Object, Pool},
    },
    sync_connection_wrapper::SyncConnectionWrapper,
};
use futures_util::FutureExt as _;
use parking_lot::Mutex;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Semaphore,
};

use crate::{
    DatabaseOptions, StoreError,
    connection_share::{self, Shared},
};

pub(crate) type WriteConnection = SyncConnectionWrapper<SqliteConnection>;

/// Set on every connection, after how long it waits for a lock: switching to the write-ahead log needs one.
const PRAGMAS: &str = "pragma foreign_keys = on; pragma journal_mode = wal; pragma synchronous = full;";

/// How long a connection waits for a lock where its thread may block.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(crate) struct SqliteDatabase {
    writer: Pool<WriteConnection>,
    timeout: Duration,
    readers: Arc<Readers>,
}

struct Readers {
    url: String,
    idle: Mutex<Vec<SqliteConnection>>,
    /// For reads in place: as many as threads serve requests, once each of them has read.
    idle_in_place: Mutex<Vec<SqliteConnection>>,
    permits: Arc<Semaphore>,
}

impl SqliteDatabase {
    pub(crate) async fn open(path: &str, options: &DatabaseOptions) -> Result<Self, StoreError> {
        let url = connection_url(path)?;
        let mut manager = ManagerConfig::default();
        manager.recycling_method = RecyclingMethod::Fast;
        manager.custom_setup = Box::new(|url| {
            let url = url.to_owned();
            async move {
                let connecting = tokio::task::spawn_blocking(move || establish(&url, PATIENCE));
                let connection = connecting
                    .await
                    .map_err(|error| diesel::ConnectionError::BadConnection(error.to_string()))??;
                Ok(SyncConnectionWrapper::new(connection))
            }
            .boxed()
        });
        let writer = Pool::builder(AsyncDieselConnectionManager::new_with_config(
            url.as_str(),
            manager,
        ))
        .max_size(1)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts {
            wait: Some(options.timeout),
            ..Timeouts::default()
        })
        .build()
        .map_err(|error| StoreError::Configuration(error.to_string()))?;
        // The writer's connection is opened now and never closed: a database in memory lives as long as it does.
        drop(writer.get().await.map_err(|error| {
            StoreError::Configuration(format!("the database {path} cannot be opened: {error}"))
        })?);
        let read_connections = options.read_connections.max(1);
        let readers = Readers {
            url,
            idle: Mutex::default(),
            idle_in_place: Mutex::default(),
            permits: Arc::new(Semaphore::new(read_connections)),
        };
        Ok(Self {
            writer,
            timeout: options.timeout,
            readers: Arc::new(readers),
        })
    }

    pub(crate) async fn writer(&self) -> Result<Shared<Object<WriteConnection>>, StoreError> {
        connection_share::take(self.timeout, self.writer.get()).await
    }

    pub(crate) fn pool_status(&self) -> deadpool::Status {
        self.writer.status()
    }

    /// Runs a read on a blocking thread: a caller who goes away leaves it to finish there.
    pub(crate) async fn read<Rows: Send + 'static>(
        &self,
        query: impl FnOnce(&mut SqliteConnection) -> QueryResult<Rows> + Send + 'static,
    ) -> Result<Rows, StoreError> {
        let permit = Arc::clone(&self.readers.permits)
            .acquire_owned()
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let readers = Arc::clone(&self.readers);
        let reading = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let idle = readers.idle.lock().pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => establish(&readers.url, PATIENCE)?,
            };
            let rows = query(&mut connection)?;
            readers.idle.lock().push(connection);
            Ok(rows)
        });
        reading
            .await
            .unwrap_or_else(|error| Err(StoreError::Internal(error.to_string())))
    }

    /// Runs a brief read on the calling thread if that serves requests; `None` where it is for a blocking thread.
    ///
    /// To read a page takes less time than to wake another thread and be woken by it. Other requests of this thread do not wait
    /// for long: the statement reads two hundred rows at most, even from a cold disk no more, and beside a write-ahead log it waits
    /// for no writer. Where it would wait all the same (in memory, or while another process mends the log), it gives up at once
    /// and is for a blocking thread. Its future cannot be dropped halfway, since there is nothing in it to wait for.
    pub(crate) fn read_in_place<Rows>(
        &self,
        query: impl FnOnce(&mut SqliteConnection) -> QueryResult<Rows>,
    ) -> Option<Result<Rows, StoreError>> {
        if Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread {
            return None;
        }
        let idle = self.readers.idle_in_place.lock().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => establish(&self.readers.url, Duration::ZERO).ok()?,
        };
        let rows = query(&mut connection).map_err(StoreError::from);
        if matches!(rows, Ok(_) | Err(StoreError::Unavailable(_))) {
            self.readers.idle_in_place.lock().push(connection);
        }
        match rows {
            Err(StoreError::Unavailable(_)) => None,
            rows => Some(rows),
        }
    }

    /// Runs some work on a blocking thread, on a connection that nobody else has.
    pub(crate) async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let url = self.readers.url.clone();
        let working = tokio::task::spawn_blocking(move || Ok(work(&mut establish(&url, PATIENCE)?)));
        working
            .await
            .unwrap_or_else(|error| Err(StoreError::Internal(error.to_string())))
    }
}

fn establish(url: &str, lock_wait: Duration) -> diesel::ConnectionResult<SqliteConnection> {
    let mut connection = SqliteConnection::establish(url)?;
    connection
        .batch_execute(&format!(
            "pragma busy_timeout = {}; {PRAGMAS}",
            lock_wait.as_millis()
        ))
        .map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// What SQLite is told to open. A database in memory gets a name of its own in SQLite's memory file system, so that
/// several connections share it and lock it as they would a file.
fn connection_url(path: &str) -> Result<String, StoreError> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    if path == ":memory:" {
        return Ok(format!(
            "file:/billfold-{}?vfs=memdb",
            NEXT.fetch_add(1, Ordering::Relaxed)
        ));
    }
    let misplaced = |what: &str| Err(StoreError::Configuration(format!("sqlite://{path}: {what}")));
    if path.is_empty() || path.contains(['?', '#', '\0']) {
        return misplaced("the part after sqlite:// must be the path of a file, without ? and #");
    }
    match Path::new(path).parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            misplaced("the folder does not exist: create it first")
        }
        _ => Ok(path.to_owned()),
    }
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;
