//! What becomes of the reads as data and load grow: rows of a project, projects, pages and connections, each beside
//! pgbench with the same statement.

mod charts;
mod databases;
mod questions;
mod report;
mod sweeps;

use std::{path::Path, time::Duration};

use billfold_test_support::{APPLICATION_ROLE, PostgresServer, Shutdown};

use crate::{
    BenchError, Options, data,
    load::{self, Count},
    machine,
    measure::{round_length, start_postgres},
    program::Program,
    progress::Progress,
    token::Issuer,
};
use sweeps::{Point, Sweep};

/// How often each point is measured at most, so that a run stays below a quarter of an hour.
const ROUNDS: u32 = 3;

/// How long a connection takes to be made, at most.
const CONNECTING: Duration = Duration::from_millis(15);

/// How many clients pgbench has at most: each is a process of the database, and takes its memory.
const MOST_CLIENTS: u32 = 256;

/// What one round found at a point.
struct Round {
    served: Count,
    /// The rate of one thread of pgbench.
    asked: f64,
    /// The server's largest resident memory, in MiB.
    memory: f64,
}

/// Measures everything that grows, prints the report and writes it down.
pub(crate) async fn run(options: &Options) -> Result<(), BenchError> {
    let directory = tempfile::tempdir()?;
    // What is written is not kept safe, so that it is loaded quickly.
    let clients = (MOST_CLIENTS + 100).to_string();
    let settings = [
        ("shared_buffers", "512MB"),
        ("max_wal_size", "8GB"),
        ("maintenance_work_mem", "512MB"),
        ("max_connections", clients.as_str()),
    ];
    let mut postgres = start_postgres(options, &settings).await?;
    load::require(&postgres).await?;
    let program = Program::find(options.billfold.as_deref(), directory.path()).await?;
    let databases = databases::all(options.growth_rows);
    databases::make(&program, &postgres, &databases).await?;
    let issuer = Issuer::new(directory.path())?;
    let observed = questions::observe(&program, &postgres, &issuer).await?;
    let mut points = sweeps::points(options, &databases, &observed, &issuer);

    let rounds = options.rounds.min(ROUNDS);
    let progress = Progress::begin("measurements", points.len() * (rounds as usize + 1));
    // The first round warms up and is not counted.
    for round in 0..=rounds {
        let time = round_length(options, round);
        for point in &mut points {
            let measured = measure(point, &program, &postgres, &issuer, time, directory.path()).await?;
            if round > 0 {
                point.rounds.push(measured);
            }
            progress.advance(1);
        }
    }
    drop(progress);
    report::publish(&points, options, rounds)?;
    postgres.stop(Shutdown::Fast).await?;
    Ok(())
}

/// A fresh server, then the database alone.
async fn measure(
    point: &Point,
    program: &Program,
    postgres: &PostgresServer,
    issuer: &Issuer,
    time: Duration,
    directory: &Path,
) -> Result<Round, BenchError> {
    let database = postgres.url_as(APPLICATION_ROLE, &point.database);
    let instance = program.serve(&database, issuer).await?;
    let question = &point.question;
    let wrk = async |time| {
        let script = (question.name, "/", question.lua_script());
        load::wrk_with(script, instance.port, point.connections, time, directory).await
    };
    // Every project is met first, and then for so long that each is also looked up anew, as it is every ten seconds.
    let served = if point.sweep == Sweep::Projects {
        wrk(time).await?;
        wrk(time * 4).await?
    } else {
        wrk(time).await?
    };
    let memory = machine::peak_resident_kibibytes(instance.process_id())?;
    drop(instance);
    let named = (question.name, &question.statement);
    // What pgbench needs to connect is part of the time that it is given, and of no rate.
    let clients = point.connections.min(MOST_CLIENTS);
    let time = time + CONNECTING * clients;
    let asked = load::pgbench(named, postgres, &database, (clients, 1), time, directory).await?;
    Ok(Round {
        served,
        asked: asked.rate(),
        memory: f64::from(u32::try_from(memory).unwrap_or(u32::MAX)) / 1024.0,
    })
}

/// The database that the smallest project is in, and whose statements are looked at.
const SMALLEST: &str = data::GUARDED;
