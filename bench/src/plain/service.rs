//! The plain service as processes of the benchmark.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use billfold_test_support::{Process, free_port};

use crate::{BenchError, load::missing, machine, tell, token::Issuer};

/// The longest wait for the service to listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest wait for its dependencies.
const INSTALLATION: Duration = Duration::from_mins(3);

/// How one runs the service.
pub(crate) struct Way {
    processes: u32,
    /// As `--isolation` of the service has it.
    isolation: &'static str,
    /// What a reader calls it.
    called: &'static str,
}

impl Way {
    /// The usual way with a process a core and with one, and what could be done better with a process a core.
    pub(crate) fn all() -> Vec<Self> {
        let cores = machine::cores();
        let usual = ("transaction", "a transaction");
        let better = [
            ("pipeline", "a pipelined transaction"),
            ("statement", "one statement"),
        ];
        std::iter::once((cores, usual))
            .chain((cores > 1).then_some((1, usual)))
            .chain(better.map(|better| (cores, better)))
            .map(|(processes, (isolation, called))| Self {
                processes,
                isolation,
                called,
            })
            .collect()
    }

    /// What a reader calls it.
    pub(crate) fn name(&self) -> String {
        let plural = if self.processes == 1 { "" } else { "es" };
        format!(
            "Fastify + pg, {} process{plural}, {}",
            self.processes, self.called
        )
    }

    /// Whether it is what people do.
    pub(crate) fn is_usual(&self) -> bool {
        self.isolation == "transaction"
    }
}

/// Looks whether its programs are there, before anything takes time.
pub(crate) async fn require() -> Result<(), BenchError> {
    for (program, package) in [("node", "nodejs"), ("npm", "npm")] {
        let mut command = tokio::process::Command::new(program);
        let output = command
            .arg("--version")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await;
        let output = output.map_err(|error| missing(program, package, &error))?;
        let version = String::from_utf8_lossy(&output.stdout).into_owned();
        let major: Option<u32> = version
            .trim()
            .trim_start_matches('v')
            .split('.')
            .next()
            .and_then(|text| text.parse().ok());
        if program == "node" && major.is_none_or(|major| major < 20) {
            return Err(format!(
                "node is {}, and 20 is needed: apt-get install nodejs",
                version.trim()
            )
            .into());
        }
    }
    Ok(())
}

/// Installs what it depends on, as its lock file says.
pub(crate) async fn install() -> Result<(), BenchError> {
    tell("installing what the plain service depends on…");
    let installing = tokio::process::Command::new("npm")
        .args([
            "ci",
            "--prefer-offline",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
        ])
        .current_dir(directory())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(INSTALLATION, installing)
        .await
        .map_err(|_| "npm ci does not end")?
        .map_err(|error| missing("npm", "npm", &error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("npm ci failed in bench/plain: {said}").into())
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("plain")
}

/// The running service, ended on drop: the processes that it started end with the first.
pub(crate) struct Plain {
    process: Process,
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
}

impl Plain {
    /// Starts it, and waits until all its processes listen.
    pub(crate) async fn start(way: &Way, database: &str, issuer: &Issuer) -> Result<Self, BenchError> {
        let port = free_port();
        let mut command = Command::new("node");
        command
            .arg("server.js")
            .args([
                "--port",
                &port.to_string(),
                "--processes",
                &way.processes.to_string(),
            ])
            .args(["--issuer", &issuer.argument(), "--isolation", way.isolation])
            .env("DATABASE_URL", database)
            .env("NODE_ENV", "production")
            .current_dir(directory());
        let mut process = Process::spawn(&mut command).map_err(|error| missing("node", "nodejs", &error))?;
        let begun = Instant::now();
        while !process.stdout_lines().iter().any(|line| line == "listening") {
            if begun.elapsed() > PATIENCE || process.exit_status()?.is_some() {
                let said = process.stderr_lines().join("\n");
                return Err(format!("the plain service does not listen: {said}").into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(Self { process, port })
    }

    /// Its first process and the ones that it started.
    pub(crate) fn processes(&self) -> Result<Vec<u32>, BenchError> {
        let first = self.process.id();
        Ok(std::iter::once(first).chain(machine::children(first)?).collect())
    }
}
