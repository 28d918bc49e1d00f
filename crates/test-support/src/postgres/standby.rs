//! A second server that follows the first, and what is done when one of them is lost.
//!
//! The steps are those that a cluster manager such as Patroni takes, one function each: [`PostgresServer::kill`] is the
//! loss, [`PostgresServer::replayed`] and [`PostgresServer::promote`] make the standby the primary, and
//! [`PostgresServer::rejoin`] brings the lost one back as a standby of the other.

use std::process::Command;
use std::time::Duration;

use super::client::Connection;
use super::error::{PostgresError, one_line};
use super::private::{PostgresServer, PostgresServerOptions};
use crate::process::signal;
use crate::wait::look_until;

/// The longest wait for a standby to catch up, and for the processes of a lost server to be gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a server needs so that it can be rewound. In its files too: before it is rewound it is recovered from its crash, without
/// what its command line says.
const REWINDING: [(&str, &str); 2] = [
    ("wal_log_hints", "on"),
    // In place of replication slots: more than any test writes while a standby is away.
    ("wal_keep_size", "512MB"),
];

impl PostgresServerOptions {
    /// Settings of a server that others follow, or that follows: both have the same, since they change places.
    #[must_use]
    pub fn replicated(self) -> Self {
        let settings = REWINDING.into_iter();
        let with = settings.fold(self, |options, (name, value)| options.with(name, value));
        with.with("wal_level", "replica")
            .with("full_page_writes", "on")
            .with("max_wal_senders", "8")
            .with("hot_standby", "on")
    }
}

impl PostgresServer {
    /// Copies a running server that is [replicated](PostgresServerOptions::replicated), and follows it under this name. Ready
    /// for reads when this returns; whether the primary waits for it is a setting of the primary's, see
    /// [`PostgresServer::wait_for_standby`].
    ///
    /// # Errors
    /// When the copy fails, or when the copy does not start.
    pub async fn start_standby(
        &self,
        name: &str,
        options: PostgresServerOptions,
    ) -> Result<Self, PostgresError> {
        for (name, value) in REWINDING {
            self.ask(&format!("alter system set {name} = '{value}'")).await?;
        }
        let mut standby = Self::prepare(options, self.password().to_owned()).await?;
        let mut copy = standby.installation().command("pg_basebackup");
        copy.arg("--pgdata")
            .arg(standby.data())
            .args([
                "--checkpoint=fast",
                "--no-sync",
                "--write-recovery-conf",
                "--no-password",
            ])
            .arg(format!("--dbname={}", self.conninfo(name)))
            .env("PGPASSWORD", self.password());
        run("pg_basebackup", copy).await?;
        standby.start_first().await?;
        Ok(standby)
    }

