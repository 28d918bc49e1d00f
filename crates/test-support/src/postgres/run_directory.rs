//! The files of one running server.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::client::Connection;
use super::error::{PostgresError, one_line};
use super::installation::{Account, Installation, current_user};
use crate::wait::{free_port, look_until};

/// How the directories are called, so that one is never mistaken for something else when it is removed.
pub(super) const PREFIX: &str = "billfold-test-postgres-";

/// The file system that lives in memory, where there is one.
const MEMORY: &str = "/dev/shm";

/// The room a server in memory must find: some hundred databases of 8 MB each.
const MEMORY_KIBIBYTES: u64 = 2 * 1024 * 1024;

/// The longest wait for a server to accept connections, recovery after a crash included.
const START_LIMIT: Duration = Duration::from_mins(1);

/// How often another port is tried when the server does not start.
const START_ATTEMPTS: u32 = 4;

/// The directory of one server: its data, its log, and a file for each process that uses it.
#[derive(Clone, Debug)]
pub(super) struct RunDirectory {
    path: PathBuf,
}

/// A started server process.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) port: u16,
}

impl RunDirectory {
    /// Makes the directories; the server's own account gets the one for data.
    pub(super) fn create(parent: &Path, account: Option<Account>) -> Result<Self, PostgresError> {
        let make = || -> io::Result<PathBuf> {
            let path = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?.keep();
            // The server's account passes through to its data and sees nothing else.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o711))?;
            DirBuilder::new().mode(0o700).create(path.join("users"))?;
            DirBuilder::new().mode(0o700).create(path.join("data"))?;
            if let Some(Account { user, group }) = account {
                chown(path.join("data"), Some(user), Some(group))?;
            }
            Ok(path)
        };
        make()
            .map(|path| Self { path })
            .map_err(PostgresError::file(parent))
    }

