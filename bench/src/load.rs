//! The two programs that ask: `wrk` the server, `pgbench` the database.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use billfold_test_support::PostgresServer;
use tokio::process::Command;

use crate::{BenchError, statements::Statement, workload::Workload};

/// How much longer than its measurement a program may take.
const GRACE: Duration = Duration::from_secs(20);

/// What `wrk` tells at its end, in a form that is easily read.
const WRK_SUMMARY: &str = r#"
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format("billfold %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"#;

/// How many requests or transactions there were, in what time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) number: f64,
    pub(crate) seconds: f64,
    /// The median and the 99th percentile of the answers' times, in milliseconds, where they are told.
    pub(crate) latencies: Option<(f64, f64)>,
}

impl Count {
    /// How many a second.
    pub(crate) fn rate(&self) -> f64 {
        self.number / self.seconds
    }
}

/// Says which package brings a program that is missing.
pub(crate) fn missing(program: &str, package: &str, error: &std::io::Error) -> BenchError {
    if error.kind() == ErrorKind::NotFound {
        format!("{program} is not installed: apt-get install {package}").into()
    } else {
        format!("{program} cannot be started: {error}").into()
    }
}

/// Looks whether both programs are there, before anything takes time.
pub(crate) async fn require(postgres: &PostgresServer) -> Result<(), BenchError> {
    let silent = |mut command: Command| async move {
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().await
    };
    let mut wrk = Command::new("wrk");
    wrk.arg("--version");
    silent(wrk).await.map_err(|error| missing("wrk", "wrk", &error))?;
    let mut pgbench = Command::new(pgbench_program(postgres));
    pgbench.arg("--version");
    silent(pgbench)
        .await
        .map_err(|error| missing("pgbench", "postgresql-contrib", &error))?;
    Ok(())
}

/// Runs a program to its end, which comes soon after this time, and returns what it said on standard output.
pub(crate) async fn run(mut command: Command, time: Duration) -> Result<String, BenchError> {
    let running = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(time + GRACE, running).await??;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let complained = String::from_utf8_lossy(&output.stderr).into_owned();
    let program = command.as_std().get_program().display();
    Err(format!("{program} failed: {said}{complained}").into())
}

/// Asks the server with `wrk` for a while.
pub(crate) async fn wrk(
    workload: &Workload,
    port: u16,
    connections: u32,
    time: Duration,
    directory: &Path,
) -> Result<Count, BenchError> {
    let script = format!("wrk.headers[\"Authorization\"] = \"Bearer {}\"\n", workload.token);
    let request = (workload.name.as_str(), workload.path.as_str(), script);
    wrk_with(request, port, connections, time, directory).await
}

/// Asks a server on this machine with `wrk` for a while, as a script of Lua says.
pub(crate) async fn wrk_with(
    (name, path, script): (&str, &str, String),
    port: u16,
    connections: u32,
    time: Duration,
    directory: &Path,
) -> Result<Count, BenchError> {
    // The token stands in a file, as arguments are seen by every process of the machine.
    let file = directory.join("wrk.lua");
    std::fs::write(&file, script + WRK_SUMMARY)?;
    let mut command = Command::new("wrk");
    command
        .args(["--threads", "1", "--connections", &connections.to_string()])
        .args(["--duration", &format!("{}s", time.as_secs().max(1))])
        .arg("--script")
        .arg(&file)
        .arg(format!("http://127.0.0.1:{port}{path}"));
    let said = run(command, time).await?;
    let numbers: Vec<f64> = said
        .lines()
        .find_map(|line| line.strip_prefix("billfold "))
        .unwrap_or_default()
        .split(' ')
        .map_while(|text| text.parse().ok())
        .collect();
    match numbers[..] {
        [number, microseconds, median, high, 0.0] if number > 0.0 => Ok(Count {
            number,
            seconds: microseconds / 1e6,
            latencies: Some((median / 1e3, high / 1e3)),
        }),
        _ => Err(format!("{name}: wrk met errors: {said}").into()),
    }
}

/// Asks the database with `pgbench` for a while, with the statement that the server sends.
pub(crate) async fn pgbench(
    (name, statement): (&str, &Statement),
    postgres: &PostgresServer,
    database: &str,
    (clients, threads): (u32, u32),
    time: Duration,
    directory: &Path,
) -> Result<Count, BenchError> {
    let script = directory.join("pgbench.sql");
    std::fs::write(&script, statement.script())?;
    let mut command = Command::new(pgbench_program(postgres));
    command
        .args(["-n", "-M", "prepared"])
        .args(["-j", &threads.to_string(), "-c", &clients.to_string()])
        .args(["-T", &time.as_secs().max(1).to_string(), "-f"])
        .arg(&script)
        .env("PGOPTIONS", "-c plan_cache_mode=force_generic_plan -c jit=off")
        .envs(connection_variables(database)?);
    for (index, value) in statement.values.iter().enumerate() {
        command.arg("-D").arg(format!("p{}={value}", index + 1));
    }
    let said = run(command, time).await?;
    let number = |label: &str, end: &str| -> Option<f64> {
        let (_, rest) = said.split_once(label)?;
        rest.split_once(end)?.0.trim().parse().ok()
    };
    let transactions = number("number of transactions actually processed:", "\n");
    let rate = number("\ntps =", "(");
    match (transactions, rate) {
        (Some(transactions), Some(rate)) if transactions > 0.0 => Ok(Count {
            number: transactions,
            seconds: transactions / rate,
            latencies: None,
        }),
        _ => Err(format!("{name}: pgbench met errors: {said}").into()),
    }
}

fn pgbench_program(postgres: &PostgresServer) -> PathBuf {
    let beside = postgres.binary_directory().join("pgbench");
    if beside.is_file() {
        beside
    } else {
        "pgbench".into()
    }
}

/// The database's address as the variables of libpq, since arguments are seen by every process.
fn connection_variables(database: &str) -> Result<Vec<(&'static str, String)>, BenchError> {
    let configuration: tokio_postgres::Config = database.parse()?;
    let port = configuration
        .get_ports()
        .first()
        .ok_or("the database has no port")?;
    let password = configuration.get_password().unwrap_or_default();
    Ok(vec![
        ("PGHOST", "127.0.0.1".to_owned()),
        ("PGPORT", port.to_string()),
        ("PGSSLMODE", "disable".to_owned()),
        (
            "PGUSER",
            configuration.get_user().unwrap_or("postgres").to_owned(),
        ),
        ("PGPASSWORD", String::from_utf8_lossy(password).into_owned()),
        (
            "PGDATABASE",
            configuration.get_dbname().unwrap_or("postgres").to_owned(),
        ),
    ])
}
