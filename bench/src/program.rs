//! The release binary: built, called and run.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use billfold_test_support::{Process, free_port};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use crate::{
    BenchError, http,
    parts::{self, Part},
    tell,
    token::Issuer,
};

/// The longest wait for a server to be ready, and for a command to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// The master key of every run: what it seals is thrown away with the run.
const MASTER_KEY: &str = "bench:YSBtYXN0ZXIga2V5IGZvciB0cmlhbHMsIDMyIGJ5dGU=";

/// An address of this machine where nothing listens: no instance may call Stripe itself.
const UNREACHABLE: &str = "http://127.0.0.1:9";

/// The binary, and where it works: a directory without any settings of the person's own.
#[derive(Clone)]
pub(crate) struct Program {
    binary: PathBuf,
    directory: PathBuf,
    /// Where instances call Stripe.
    stripe: String,
    /// Where instances send their spans, if anywhere.
    collector: Option<u16>,
}

impl Program {
    /// Builds the release binary of this tree. `more` are further arguments of Cargo.
    async fn build(directory: &Path, more: &[&str]) -> Result<Self, BenchError> {
        tell("building billfold…");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = tokio::process::Command::new(cargo)
            .args(["build", "--release", "-p", "billfold", "--bin", "billfold"])
            .args(["--message-format", "json-render-diagnostics"])
            .args(more)
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
            stripe: UNREACHABLE.to_owned(),
            collector: None,
        })
    }

    /// The binary that the person names, or the release binary of this tree, built.
    pub(crate) async fn find(named: Option<&Path>, directory: &Path) -> Result<Self, BenchError> {
        let Some(named) = named else {
            return Self::build(directory, &[]).await;
        };
        let binary = named
            .canonicalize()
            .map_err(|error| format!("there is no binary at {}: {error}", named.display()))?;
        Ok(Self {
            binary,
            directory: directory.to_owned(),
            stripe: UNREACHABLE.to_owned(),
            collector: None,
        })
    }

    /// The same with the feature that leaves parts out, which no release has.
    pub(crate) async fn find_with_parts(named: Option<&Path>, directory: &Path) -> Result<Self, BenchError> {
        if named.is_some() {
            return Self::find(named, directory).await;
        }
        // Apart from the release binary, which would else be built anew each time.
        let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/measure-parts");
        let more = ["--features", "measure-parts", "--target-dir", target];
        Self::build(directory, &more).await
    }

    /// The same binary, whose instances call Stripe at this address.
    pub(crate) fn calling(mut self, stripe: &str) -> Self {
        stripe.clone_into(&mut self.stripe);
        self
    }

    /// The same binary, whose instances send their spans to this port of 127.0.0.1.
    pub(crate) fn sending_spans_to(mut self, port: u16) -> Self {
        self.collector = Some(port);
        self
    }

    fn command(&self, arguments: &[&str], database: &str) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.starts_with("BILLFOLD_") || name_text.starts_with("OTEL_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .env("BILLFOLD_DATABASE_URL", database)
            .env("BILLFOLD_MASTER_KEYS", MASTER_KEY)
            // What is measured is our own time, and not the pace at which Stripe would be asked.
            .env("BILLFOLD_STRIPE_RATE_LIVE", "0")
            .env("BILLFOLD_STRIPE_RATE_TEST", "0")
            .current_dir(&self.directory);
        command
    }

    /// Starts the Stripe sandbox, and says on which port of 127.0.0.1 it listens.
    pub(crate) async fn sandbox(&self) -> Result<(Process, u16), BenchError> {
        let process = Process::spawn(&mut self.command(&["sandbox", "--listen", "127.0.0.1:0"], ""))?;
        let line = process
            .wait_for_line(PATIENCE, |line| line.contains("http://"))
            .await;
        let port = line
            .split_once("http://127.0.0.1:")
            .map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect::<String>())
            .and_then(|digits| digits.parse().ok());
        Ok((process, port.ok_or("the sandbox does not say where it listens")?))
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

    /// Starts an instance with everything on, and waits until it is ready.
    pub(crate) async fn serve(&self, database: &str, issuer: &Issuer) -> Result<Instance, BenchError> {
        self.serve_without(database, issuer, &[]).await
    }

    /// Starts an instance without some of its parts, and waits until it is ready.
    pub(crate) async fn serve_without(
        &self,
        database: &str,
        issuer: &Issuer,
        left_out: &[Part],
    ) -> Result<Instance, BenchError> {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let serve = ["serve", "--listen", &listen, "--issuer", &issuer.argument()];
        let mut command = self.command(&serve, database);
        command.args(["--stripe-api-base", &self.stripe]);
        parts::configure(&mut command, left_out);
        if let Some(port) = self.collector {
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{port}"));
        }
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
