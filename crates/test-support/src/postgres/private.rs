//! A server of one's own, for a test that stops it or a benchmark that measures it.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use url::Url;

use super::client::Connection;
use super::error::PostgresError;
use super::installation::{Account, Installation};
use super::processes::children_of;
use super::roles::{OWNER_ROLE, ensure_roles};
use super::run_directory::{RunDirectory, data_parent, random_password, url};
use super::shared::coordination_directory;
use super::supervisor::{self, Limits};
use crate::process::signal;
use crate::wait::look_until;

/// The longest wait for a server to end before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// How a private server is set up.
#[derive(Clone, Debug)]
pub struct PostgresServerOptions {
    /// Server settings such as `("fsync", "on")`, over the quick and unsafe ones that tests start from.
    pub settings: Vec<(String, String)>,
    /// Where the data directory is made: memory where there is room when `None`. A benchmark names a real disk.
    ///
    /// The account that runs the server must be able to pass through it.
    pub data_parent: Option<PathBuf>,
    /// When the server ends even if it is still in use: two hours from the start.
    pub lifetime: Duration,
}

impl Default for PostgresServerOptions {
    fn default() -> Self {
        Self {
            settings: Vec::new(),
            data_parent: None,
            lifetime: Duration::from_hours(2),
        }
    }
}

impl PostgresServerOptions {
    /// Adds one server setting.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// How a server is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Connections are closed, open transactions rolled back, everything is written.
    Fast,
    /// As in a crash: the next start recovers from the log.
    Immediate,
}

/// A server for one test or benchmark, on 127.0.0.1, ended and removed on drop.
///
/// When the process that owns it is killed, its supervisor ends it a few seconds later.
#[derive(Debug)]
pub struct PostgresServer {
    directory: RunDirectory,
    installation: Installation,
    settings: Vec<(String, String)>,
    password: String,
    port: u16,
    child: Option<Child>,
    frozen: Vec<u32>,
}

impl PostgresServer {
    /// Makes and starts a server; this takes about a second.
    ///
    /// # Errors
    /// When no server is installed and none can be downloaded, or when it does not start.
    pub async fn start_private(options: PostgresServerOptions) -> Result<Self, PostgresError> {
        let mut server = Self::prepare(options, random_password()).await?;
        server
            .directory
            .initialize(&server.installation, &server.password)
            .await?;
        server.start_first().await?;
        Ok(server)
    }

    /// Makes the directories of a server that has no data yet, and sees to its end.
    pub(super) async fn prepare(
        options: PostgresServerOptions,
        password: String,
    ) -> Result<Self, PostgresError> {
        let coordination = coordination_directory()?;
        let installation = Installation::find(&coordination).await?;
        let parent = options
            .data_parent
            .unwrap_or_else(|| data_parent(installation.account));
        let mut settings = quick_settings();
        settings.extend(options.settings);

        let directory = RunDirectory::create(&parent, installation.account)?;
        // Whole from here on, so that a failure below cleans up.
        let server = Self {
            directory,
            installation,
            settings,
            password,
            port: 0,
            child: None,
            frozen: Vec::new(),
        };
        server.directory.register_user()?;
        supervisor::start(
            &server.directory,
            Limits {
                idle: Duration::from_secs(2),
                age: options.lifetime,
            },
        )?;
        Ok(server)
    }

    /// Starts it for the first time, on a port that is free.
    pub(super) async fn start_first(&mut self) -> Result<(), PostgresError> {
        let started = self
            .directory
            .start(&self.installation, &self.password, &self.settings)
            .await?;
        self.port = started.port;
        self.child = Some(started.child);
        Ok(())
    }

    pub(super) fn installation(&self) -> &Installation {
        &self.installation
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }

    /// Its data directory.
    pub(super) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Gives a file in its data directory to the account that runs it.
    pub(super) fn give_to_account(&self, file: &Path) -> Result<(), PostgresError> {
        match self.installation.account {
            Some(Account { user, group }) => {
                chown(file, Some(user), Some(group)).map_err(PostgresError::file(file))
            }
            None => Ok(()),
        }
    }

    /// Waits for the killed process, so that it is gone.
    pub(super) fn bury(&mut self) {
        if let Some(mut child) = self.child.take() {
            end(&mut child);
        }
    }

    /// The URL of one of its databases, as the superuser; `postgres` is there from the start.
    pub fn url(&self, database: &str) -> String {
        url(self.port, &self.password, database)
    }

