//! The binary that is tried: found, called and run as processes.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use billfold_test_support::Process;
use rand::{RngExt as _, rngs::StdRng};
use tokio::io::AsyncWriteExt as _;

use crate::TortureError;

/// The longest wait for a server to be ready, and for a command to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the processes write to their logs: enough to explain a failure.
const LOG: &str = "warn,actix_server=error";

/// The master key of every run: what it seals is thrown away with the run.
const MASTER_KEY: &str = "torture:YSBtYXN0ZXIga2V5IGZvciB0cmlhbHMsIDMyIGJ5dGU=";
/// Few users and projects ask for all that the instances give, and have many cards refused. Limits would only thin the load.
const OUT_OF_THE_WAY: [(&str, &str); 7] = [
    ("BILLFOLD_RATE_LIMIT_PROJECT_READS", "0"),
    ("BILLFOLD_RATE_LIMIT_PROJECT_WRITES", "0"),
    ("BILLFOLD_RATE_LIMIT_USER", "0"),
    ("BILLFOLD_RATE_LIMIT_SETUP_INTENTS", "1000000"),
    ("BILLFOLD_RATE_LIMIT_FAILED_CARDS", "1000000"),
    ("BILLFOLD_RATE_LIMIT_PROJECT_FAILED_CARDS", "1000000"),
    ("BILLFOLD_STRIPE_RATE_TEST", "0"),
];

/// How many lines of the logs are kept.
const MOST_LINES: usize = 40;

/// The binary, and where it works: a directory without any settings of the person's own.
pub(crate) struct Program {
    binary: PathBuf,
    directory: PathBuf,
    /// Variables of every process, beside the usual ones or in their place.
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// What a command that has ended said.
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) output: Vec<u8>,
    pub(crate) errors: Vec<u8>,
}

