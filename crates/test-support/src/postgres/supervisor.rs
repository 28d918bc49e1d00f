//! The process that ends a server when the tests are over, however they ended.
//!
//! Test processes come and go, and any of them may be killed. So a small shell loop, in a process group of its own,
//! looks each second whether a process that uses the server is alive. It is shell because a test program cannot be
//! run again as something else, and because every machine with a server has one.

use std::fs::{File, TryLockError};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::error::PostgresError;
use super::run_directory::RunDirectory;

const SCRIPT: &str = include_str!("supervisor.sh");

/// When a supervisor ends its server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The time without any user.
    pub(super) idle: Duration,
    /// The time since the start after which nobody new may use it; ten minutes later it ends even when in use.
    pub(super) age: Duration,
}

/// Starts the supervisor of a server.
pub(super) fn start(directory: &RunDirectory, limits: Limits) -> Result<(), PostgresError> {
    let path = directory.supervisor_lock();
    let file_error = PostgresError::file(&path);
    let lock = File::create(&path).map_err(&file_error)?;
    lock.lock().map_err(&file_error)?;
    Command::new("sh")
        .args(["-c", SCRIPT, "billfold-test-postgres"])
        .arg(directory.path())
        .args([
            limits.idle.as_secs().to_string(),
            limits.age.as_secs().to_string(),
        ])
        // The lock belongs to the open file, so it is held for as long as the shell has it.
        .stdin(lock)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/")
        .process_group(0)
        .spawn()
        .map_err(|error| PostgresError::start(format_args!("sh: {error}")))?;
    Ok(())
}

/// Whether the server's supervisor lives.
pub(super) fn is_alive(directory: &RunDirectory) -> bool {
    File::open(directory.supervisor_lock())
        .is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}