    /// The directory of a server that another process started.
    pub(super) fn existing(path: PathBuf) -> Option<Self> {
        let is_named_so = path.file_name()?.to_str()?.starts_with(PREFIX);
        (is_named_so && path.join("data").is_dir()).then_some(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Present while further processes may begin to use the server.
    pub(super) fn accepting(&self) -> PathBuf {
        self.path.join("accepting")
    }

    /// The file that the supervisor keeps locked while it lives.
    pub(super) fn supervisor_lock(&self) -> PathBuf {
        self.path.join("supervisor.lock")
    }

    /// Notes that this process uses the server, until it ends or the returned file is removed.
    pub(super) fn register_user(&self) -> Result<PathBuf, PostgresError> {
        // A name of its own for each use: a process id is used again after its process has ended.
        let unique = ulid::Ulid::generate();
        let path = self
            .path
            .join("users")
            .join(format!("{}.{unique}", std::process::id()));
        File::create_new(&path).map_err(PostgresError::file(&path))?;
        Ok(path)
    }

    /// Removes everything. A server still running on it ends itself within a minute.
    pub(super) fn remove(&self) {
        // What cannot be removed now is removed by the supervisor, or by the operating system with its other
        // temporary files.
        let _ = fs::remove_dir_all(&self.path);
    }

    /// Fills the data directory with an empty cluster whose superuser is `postgres`.
    pub(super) async fn initialize(
        &self,
        installation: &Installation,
        password: &str,
    ) -> Result<(), PostgresError> {
        let password_file = self.path.join("password");
        let file_error = PostgresError::file(&password_file);
        write_private(&password_file, password).map_err(&file_error)?;
        if let Some(Account { user, group }) = installation.account {
            chown(&password_file, Some(user), Some(group)).map_err(&file_error)?;
        }
        let mut command = installation.command("initdb");
        command
            .arg("--pgdata")
            .arg(self.path.join("data"))
            .arg("--pwfile")
            .arg(&password_file)
            // Passwords in clear over the loopback: hashing them on each of thousands of connections costs more
            // than all else about it.
            .args([
                "--username=postgres",
                "--auth=password",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ])
            .process_group(0);
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .map_err(PostgresError::start)?;
        fs::remove_file(&password_file).map_err(&file_error)?;
        match output {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(PostgresError::start(format_args!(
                "initdb: {}",
                one_line(String::from_utf8_lossy(&output.stderr))
            ))),
            Err(error) => Err(PostgresError::start(format_args!("initdb: {error}"))),
        }
    }

    /// Starts the server on a free port and returns once it accepts connections.
    pub(super) async fn start(
        &self,
        installation: &Installation,
        password: &str,
        settings: &[(String, String)],
    ) -> Result<Started, PostgresError> {
        let mut attempt = 1;
        loop {
            // Another program may take the port before the server does.
            match self.start_on(free_port(), installation, password, settings).await {
                Err(_) if attempt < START_ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    /// Starts the server on this port and returns once it accepts connections.
    pub(super) async fn start_on(
        &self,
        port: u16,
        installation: &Installation,
        password: &str,
        settings: &[(String, String)],
    ) -> Result<Started, PostgresError> {
        let log_path = self.path.join("server.log");
        let log = || {
            OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .open(&log_path)
        };
        let file_error = PostgresError::file(&log_path);
        let mut command = installation.command("postgres");
        command.arg("-D").arg(self.path.join("data"));
        for (name, value) in settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        // After the settings, so that nothing makes it listen elsewhere.
        command
            .args([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
            ])
            .args(["-c", &format!("port={port}")])
            .stdout(log().map_err(&file_error)?)
            .stderr(log().map_err(&file_error)?)
            // A group of its own: an interrupt at the terminal is for the tests, not for the server.
            .process_group(0);
        let mut child = command.spawn().map_err(PostgresError::start)?;

        let url = url(port, password, "postgres");
        let mut last_words = String::new();
        let ready = look_until(START_LIMIT, async || {
            if let Ok(Some(status)) = child.try_wait() {
                return Some(Err(format!("it ended with {status}")));
            }
            match Connection::open(&url).await {
                Ok(_) => Some(Ok(())),
                Err(error) => {
                    last_words = error.words();
                    None
                }
            }
        })
        .await;
        let failure = match ready {
            Some(Ok(())) => return Ok(Started { child, port }),
            Some(Err(reason)) => reason,
            None => format!("it did not accept connections in time: {last_words}"),
        };
        // It may have ended already; either way it is not left behind.
        let _ = child.kill();
        let _ = child.wait();
        let log = fs::read_to_string(&log_path).unwrap_or_default();
        let end_of_log = log
            .lines()
            .rev()
            .take(3)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect::<Vec<_>>();
        Err(PostgresError::start(format_args!(
            "{failure}; its log ends: {}",
            end_of_log.join(" | ")
        )))
    }
}

/// The URL of a database of a server that this crate started.
pub(super) fn url(port: u16, password: &str, database: &str) -> String {
    format!("postgres://postgres:{password}@127.0.0.1:{port}/{database}")
}

/// A password that nobody on this machine can guess.
pub(super) fn random_password() -> String {
    format!("{}{}", ulid::Ulid::generate(), ulid::Ulid::generate())
}

/// Writes a new file that only this account can read.
pub(super) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    io::Write::write_all(&mut file, text.as_bytes())
}

/// Makes the directory, or finds it made by this account: another's could hold anything.
pub(super) fn own_directory(path: &Path, mode: u32) -> Result<PathBuf, PostgresError> {
    let check = || {
        match DirBuilder::new().mode(mode).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        fs::symlink_metadata(path)
    };
    let metadata = check().map_err(PostgresError::file(path))?;
    if metadata.is_dir() && metadata.uid() == current_user()? {
        Ok(path.to_path_buf())
    } else {
        Err(PostgresError::file(path)(io::Error::other(
            "it belongs to somebody else: remove it",
        )))
    }
}

/// Where a server's data goes when nobody says otherwise: memory where there is room, else the temporary directory.
pub(super) fn data_parent(account: Option<Account>) -> PathBuf {
    let memory = PathBuf::from(MEMORY);
    let temporary = std::env::temp_dir();
    if free_kibibytes(&memory).is_some_and(|free| free >= MEMORY_KIBIBYTES) && open_to_others(&memory) {
        memory
    } else if account.is_none() || open_to_others(&temporary) {
        temporary
    } else {
        PathBuf::from("/tmp")
    }
}

/// Whether any account can pass through the directory and all those above it.
fn open_to_others(directory: &Path) -> bool {
    directory.ancestors().all(|ancestor| {
        fs::metadata(ancestor).is_ok_and(|metadata| metadata.is_dir() && metadata.mode() & 0o001 != 0)
    })
}

fn free_kibibytes(directory: &Path) -> Option<u64> {
    let output = Command::new("df")
        .arg("-Pk")
        .arg(directory)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let report = String::from_utf8(output.stdout).ok()?;
    report.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_read_from_df() {
        assert!(free_kibibytes(&std::env::temp_dir()).is_some_and(|free| free > 0));
        assert_eq!(free_kibibytes(Path::new("/no/such/directory")), None);
    }

    #[test]
    fn a_closed_directory_anywhere_above_counts() {
        let outer = tempfile::tempdir_in("/tmp").expect("a directory");
        let inner = outer.path().join("inner");
        DirBuilder::new().mode(0o755).create(&inner).expect("a directory");
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o700)).expect("it is ours");
        assert!(!open_to_others(&inner));
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o711)).expect("it is ours");
        assert!(open_to_others(&inner));
    }

    #[test]
    fn a_link_in_place_of_the_directory_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("/tmp", &link).expect("a link");
        assert!(own_directory(&link, 0o700).is_err());
        let own = own_directory(&directory.path().join("own"), 0o700).expect("it is made");
        assert_eq!(own_directory(&own, 0o700).expect("it is found"), own);
    }

    #[test]
    fn only_directories_named_so_are_taken_for_a_server() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("data")).expect("a directory");
        assert!(RunDirectory::existing(directory.path().to_path_buf()).is_none());
        let named = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir()
            .expect("a directory");
        assert!(RunDirectory::existing(named.path().to_path_buf()).is_none());
        fs::create_dir(named.path().join("data")).expect("a directory");
        assert!(RunDirectory::existing(named.path().to_path_buf()).is_some());
    }
}