impl Program {
    /// The binary at a path, or the release build of this tree.
    pub(crate) fn find(given: Option<&Path>, directory: &Path) -> Result<Self, TortureError> {
        let release = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/billfold");
        let path = given.unwrap_or(&release);
        let binary = path.canonicalize().map_err(|error| {
            format!(
                "there is no binary at {} ({error}): cargo build --release --bin billfold, or name one by --billfold",
                path.display()
            )
        })?;
        Ok(Self {
            binary,
            directory: directory.to_owned(),
            environment: Vec::new(),
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BILLFOLD_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .env("BILLFOLD_LOG", LOG)
            .env("BILLFOLD_MASTER_KEYS", MASTER_KEY)
            .envs(OUT_OF_THE_WAY)
            .envs(self.environment.iter().map(|(name, value)| (*name, value)))
            .current_dir(&self.directory);
        command
    }

    /// Runs a command on a database to its end.
    pub(crate) async fn call(
        &self,
        arguments: &[&str],
        database: &str,
        input: &str,
    ) -> Result<(), TortureError> {
        let database = ("BILLFOLD_DATABASE_URL", database.to_owned());
        let said = self.run(arguments, &[database], input).await?;
        if said.success {
            return Ok(());
        }
        let errors = String::from_utf8_lossy(&said.errors);
        Err(format!("billfold {} failed: {errors}", arguments.join(" ")).into())
    }

    /// Runs a command to its end, whatever that is.
    pub(crate) async fn run(
        &self,
        arguments: &[&str],
        environment: &[(&str, String)],
        input: &str,
    ) -> Result<Said, TortureError> {
        let mut command = self.command(arguments);
        command.envs(environment.iter().map(|(name, value)| (*name, value)));
        let mut child = tokio::process::Command::from(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut standard_input) = child.stdin.take() {
            // A command that refuses its arguments does not read.
            drop(standard_input.write_all(input.as_bytes()).await);
        }
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await??;
        Ok(Said {
            success: output.status.success(),
            output: output.stdout,
            errors: output.stderr,
        })
    }

    /// Starts the Stripe sandbox, and gives its address.
    pub(crate) async fn sandbox(&self) -> Result<(Process, String), TortureError> {
        let process = Process::spawn(&mut self.command(&["sandbox", "--listen", "127.0.0.1:0"]))?;
        let line = process
            .wait_for_line(PATIENCE, |line| line.contains("http://"))
            .await;
        let address = line.split_whitespace().find(|word| word.starts_with("http://"));
        let address = address.ok_or("the sandbox does not say where it listens")?;
        Ok((process, address.trim_end_matches('.').to_owned()))
    }
}

/// How an instance is run.
pub(crate) struct ServeOptions {
    pub(crate) database: String,
    pub(crate) issuer: String,
    pub(crate) stripe: String,
    pub(crate) serving: Serving,
}

/// What a scenario asks of the instances beyond the usual.
#[derive(Clone, Debug, Default)]
pub(crate) struct Serving {
    /// More arguments of `billfold serve`.
    pub(crate) more: Vec<String>,
    /// What the log says, where that is not the usual.
    pub(crate) log: Option<&'static str>,
}

/// A running `billfold serve`, on the same port after each restart. Killed on drop.
pub(crate) struct Instance {
    pub(crate) port: u16,
    process: Process,
    /// What it last complained about, before and after restarts.
    complaints: Vec<String>,
    read_lines: usize,
    /// How often it ended by itself while it was starting: whoever supervises it then starts it again.
    pub(crate) failed_starts: usize,
}

/// How often an instance is started again that ends by itself.
const MOST_FAILED_STARTS: usize = 20;

impl Instance {
    /// Starts an instance, without waiting for it.
    pub(crate) fn start(program: &Program, options: &ServeOptions, port: u16) -> Result<Self, TortureError> {
        Ok(Self {
            port,
            process: spawn(program, options, port)?,
            complaints: Vec::new(),
            read_lines: 0,
            failed_starts: 0,
        })
    }

    /// Kills it at once and starts it again.
    pub(crate) fn kill_and_restart(
        &mut self,
        program: &Program,
        options: &ServeOptions,
    ) -> Result<(), TortureError> {
        self.process.kill();
        self.read_log();
        self.process = spawn(program, options, self.port)?;
        self.read_lines = 0;
        Ok(())
    }

    /// Waits until it is ready. One that has ended by itself is started again, as a supervisor does.
    pub(crate) async fn ready(
        &mut self,
        http: &reqwest::Client,
        program: &Program,
        options: &ServeOptions,
    ) -> Result<(), TortureError> {
        let address = format!("http://127.0.0.1:{}/health/ready", self.port);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = http.get(&address).timeout(Duration::from_secs(2)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if self.process.exit_status()?.is_some() && self.failed_starts < MOST_FAILED_STARTS {
                self.failed_starts += 1;
                self.kill_and_restart(program, options)?;
            } else if Instant::now() > deadline {
                let said = self.complaints().join("\n");
                return Err(format!("billfold serve does not become ready: {said}").into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Its process.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Everything that it has logged since it was started last.
    pub(crate) fn log(&self) -> Vec<String> {
        self.process.stderr_lines()
    }

    /// Where it tells its metrics: it must have been started with `--metrics-listen`, and log as much as that at least.
    pub(crate) fn metrics_address(&self) -> Result<String, TortureError> {
        let log = self.log();
        let line = log.iter().find(|line| line.contains("metrics are served"));
        let address = line
            .and_then(|line| line.split_once("address="))
            .and_then(|(_, rest)| rest.split_whitespace().next());
        Ok(address
            .ok_or("an instance does not say where its metrics are")?
            .to_owned())
    }

    /// Everything that it has written since it was started last, its log included.
    pub(crate) fn written(&self) -> Vec<String> {
        let mut lines = self.process.stdout_lines();
        lines.extend(self.process.stderr_lines());
        lines
    }

    /// Sends it a signal that ends it, and waits until it has.
    pub(crate) async fn end_by(&mut self, signal: &str) -> Result<(), TortureError> {
        self.process.signal(signal)?;
        self.process.wait_for_exit(PATIENCE).await;
        Ok(())
    }

    /// The last lines of its log.
    pub(crate) fn complaints(&mut self) -> &[String] {
        self.read_log();
        &self.complaints
    }

    fn read_log(&mut self) {
        let mut lines = self.process.stderr_lines();
        lines.extend(self.process.stdout_lines());
        self.complaints.extend(lines.into_iter().skip(self.read_lines));
        self.read_lines = self.process.stderr_lines().len() + self.process.stdout_lines().len();
        let surplus = self.complaints.len().saturating_sub(MOST_LINES);
        self.complaints.drain(..surplus);
    }
}

fn spawn(program: &Program, options: &ServeOptions, port: u16) -> Result<Process, TortureError> {
    let listen = format!("127.0.0.1:{port}");
    let mut command = program.command(&[
        "serve",
        "--listen",
        &listen,
        "--issuer",
        &options.issuer,
        "--stripe-api-base",
        &options.stripe,
    ]);
    command.args(&options.serving.more);
    command.env("BILLFOLD_DATABASE_URL", &options.database);
    if let Some(log) = options.serving.log {
        command.env("BILLFOLD_LOG", log);
    }
    Ok(Process::spawn(&mut command)?)
}

/// A port that is free, and stays so while a server on it is started anew: the system gives no client a port this low.
pub(crate) fn quiet_port(chance: &mut StdRng) -> Result<u16, TortureError> {
    for _ in 0..200 {
        let port = chance.random_range(15_000..30_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no free port was found below 30,000".into())
}