    /// The port of 127.0.0.1, the same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of the server's programs, `psql` and `pgbench` among them where they are installed.
    pub fn binary_directory(&self) -> &Path {
        &self.installation.binary_directory
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("server.log")).unwrap_or_default()
    }

    /// The process ids of the server and of the processes it has now, one for each connection among them.
    pub fn process_ids(&self) -> Vec<u32> {
        self.child.as_ref().map_or_else(Vec::new, |child| {
            let mut ids = vec![child.id()];
            ids.extend(children_of(child.id()));
            ids
        })
    }

    /// Makes an empty database of the [`OWNER_ROLE`](super::OWNER_ROLE), and gives its URL as the superuser.
    ///
    /// # Errors
    /// When it exists, or the name needs quotes.
    pub async fn create_database(&self, name: &str) -> Result<String, PostgresError> {
        let task = "create a database";
        let maintenance = self.url("postgres");
        let connection = Connection::open(&maintenance)
            .await
            .map_err(|error| error.during(task))?;
        let maintenance = Url::parse(&maintenance).map_err(|error| PostgresError::database(task, error))?;
        ensure_roles(&connection, &maintenance)
            .await
            .map_err(|error| error.during(task))?;
        connection
            .query(&format!("create database {name} owner {OWNER_ROLE}"))
            .await
            .map_err(|error| error.during(task))?;
        Ok(self.url(name))
    }

    /// The URL of one of its databases, as one of the roles of tests; they are there once a database has been made.
    pub fn url_as(&self, role: &str, database: &str) -> String {
        self.url(database)
            .replacen("postgres://postgres:", &format!("postgres://{role}:"), 1)
    }

    /// Ends the server and keeps its data. Nothing happens when it is stopped.
    ///
    /// # Errors
    /// When it did not end by itself and had to be killed.
    pub async fn stop(&mut self, how: Shutdown) -> Result<(), PostgresError> {
        self.thaw()?;
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let name = match how {
            Shutdown::Fast => "INT",
            Shutdown::Immediate => "QUIT",
        };
        // Fails only when the server has ended already, which the wait finds out.
        let _ = signal(name, &[child.id()]);
        if look_until(STOP_LIMIT, async || child.try_wait().ok().flatten())
            .await
            .is_some()
        {
            return Ok(());
        }
        end(&mut child);
        Err(PostgresError::database(
            "stop",
            "it did not end in time and was killed",
        ))
    }

    /// Starts the server again, on the same port and data. Nothing happens when it runs.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(&mut self) -> Result<(), PostgresError> {
        if self.child.is_none() {
            let started = self
                .directory
                .start_on(self.port, &self.installation, &self.password, &self.settings)
                .await?;
            self.child = Some(started.child);
        }
        Ok(())
    }

    /// Halts the server and all its connections where they are, until [`PostgresServer::thaw`].
    ///
    /// The operating system still accepts connections for it, and nothing answers.
    ///
    /// # Errors
    /// When a signal cannot be sent.
    pub fn freeze(&mut self) -> Result<(), PostgresError> {
        let failed = |error| PostgresError::database("be frozen", error);
        let Some(child) = &self.child else { return Ok(()) };
        // The parent first, so that it makes no more processes while they are counted.
        signal("STOP", &[child.id()]).map_err(failed)?;
        self.frozen = vec![child.id()];
        for id in children_of(child.id()) {
            // One that ended meanwhile needs no freezing.
            if signal("STOP", &[id]).is_ok() {
                self.frozen.push(id);
            }
        }
        Ok(())
    }

    /// Lets a frozen server go on. Nothing happens when it is not frozen.
    ///
    /// # Errors
    /// When a signal cannot be sent.
    pub fn thaw(&mut self) -> Result<(), PostgresError> {
        let frozen = std::mem::take(&mut self.frozen);
        let Some((parent, children)) = frozen.split_first() else {
            return Ok(());
        };
        // The children first: the parent, once awake, buries those that have ended, and their ids are then nobody's.
        // For the same reason one that cannot be reached is no fault.
        let _ = signal("CONT", children);
        signal("CONT", &[*parent]).map_err(|error| PostgresError::database("be thawed", error))
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // Each step fails only where there is nothing left to do; the supervisor sees to the rest.
        let _ = self.thaw();
        if let Some(mut child) = self.child.take() {
            let _ = signal("QUIT", &[child.id()]);
            let deadline = std::time::Instant::now() + Duration::from_secs(5);
            while matches!(child.try_wait(), Ok(None)) && std::time::Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
            end(&mut child);
        }
        self.directory.remove();
    }
}

/// Kills the process where it still runs, and waits for it.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// The settings of a server whose data nobody will miss once the machine is off.
///
/// A commit survives the end of the server's processes all the same: tests crash servers, not machines.
pub(super) fn quick_settings() -> Vec<(String, String)> {
    [
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("wal_level", "minimal"),
        ("max_wal_senders", "0"),
        ("autovacuum", "off"),
        // In the data directory, so that a killed server leaves none of it behind.
        ("dynamic_shared_memory_type", "mmap"),
        ("shared_buffers", "64MB"),
        ("max_connections", "300"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("logging_collector", "off"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}
