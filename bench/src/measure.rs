//! The run, from an empty directory to the report.

use std::{path::Path, time::Duration};

use billfold_test_support::{APPLICATION_ROLE, PostgresServer, PostgresServerOptions, Shutdown};

use crate::{
    BenchError, Options, data,
    load::{self, Count},
    machine, plain, policies,
    program::{Instance, Program},
    report::{self, Figures, Measured, Report},
    statements, tell,
    token::Issuer,
    workload::{self, Kind, Workload},
};

/// How often the time to be ready is taken.
const STARTS: usize = 10;

/// The connections at which the memory is measured.
const MEMORY_CONNECTIONS: u32 = 64;

/// Runs everything, prints the report and writes it down.
pub(crate) async fn run(options: &Options) -> Result<(), BenchError> {
    if cfg!(debug_assertions) {
        tell("this is a debug build of the benchmark: cargo run --release -p billfold-bench");
    }
    let directory = tempfile::tempdir()?;
    let mut postgres = start_postgres(options).await?;
    load::require(&postgres).await?;
    plain::require().await?;
    let program = Program::find(options.billfold.as_deref(), directory.path()).await?;
    let superusers = postgres.create_database(data::GUARDED).await?;
    let client = data::connect(&superusers).await?;
    data::load(&program, &postgres, &client, options.rows).await?;
    drop(client);
    data::copy_without_policies(&postgres).await?;
    let client = data::connect(&superusers).await?;
    let database = postgres.url_as(APPLICATION_ROLE, data::GUARDED);
    let issuer = Issuer::new(directory.path())?;
    let mut workloads = workload::all(options, &client, &issuer).await?;
    statements::observe(&program, &postgres, &database, &issuer, &mut workloads).await?;

    let mut run = Run {
        options,
        directory: directory.path(),
        postgres: &postgres,
        program: &program,
        database: &database,
        issuer: &issuer,
        workloads: &workloads,
    };
    let report = run.report().await?;
    report::publish(&report, options)?;
    drop(client);
    postgres.stop(Shutdown::Fast).await?;
    Ok(())
}

/// A server with the settings of a small installation: nothing is lost when the machine fails.
async fn start_postgres(options: &Options) -> Result<PostgresServer, BenchError> {
    tell("starting PostgreSQL…");
    let settings = PostgresServerOptions {
        data_parent: Some(options.data_parent.clone()),
        ..PostgresServerOptions::default()
    };
    let settings = settings
        .with("fsync", "on")
        .with("full_page_writes", "on")
        .with("autovacuum", "on")
        .with("shared_buffers", "512MB")
        .with("max_wal_size", "4GB")
        .with("maintenance_work_mem", "256MB");
    Ok(PostgresServer::start_private(settings).await?)
}

struct Run<'a> {
    options: &'a Options,
    directory: &'a Path,
    postgres: &'a PostgresServer,
    program: &'a Program,
    database: &'a str,
    issuer: &'a Issuer,
    workloads: &'a [Workload],
}

