//! The reads beside a plain service of Fastify and pg, on the same database and with the same token.

mod report;
mod service;

use std::{path::Path, time::Duration};

use billfold_test_support::{APPLICATION_ROLE, PostgresServer};
use serde_json::Value;

use crate::{
    BenchError, Options, data, http, load, machine,
    measure::{each, round_length},
    program::Program,
    tell,
    token::Issuer,
    workload::{Kind, Workload},
};
pub(crate) use report::PlainFigures;
use report::{Figures, Sample};
pub(crate) use service::require;
use service::{Plain, Way};

/// The requests that both can answer.
const KINDS: [Kind; 3] = [Kind::ListTen, Kind::ListByUser, Kind::Retrieve];

/// A server that is asked: Billfold, or the plain one in one of its ways.
struct Contestant {
    name: String,
    port: u16,
    /// Its first process and the ones that it started.
    processes: Vec<u32>,
    /// Whether it is asked for everything, or for the first kind alone.
    whole: bool,
}

/// Measures Billfold, the plain service and `pgbench` turn by turn.
pub(crate) async fn compare(
    options: &Options,
    program: &Program,
    postgres: &PostgresServer,
    issuer: &Issuer,
    workloads: &[Workload],
    directory: &Path,
) -> Result<PlainFigures, BenchError> {
    tell("measuring the plain service of Fastify and pg…");
    let database = postgres.url_as(APPLICATION_ROLE, data::GUARDED);
    let workloads: Vec<&Workload> = workloads
        .iter()
        .filter(|workload| KINDS.contains(&workload.kind))
        .collect();
    service::install().await?;
    let billfold = program.serve(&database, issuer).await?;
    let mut contestants = vec![Contestant {
        name: "Billfold".to_owned(),
        port: billfold.port,
        processes: vec![billfold.process_id()],
        whole: true,
    }];
    let mut services = Vec::new();
    for way in Way::all() {
        let service = Plain::start(&way, &database, issuer).await?;
        for workload in &workloads {
            require_same_answer(workload, billfold.port, service.port).await?;
        }
        contestants.push(Contestant {
            name: way.name(),
            port: service.port,
            processes: service.processes()?,
            whole: way.is_usual(),
        });
        services.push(service);
    }
    let mut figures: Vec<Figures> = workloads
        .iter()
        .map(|workload| Figures::new(&workload.name, contestants.len()))
        .collect();
    // The first round warms up and is not counted.
    for round in 0..=options.rounds {
        let time = round_length(options, round);
        for (request, (workload, figures)) in workloads.iter().zip(&mut figures).enumerate() {
            for (number, contestant) in contestants.iter().enumerate() {
                if request > 0 && !contestant.whole {
                    continue;
                }
                let sample = measure(
                    contestant,
                    workload,
                    options.connections,
                    time,
                    (postgres, directory),
                )
                .await?;
                if round > 0 {
                    figures.of_contestants[number].push(sample);
                }
            }
            let statement = workload
                .statement
                .as_ref()
                .ok_or("the statement was not observed")?;
            let named = (workload.name.as_str(), statement);
            let asked = load::pgbench(
                named,
                postgres,
                &database,
                (options.connections, 1),
                time,
                directory,
            )
            .await?;
            if round > 0 {
                figures.pgbench.push(asked.rate());
            }
        }
    }
    let memory = contestants.iter().map(peak_memory).collect::<Result<_, _>>()?;
    drop(services);
    Ok(PlainFigures {
        names: contestants
            .into_iter()
            .map(|contestant| contestant.name)
            .collect(),
        memory,
        figures,
    })
}

async fn measure(
    contestant: &Contestant,
    workload: &Workload,
    connections: u32,
    time: Duration,
    (postgres, directory): (&PostgresServer, &Path),
) -> Result<Sample, BenchError> {
    let own = || machine::family_cpu_microseconds(&contestant.processes);
    let database = || machine::family_cpu_microseconds(&postgres.process_ids());
    let (own_before, database_before) = (own()?, database()?);
    let served = load::wrk(workload, contestant.port, connections, time, directory).await?;
    Ok(Sample {
        server_cpu: each(own()? - own_before, &served),
        database_cpu: each(database()? - database_before, &served),
        served,
    })
}

/// The largest resident memory of a contestant's processes together, in MiB.
fn peak_memory(contestant: &Contestant) -> Result<f64, BenchError> {
    let mut kibibytes = 0;
    for process in &contestant.processes {
        kibibytes += machine::peak_resident_kibibytes(*process)?;
    }
    Ok(f64::from(u32::try_from(kibibytes).unwrap_or(u32::MAX)) / 1024.0)
}

/// Fails where the two do not give the same JSON: their speeds could not be compared.
async fn require_same_answer(workload: &Workload, billfold: u16, plain: u16) -> Result<(), BenchError> {
    let mut bodies: Vec<Value> = Vec::new();
    for port in [billfold, plain] {
        let answer = http::get(port, &workload.path, Some(&workload.token)).await?;
        if answer.status != 200 {
            return Err(format!("{}: {} {}", workload.name, answer.status, answer.body).into());
        }
        bodies.push(serde_json::from_str(&answer.body)?);
    }
    if bodies[0] == bodies[1] {
        return Ok(());
    }
    Err(format!(
        "{}: the plain service does not answer as Billfold does",
        workload.name
    )
    .into())
}
