//! The one server that all test processes of a target directory share.
//!
//! A file in the target directory names the directory of the running server. Whoever holds the lock beside it joins
//! that server, or starts one where there is none. The server ends some seconds after its last user, see
//! [`supervisor`].

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio_postgres::error::SqlState;

use super::client::Connection;
use super::error::PostgresError;
use super::installation::{Installation, current_user};
use super::private::quick_settings;
use super::run_directory::{RunDirectory, data_parent, own_directory, random_password, url, write_private};
use super::supervisor::{self, Limits};
use crate::wait::look_until;

/// Long enough for the pause between two test programs, short enough to leave nothing behind.
const LIMITS: Limits = Limits {
    idle: Duration::from_secs(20),
    age: Duration::from_hours(2),
};

/// The longest wait for another process to start the server, a download included.
const LOCK_LIMIT: Duration = Duration::from_mins(5);

/// The URL of the shared server's `postgres` database, as the superuser; starts the server when it does not run.
///
/// This process counts as a user of the server until it ends.
pub(super) async fn shared_url() -> Result<String, PostgresError> {
    static SHARED: OnceCell<String> = OnceCell::const_new();
    let join = async || join_or_start(&coordination_directory()?, LIMITS).await;
    SHARED.get_or_try_init(join).await.cloned()
}

/// The directory of the locks and notes, in the target directory of the running program, for this account only.
pub(super) fn coordination_directory() -> Result<PathBuf, PostgresError> {
    let name = format!("billfold-test-postgres-{}", current_user()?);
    let program = std::env::current_exe().unwrap_or_default();
    // Cargo marks its target directory with this file.
    let target = program
        .ancestors()
        .find(|directory| directory.join("CACHEDIR.TAG").is_file());
    let parent = target.map_or_else(std::env::temp_dir, Path::to_path_buf);
    own_directory(&parent.join(name), 0o700)
}

async fn join_or_start(coordination: &Path, limits: Limits) -> Result<String, PostgresError> {
    let _lock = lock(&coordination.join("lock")).await?;
    let current = coordination.join("current");
    if let Some(url) = join(&current).await {
        return Ok(url);
    }
    let installation = Installation::find(coordination).await?;
    let directory = RunDirectory::create(&data_parent(installation.account), installation.account)?;
    let started = start(&directory, &installation, limits).await;
    match started {
        Ok(url) => {
            let path = directory.path().display().to_string();
            write_private(&current, &path).map_err(PostgresError::file(&current))?;
            Ok(url)
        }
        Err(error) => {
            directory.remove();
            Err(error)
        }
    }
}

async fn start(
    directory: &RunDirectory,
    installation: &Installation,
    limits: Limits,
) -> Result<String, PostgresError> {
    // The supervisor first: were this process killed now, nothing would stay behind.
    directory.register_user()?;
    supervisor::start(directory, limits)?;
    let password = random_password();
    directory.initialize(installation, &password).await?;
    let started = directory
        .start(installation, &password, &quick_settings())
        .await?;
    let url = url(started.port, &password, "postgres");
    let note = directory.path().join("url");
    write_private(&note, &url).map_err(PostgresError::file(&note))?;
    let accepting = directory.accepting();
    File::create(&accepting).map_err(PostgresError::file(&accepting))?;
    Ok(url)
}

/// Joins the server that the note names, if it runs and will go on running.
async fn join(current: &Path) -> Option<String> {
    let path = fs::read_to_string(current).ok()?;
    let directory = RunDirectory::existing(PathBuf::from(path))?;
    if !supervisor::is_alive(&directory) {
        // Nobody would end this server. Without its directory it ends itself.
        directory.remove();
        return None;
    }
    // The supervisor withdraws `accepting` first and looks for users afterwards; here it is the other way round.
    // So it sees this user, or this user sees that it is too late.
    let user = directory.register_user().ok()?;
    let url = fs::read_to_string(directory.path().join("url")).ok();
    match url {
        Some(url) if directory.accepting().is_file() && answers(&url).await => Some(url),
        _ => {
            // Without the file, this process would keep a server that it does not use.
            let _ = fs::remove_file(user);
            let _ = fs::remove_file(directory.accepting());
            None
        }
    }
}

/// Whether the server accepts connections, be it that it has no more to give.
async fn answers(url: &str) -> bool {
    match Connection::open(url).await {
        Ok(_) => true,
        Err(error) => error.has_code(&SqlState::TOO_MANY_CONNECTIONS),
    }
}

/// Holds the lock until the file is dropped.
async fn lock(path: &Path) -> Result<File, PostgresError> {
    let file_error = PostgresError::file(path);
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(&file_error)?;
    let attempt = async || match file.try_lock() {
        Ok(()) => Some(Ok(())),
        Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Error(error)) => Some(Err(file_error(error))),
    };
    match look_until(LOCK_LIMIT, attempt).await {
        Some(outcome) => outcome.map(|()| file),
        None => Err(PostgresError::start(format_args!(
            "another process has held {} for {LOCK_LIMIT:?}",
            path.display()
        ))),
    }
}

#[cfg(test)]
#[path = "shared_tests.rs"]
mod tests;
