//! Breaks things around running instances of `billfold`, and judges what is left.
//!
//! It knows the product only from outside: it runs the binary as processes beside a Stripe sandbox, asks it over HTTP
//! as a tenant's programs do, kills what can be killed, and then compares what clients were told, what the database
//! holds and what the sandbox's ledger says was done. A new scenario is a file in `scenarios/` and a line in its list.

mod balancer;
mod canaries;
mod clients;
mod database;
mod deliveries;
mod edge;
mod history;
mod hour;
mod judge;
#[cfg(test)]
mod judge_tests;
mod load;
mod metrics;
mod platform;
mod program;
mod report;
mod sandbox;
mod scaling;
mod scenarios;
mod token;

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};
use database::DatabaseKind;
use platform::Run;
use scenarios::Scenario;

/// What a step fails with: words for the person at the terminal.
type TortureError = Box<dyn std::error::Error + Send + Sync>;

/// The longest that one scenario may take on one database, in seconds.
const LONGEST_SECONDS: (u64, u64) = (4_200, 300);

/// Breaks things around `billfold serve`, and judges whether its promises hold.
#[derive(Clone, Debug, Parser)]
#[command(name = "billfold-torture")]
struct Options {
    /// What to break: all, or some of kill, postgres, stripe, idempotency, bulkheads, webhooks, hostile, smuggling, slow,
    /// canaries, metrics, failover; or scaling, which is not among all and writes docs/scaling.md.
    #[arg(default_value = "all", value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// On which database: sqlite, postgres or both.
    #[arg(long, default_value = "both")]
    database: String,
    /// A little of each: some minutes. This is also what happens when nothing is said.
    #[arg(long, conflicts_with = "long")]
    quick: bool,
    /// The whole load: about three hours, since metrics takes a real one on each database.
    #[arg(long)]
    long: bool,
    /// Decides who is killed when and who asks for what. Without it: another one each time.
    #[arg(long)]
    seed: Option<u64>,
    /// The binary to try. Without it: target/release/billfold of this tree.
    #[arg(long, value_name = "PATH")]
    billfold: Option<PathBuf>,
}

impl Options {
    fn scenarios(&self) -> Result<Vec<Scenario>, TortureError> {
        if self.scenarios.iter().any(|name| name == "all") {
            let all = Scenario::value_variants().iter().copied();
            return Ok(all.filter(|scenario| *scenario != Scenario::Scaling).collect());
        }
        let named = self.scenarios.iter().map(|name| Scenario::from_str(name, true));
        named
            .collect::<Result<_, _>>()
            .map_err(|error| format!("there is no such scenario ({error}): --help lists them").into())
    }

    fn databases(&self) -> Result<Vec<DatabaseKind>, TortureError> {
        if self.database == "both" {
            return Ok(DatabaseKind::value_variants().to_vec());
        }
        let kind = DatabaseKind::from_str(&self.database, true)
            .map_err(|_| "the database is sqlite, postgres or both")?;
        Ok(vec![kind])
    }

    fn run(&self) -> Run {
        Run {
            billfold: self.billfold.clone(),
            long: self.long,
            seed: self.seed.unwrap_or_else(|| u64::from(rand::random::<u32>())),
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    // What was started is ended when the run is dropped, whether it is done or not.
    let done = tokio::select! {
        done = torture(&options) => done,
        interrupted = interrupted() => interrupted,
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tell(&format!("billfold-torture: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs what was asked for, and says whether everything held.
async fn torture(options: &Options) -> Result<bool, TortureError> {
    let run = options.run();
    let (scenarios, databases) = (options.scenarios()?, options.databases()?);
    print(&report::head(run.seed))?;
    let limit = std::time::Duration::from_secs(run.pick(LONGEST_SECONDS.0, LONGEST_SECONDS.1));
    let mut held = true;
    for scenario in scenarios {
        for kind in databases.iter().copied().filter(|kind| scenario.concerns(*kind)) {
            let name = scenario.name();
            tell(&format!("{name} on {}…", kind.label()));
            let outcome = tokio::time::timeout(limit, scenario.run(&run, kind))
                .await
                .map_err(|_| format!("{name} on {} takes more than {limit:?}", kind.label()))??;
            print(&report::row(name, kind, &outcome))?;
            if outcome.violations.is_empty() {
                continue;
            }
            held = false;
            for violation in &outcome.violations {
                tell(&format!("VIOLATION (seed {}): {violation}", run.seed));
            }
            for line in &outcome.complaints {
                tell(line);
            }
        }
    }
    Ok(held)
}

async fn interrupted() -> Result<bool, TortureError> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Err("interrupted".into())
}

/// Tells how far the run is, on standard error: standard output is the table's.
fn tell(message: &str) {
    // There is nowhere left to tell that standard error is closed.
    drop(writeln!(std::io::stderr(), "{message}"));
}

/// Writes to standard output.
fn print(text: &str) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}
