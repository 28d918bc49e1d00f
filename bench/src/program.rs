//! The release binary: built, called and run.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use billfold_test_support::{Process, free_port};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use crate::{BenchError, http, tell, token::Issuer};

/// The longest wait for a server to be ready, and for a command to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// The master key of every run: what it seals is thrown away with the run.
const MASTER_KEY: &str = "bench:YSBtYXN0ZXIga2V5IGZvciB0cmlhbHMsIDMyIGJ5dGU=";

/// The binary, and where it works: a directory without any settings of the person's own.
pub(crate) struct Program {
    binary: PathBuf,
    directory: PathBuf,
}

impl Program {
    /// Builds the release binary of this tree.
    pub(crate) async fn build(directory: &Path) -> Result<Self, BenchError> {
        tell("building billfold…");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = tokio::process::Command::new(cargo)
            .args(["build", "--release", "-p", "billfold", "--bin", "billfold"])
            .args(["--message-format", "json-render-diagnostics"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .output()
            .await?;
        let messages = String::from_utf8_lossy(&output.stdout);
        let binary = messages.lines().find_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            Some(PathBuf::from(message["executable"].as_str()?))
        });
        Ok(Self {
            binary: binary.ok_or("billfold cannot be built")?,
            directory: directory.to_owned(),
        })
    }

    fn command(&self, arguments: &[&str], database: &str) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BILLFOLD_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .env("BILLFOLD_DATABASE_URL", database)
            .env("BILLFOLD_MASTER_KEYS", MASTER_KEY)
            // One project asks for all that the machine gives: that is what is measured.
            .env("BILLFOLD_RATE_LIMIT_PROJECT_READS", "0")
            .env("BILLFOLD_RATE_LIMIT_PROJECT_WRITES", "0")
            .env("BILLFOLD_RATE_LIMIT_USER", "0")
            .env("BILLFOLD_STRIPE_RATE_TEST", "0")
            .current_dir(&self.directory);
        command
    }

    /// Runs a command to its end.
    pub(crate) async fn call(
        &self,
        arguments: &[&str],
        database: &str,
        input: &str,
    ) -> Result<(), BenchError> {
        let mut child = tokio::process::Command::from(self.command(arguments, database))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut standard_input) = child.stdin.take() {
            standard_input.write_all(input.as_bytes()).await?;
        }
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await??;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("billfold {} failed: {said}", arguments.join(" ")).into())
    }

    /// Starts an instance, and waits until it is ready.
    pub(crate) async fn serve(&self, database: &str, issuer: &Issuer) -> Result<Instance, BenchError> {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let mut command = self.command(
            &["serve", "--listen", &listen, "--issuer", &issuer.argument()],
            database,
        );
        let begun = Instant::now();
        let mut process = Process::spawn(&mut command)?;
        loop {
            if let Ok(answer) = http::get(port, "/health/ready", None).await
                && answer.status == 200
            {
                break;
            }
            if begun.elapsed() > PATIENCE || process.exit_status()?.is_some() {
                let said = process.stderr_lines().join("\n");
                return Err(format!("billfold serve does not become ready: {said}").into());
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        Ok(Instance {
            time_to_ready: begun.elapsed(),
            process,
            port,
        })
    }
}

/// A running server, ended on drop.
pub(crate) struct Instance {
    process: Process,
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
    /// From its start to its first good answer.
    pub(crate) time_to_ready: Duration,
}

impl Instance {
    /// Its process.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }
}