    /// Has every commit wait for the standby of this name, or for none. Takes effect at once.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn wait_for_standby(&self, name: Option<&str>) -> Result<(), PostgresError> {
        let names = name.unwrap_or_default();
        // Not within one transaction, which ALTER SYSTEM refuses.
        self.ask(&format!("alter system set synchronous_standby_names = '{names}'"))
            .await?;
        self.ask("select pg_reload_conf()").await?;
        let state = match name {
            Some(name) => format!("application_name = '{name}' and sync_state = 'sync'"),
            None => return Ok(()),
        };
        let query = format!("select 1 from pg_stat_replication where {state}");
        self.until("the standby to be waited for", async || {
            Ok(!self.ask(&query).await?.is_empty())
        })
        .await
    }

    /// Ends the server as the loss of its machine does: all its processes at once, without a last word to anyone. Its data
    /// stay, and are marked so that it can start as a standby only: this is the fence.
    ///
    /// # Errors
    /// When the mark cannot be made, or the processes do not go.
    pub async fn kill(&mut self) -> Result<(), PostgresError> {
        self.thaw()?;
        let processes = self.process_ids();
        let Some((server, _)) = processes.split_first() else {
            return Ok(());
        };
        let failed = |error| PostgresError::database("be killed", error);
        signal("KILL", &[*server]).map_err(failed)?;
        self.bury();
        // Its other processes end by themselves once they notice; nobody waits for that in a machine that is off.
        for process in &processes[1..] {
            // One that has gone already needs no killing.
            let _ = signal("KILL", &[*process]);
        }
        self.until("its processes to be gone", async || {
            Ok(processes
                .iter()
                .all(|process| signal("CONT", &[*process]).is_err()))
        })
        .await?;
        let mark = self.data().join("standby.signal");
        std::fs::write(&mark, "").map_err(PostgresError::file(&mark))?;
        self.give_to_account(&mark)
    }

    /// Waits until everything that this standby has received is replayed.
    ///
    /// # Errors
    /// When that takes half a minute, or it is no standby.
    pub async fn replayed(&self) -> Result<(), PostgresError> {
        let query = "select 1 where pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn()";
        self.until("everything to be replayed", async || {
            Ok(!self.ask(query).await?.is_empty())
        })
        .await
    }

    /// Makes this standby a primary. It waits for no standby of its own yet: there is none.
    ///
    /// # Errors
    /// When it does not become one in half a minute.
    pub async fn promote(&self) -> Result<(), PostgresError> {
        self.ask("select pg_promote(wait => true, wait_seconds => 30)")
            .await?;
        self.until("it to be the primary", async || {
            Ok(!self
                .ask("select 1 where not pg_is_in_recovery()")
                .await?
                .is_empty())
        })
        .await
    }

    /// Starts a killed server again, as a standby of the one that was promoted in its place. What it wrote and nobody else has
    /// is taken back.
    ///
    /// # Errors
    /// When it cannot be rewound, or does not start.
    pub async fn rejoin(&mut self, primary: &Self, name: &str) -> Result<(), PostgresError> {
        // The new primary's checkpoint tells pg_rewind where the two part.
        primary.ask("checkpoint").await?;
        let mut rewind = self.installation().command("pg_rewind");
        // Recovers the server first, which its mark would keep it from.
        std::fs::remove_file(self.data().join("standby.signal"))
            .map_err(PostgresError::file(&self.data()))?;
        rewind
            .arg("--target-pgdata")
            .arg(self.data())
            .args(["--no-sync", "--write-recovery-conf"])
            .arg(format!(
                "--source-server={} dbname=postgres",
                primary.conninfo(name)
            ))
            .env("PGPASSWORD", primary.password());
        run("pg_rewind", rewind).await?;
        self.start().await
    }

    /// Where others find this server, as PostgreSQL's own programs read it. The password goes by the environment.
    fn conninfo(&self, name: &str) -> String {
        format!(
            "host=127.0.0.1 port={} user=postgres application_name={name}",
            self.port()
        )
    }

    /// Asks one statement as the superuser, and gives the first column.
    async fn ask(&self, statement: &str) -> Result<Vec<Option<String>>, PostgresError> {
        let asked = async {
            let connection = Connection::open(&self.url("postgres")).await?;
            connection.query(statement).await
        };
        asked.await.map_err(|error| error.during("answer"))
    }

    async fn until(
        &self,
        what: &str,
        mut is_so: impl AsyncFnMut() -> Result<bool, PostgresError>,
    ) -> Result<(), PostgresError> {
        let look = async || match is_so().await {
            Ok(false) => None,
            outcome => Some(outcome.map(|_| ())),
        };
        look_until(PATIENCE, look).await.unwrap_or_else(|| {
            Err(PostgresError::database(
                "be waited for",
                format!("{what}: not in time"),
            ))
        })
    }
}

/// Runs one of PostgreSQL's programs to its end.
async fn run(program: &str, mut command: Command) -> Result<(), PostgresError> {
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .map_err(PostgresError::start)?;
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(PostgresError::start(format_args!(
            "{program}: {}",
            one_line(String::from_utf8_lossy(&output.stderr))
        ))),
        Err(error) => Err(PostgresError::start(format_args!(
            "{program}: {error}; Debian's package postgresql brings it"
        ))),
    }
}