impl Run<'_> {
    async fn report(&mut self) -> Result<Report, BenchError> {
        tell("measuring the time to be ready…");
        let mut starts = Vec::new();
        for _ in 0..STARTS {
            let instance = self.program.serve(self.database, self.issuer).await?;
            starts.push(instance.time_to_ready.as_secs_f64() * 1e3);
        }
        tell("measuring memory…");
        let memory = self.memory().await?;
        let figures = self.rounds().await?;
        let policies = policies::compare(
            self.options,
            self.program,
            self.postgres,
            self.issuer,
            self.workload(Kind::ListTen)?,
            self.directory,
        )
        .await?;
        let plain = plain::compare(
            self.options,
            self.program,
            self.postgres,
            self.issuer,
            self.workloads,
            self.directory,
        )
        .await?;
        Ok(Report {
            figures,
            policies,
            plain,
            milliseconds_to_ready: starts,
            memory,
        })
    }

    /// The resident memory of a fresh server that serves many connections, lists of ten first and then lists of two
    /// hundred: after each, and the largest ever, in MiB.
    async fn memory(&self) -> Result<report::Memory, BenchError> {
        let instance = self.program.serve(self.database, self.issuer).await?;
        let process = instance.process_id();
        let mebibytes = |kibibytes: u64| f64::from(u32::try_from(kibibytes).unwrap_or(u32::MAX)) / 1024.0;
        let idle = mebibytes(machine::resident_kibibytes(process)?);
        let mut peaks = Vec::new();
        for kind in [Kind::ListTen, Kind::ListTwoHundred] {
            let workload = self.workload(kind)?;
            let time = self.options.duration();
            load::wrk(workload, instance.port, MEMORY_CONNECTIONS, time, self.directory).await?;
            peaks.push(mebibytes(machine::peak_resident_kibibytes(process)?));
        }
        Ok(report::Memory {
            idle,
            lists_of_ten: peaks[0],
            lists_of_two_hundred: peaks[1],
        })
    }

    fn workload(&self, kind: Kind) -> Result<&Workload, BenchError> {
        let of_kind = self.workloads.iter().find(|workload| workload.kind == kind);
        Ok(of_kind.ok_or("no such workload")?)
    }

    async fn rounds(&self) -> Result<Vec<Figures>, BenchError> {
        let instance = self.program.serve(self.database, self.issuer).await?;
        let mut figures: Vec<Figures> = self
            .workloads
            .iter()
            .map(|workload| Figures::new(workload.kind, workload.name.clone()))
            .collect();
        // The first round warms up and is not counted.
        for round in 0..=self.options.rounds {
            let time = round_length(self.options, round);
            tell(&format!("round {round} of {}…", self.options.rounds));
            for (workload, figures) in self.workloads.iter().zip(&mut figures) {
                let measured = self.measure(workload, &instance, time).await?;
                if round > 0 {
                    figures.add(&measured);
                }
            }
        }
        Ok(figures)
    }

    /// The server, the database alone with one thread of pgbench, and with a thread for each core, one after another.
    async fn measure(
        &self,
        workload: &Workload,
        instance: &Instance,
        time: Duration,
    ) -> Result<Measured, BenchError> {
        let connections = self.options.connections;
        let statement = workload
            .statement
            .as_ref()
            .ok_or("the statement was not observed")?;
        let pgbench = |threads| {
            let clients = (connections, threads);
            load::pgbench(
                (&workload.name, statement),
                self.postgres,
                self.database,
                clients,
                time,
                self.directory,
            )
        };
        let server_before = machine::own_cpu_microseconds(instance.process_id())?;
        let database_before = self.database_cpu()?;
        let served = load::wrk(workload, instance.port, connections, time, self.directory).await?;
        let server_after = machine::own_cpu_microseconds(instance.process_id())?;
        let database_between = self.database_cpu()?;
        let asked = pgbench(1).await?;
        let database_after = self.database_cpu()?;
        let asked_by_many = pgbench(machine::cores().clamp(1, connections)).await?;
        Ok(Measured {
            served,
            server_cpu: each(server_after - server_before, &served),
            database_cpu: each(database_between - database_before, &served),
            asked,
            asked_database_cpu: each(database_after - database_between, &asked),
            asked_by_many,
        })
    }

    fn database_cpu(&self) -> Result<u64, BenchError> {
        machine::family_cpu_microseconds(&self.postgres.process_ids())
    }
}

/// How long the measurements of a round last. The first warms up.
pub(crate) fn round_length(options: &Options, round: u32) -> Duration {
    if round == 0 {
        Duration::from_secs(1)
    } else {
        options.duration()
    }
}

/// A total shared out among what was counted.
#[expect(
    clippy::cast_precision_loss,
    reason = "a run of a thousand years has fewer microseconds than 2^53"
)]
fn each(total: u64, count: &Count) -> f64 {
    total as f64 / count.number
}
