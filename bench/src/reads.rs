//! The requests that read: how many a second, how long each takes at half of that, and what they cost.

mod figures;

use std::{sync::Arc, time::Duration};

pub(crate) use self::figures::{Figures, Served};
use crate::{
    BenchError,
    generator::{self, Pace, Plan, Requests},
    load, machine,
    measure::{Bench, each, round_length},
    program::Instance,
    tell,
    workload::Workload,
};

/// At which share of the rate that was just measured the times of answers are taken.
pub(crate) const SHARE: f64 = 0.5;

/// How many requests can be under way at once while times are taken: more than ever are unless the server stands still.
const PACED_CONNECTIONS: u32 = 64;

/// A server that is asked.
struct Target {
    instance: Instance,
    /// Whether PostgreSQL works for it. SQLite works in the server's own process.
    has_postgres: bool,
}

/// Measures every request on PostgreSQL, on SQLite, and on PostgreSQL alone, turn by turn.
pub(crate) async fn measure(bench: &Bench<'_>) -> Result<Vec<Figures>, BenchError> {
    let postgres = Target {
        instance: bench.program.serve(bench.database, bench.issuer).await?,
        has_postgres: true,
    };
    let sqlite = Target {
        instance: bench.program.serve(bench.sqlite, bench.issuer).await?,
        has_postgres: false,
    };
    let mut figures: Vec<Figures> = bench
        .workloads
        .iter()
        .map(|workload| Figures::new(workload.kind, workload.name.clone()))
        .collect();
    // The first round warms up and is not counted.
    for round in 0..=bench.options.rounds {
        let time = round_length(bench.options, round);
        tell(&format!("reads, round {round} of {}…", bench.options.rounds));
        for (workload, figures) in bench.workloads.iter().zip(&mut figures) {
            let mut measured = Figures::new(workload.kind, String::new());
            serve(bench, &postgres, workload, time, &mut measured.postgres).await?;
            serve(bench, &sqlite, workload, time, &mut measured.sqlite).await?;
            ask(bench, workload, time, &mut measured).await?;
            if round > 0 {
                figures.append(measured);
            }
        }
    }
    Ok(figures)
}

/// The rate with `wrk`, then the times at a share of it.
async fn serve(
    bench: &Bench<'_>,
    target: &Target,
    workload: &Workload,
    time: Duration,
    measured: &mut Served,
) -> Result<(), BenchError> {
    let process = target.instance.process_id();
    let database = || {
        if target.has_postgres {
            bench.database_cpu()
        } else {
            Ok(0)
        }
    };
    let (server_before, database_before) = (machine::own_cpu_microseconds(process)?, database()?);
    let port = target.instance.port;
    let served = load::wrk(workload, port, bench.options.connections, time, bench.directory).await?;
    measured.server_cpu.push(each(
        machine::own_cpu_microseconds(process)? - server_before,
        &served,
    ));
    measured
        .database_cpu
        .push(each(database()? - database_before, &served));
    measured.rate.push(served.rate());
    let plan = Plan {
        port,
        connections: PACED_CONNECTIONS,
        pace: Pace::ASecond(served.rate() * SHARE),
        time,
    };
    let outcome = generator::run(plan, Arc::new(Reading::of(workload))).await?;
    measured.times.push(outcome.latencies());
    measured.lateness.push(outcome.lateness());
    Ok(())
}

/// The database alone, with one thread of pgbench and with a thread for each core.
async fn ask(
    bench: &Bench<'_>,
    workload: &Workload,
    time: Duration,
    measured: &mut Figures,
) -> Result<(), BenchError> {
    let statement = workload
        .statement
        .as_ref()
        .ok_or("the statement was not observed")?;
    let connections = bench.options.connections;
    let pgbench = |threads| {
        let named = (workload.name.as_str(), statement);
        let clients = (connections, threads);
        load::pgbench(
            named,
            bench.postgres,
            bench.database,
            clients,
            time,
            bench.directory,
        )
    };
    let before = bench.database_cpu()?;
    let asked = pgbench(1).await?;
    measured
        .pgbench_database_cpu
        .push(each(bench.database_cpu()? - before, &asked));
    measured.pgbench_rate.push(asked.rate());
    let asked_by_many = pgbench(machine::cores().clamp(1, connections)).await?;
    measured.many_rate.push(asked_by_many.rate());
    Ok(())
}

/// The same request again and again.
struct Reading(Vec<u8>);

impl Reading {
    fn of(workload: &Workload) -> Self {
        let request = format!(
            "GET {} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {}\r\n\r\n",
            workload.path, workload.token
        );
        Self(request.into_bytes())
    }
}

impl Requests for Reading {
    fn write(&self, _number: usize, bytes: &mut Vec<u8>) -> bool {
        bytes.extend_from_slice(&self.0);
        true
    }

    fn status(&self) -> u16 {
        200
    }
}
