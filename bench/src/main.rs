//! Measures the release binary beside the database's own speed, and writes both down.
//!
//! It starts a PostgreSQL server of its own, fills it and an SQLite file with the same rows, and starts `billfold serve` on each
//! as a process of its own, with a stand-in for Stripe. `wrk` asks them for their rates, a generator of its own for times,
//! and `pgbench` asks the database with the statements that the server was seen to send, turn by turn. Nothing is
//! asserted: a figure depends on the machine, which the report names.

mod collector;
mod data;
mod document;
mod generator;
mod growth;
mod http;
mod load;
mod machine;
mod measure;
mod memory;
mod parts;
mod plain;
mod plot;
mod policies;
mod profile;
mod program;
mod progress;
mod reads;
mod report;
mod sqlite;
mod statements;
mod stripe;
mod token;
mod wire;
mod workload;
mod writes;

use std::{io::Write as _, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;

/// What a step fails with: words for the person at the terminal.
type BenchError = Box<dyn std::error::Error + Send + Sync>;

/// Measures `billfold serve` on PostgreSQL and on SQLite, beside pgbench with the same statements.
#[derive(Clone, Debug, Parser)]
#[command(name = "billfold-bench")]
struct Options {
    /// Payment methods of the large project. A tenth as many go to 100 other projects.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    rows: u32,
    /// How long each measurement lasts, in seconds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,
    /// How often each measurement is made; the rounds are interleaved.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
    /// Connections to the server, and clients of pgbench.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=200))]
    connections: u32,
    /// Where the database's files are put: a real disk, that the account of PostgreSQL can reach.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    data_parent: PathBuf,
    /// Prints the report and writes it nowhere: for a try with few rows.
    #[arg(long)]
    print_only: bool,
    /// Measures these sections alone, and writes their report nowhere: for a quick try. Separated by commas. Growth, which takes a
    /// quarter of an hour and has a report of its own, is measured only when it is named.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SECTION")]
    only: Vec<Section>,
    /// The largest project whose growth is measured.
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u32).range(10_000..=10_000_000))]
    growth_rows: u32,
    /// The release binary to measure. Without it, it is built.
    #[arg(long, value_name = "FILE")]
    billfold: Option<PathBuf>,
    /// A binary with the feature measure-parts, for the section parts. Without it, it is built, apart from the other.
    #[arg(long, value_name = "FILE")]
    billfold_with_parts: Option<PathBuf>,
}

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Section {
    /// The time from the start to the first good answer.
    Start,
    /// The largest memory.
    Memory,
    /// The requests that read.
    Reads,
    /// Where the server's time goes.
    Profile,
    /// What each part of the server costs.
    Parts,
    /// The requests that write.
    Writes,
    /// The reads beside a plain service of Fastify and pg.
    Plain,
    /// What becomes of the reads as rows, projects, pages and connections grow.
    Growth,
}

impl Options {
    fn duration(&self) -> Duration {
        Duration::from_secs(u64::from(self.seconds))
    }

    fn asks_for(&self, section: Section) -> bool {
        self.only.is_empty() || self.only.contains(&section)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    // What was started is ended when the run is dropped, whether it is done or not.
    let done = tokio::select! {
        done = run(&options) => done,
        interrupted = interrupted() => interrupted,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("billfold-bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), BenchError> {
    if options.only.contains(&Section::Growth) {
        growth::run(options).await
    } else {
        measure::run(options).await
    }
}

async fn interrupted() -> Result<(), BenchError> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Err("interrupted".into())
}

/// Tells how far the run is, on standard error: standard output is the report's.
fn tell(message: &str) {
    // There is nowhere left to tell that standard error is closed.
    drop(writeln!(std::io::stderr(), "{message}"));
}
