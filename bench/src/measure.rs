//! The run, from an empty directory to the report.

use std::{path::Path, time::Duration};

use billfold_test_support::{APPLICATION_ROLE, PostgresServer, PostgresServerOptions, Shutdown};

use crate::{
    BenchError, Options, Section, data,
    load::{self, Count},
    machine, memory, parts, plain, policies, profile,
    program::Program,
    reads,
    report::{self, Report},
    sqlite, statements,
    stripe::Stripe,
    tell,
    token::Issuer,
    workload::{self, Kind, Workload},
    writes,
};

/// How often the time to be ready is taken.
const STARTS: usize = 10;

/// Runs everything, prints the report and writes it down.
pub(crate) async fn run(options: &Options) -> Result<(), BenchError> {
    if cfg!(debug_assertions) {
        tell("this is a debug build of the benchmark: cargo run --release -p billfold-bench");
    }
    let directory = tempfile::tempdir_in(&options.data_parent)?;
    let mut postgres = start_postgres(options, &SETTINGS).await?;
    load::require(&postgres).await?;
    sqlite::require().await?;
    if options.asks_for(Section::Profile) {
        profile::require().await?;
    }
    if options.asks_for(Section::Plain) {
        plain::require().await?;
    }
    let program = Program::find(options.billfold.as_deref(), directory.path()).await?;
    let stripe = Stripe::start(&program).await?;
    let program = program.calling(&stripe.url());
    let superusers = postgres.create_database(data::GUARDED).await?;
    let client = data::connect(&superusers).await?;
    data::load(&program, &postgres, &client, options.rows).await?;
    drop(client);
    data::copy_without_policies(&postgres).await?;
    let client = data::connect(&superusers).await?;
    let sqlite = data::load_sqlite(&program, &client, options.rows, directory.path()).await?;
    let database = postgres.url_as(APPLICATION_ROLE, data::GUARDED);
    let issuer = Issuer::new(directory.path())?;
    let mut workloads = workload::all(options, &client, &issuer).await?;
    statements::observe(&program, &postgres, &database, &issuer, &mut workloads).await?;

    let bench = Bench {
        options,
        directory: directory.path(),
        postgres: &postgres,
        program: &program,
        database: &database,
        sqlite: &sqlite,
        stripe: &stripe,
        issuer: &issuer,
        workloads: &workloads,
    };
    let report = bench.report().await?;
    report::publish(&report, options)?;
    drop(client);
    drop(stripe);
    postgres.stop(Shutdown::Fast).await?;
    Ok(())
}

/// The settings of a small installation: nothing is lost when the machine fails.
const SETTINGS: [(&str, &str); 8] = [
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("autovacuum", "on"),
    ("shared_buffers", "512MB"),
    ("max_wal_size", "4GB"),
    // Nothing is counted until the writes are measured.
    ("shared_preload_libraries", "pg_stat_statements"),
    ("pg_stat_statements.track", "none"),
    ("maintenance_work_mem", "256MB"),
];

/// A PostgreSQL server of the run's own, with these settings.
pub(crate) async fn start_postgres(
    options: &Options,
    settings: &[(&str, &str)],
) -> Result<PostgresServer, BenchError> {
    tell("starting PostgreSQL…");
    let on_disk = PostgresServerOptions {
        data_parent: Some(options.data_parent.clone()),
        ..PostgresServerOptions::default()
    };
    let settings = settings
        .iter()
        .fold(on_disk, |options, (name, value)| options.with(name, value));
    Ok(PostgresServer::start_private(settings).await?)
}

/// What is measured, with what.
pub(crate) struct Bench<'a> {
    pub(crate) options: &'a Options,
    /// For files that go with the run.
    pub(crate) directory: &'a Path,
    pub(crate) postgres: &'a PostgresServer,
    pub(crate) program: &'a Program,
    /// The address of the database in PostgreSQL, with all its policies.
    pub(crate) database: &'a str,
    /// The address of the database in SQLite, with the same rows.
    pub(crate) sqlite: &'a str,
    pub(crate) stripe: &'a Stripe,
    pub(crate) issuer: &'a Issuer,
    pub(crate) workloads: &'a [Workload],
}

impl Bench<'_> {
    async fn report(&self) -> Result<Report, BenchError> {
        let mut report = Report::default();
        let asked = |section| self.options.asks_for(section);
        if asked(Section::Start) {
            tell("measuring the time to be ready…");
            for _ in 0..STARTS {
                let instance = self.program.serve(self.database, self.issuer).await?;
                let milliseconds = instance.time_to_ready.as_secs_f64() * 1e3;
                report.milliseconds_to_ready.push(milliseconds);
            }
        }
        if asked(Section::Memory) {
            report.memory = memory::measure(self).await?;
        }
        if asked(Section::Reads) {
            report.reads = reads::measure(self).await?;
        }
        if asked(Section::Profile) {
            report.profiles = profile::measure(self).await?;
        }
        if asked(Section::Parts) {
            report.policies = Some(self.policies().await?);
            let named = self.options.billfold_with_parts.as_deref();
            let program = Program::find_with_parts(named, self.directory).await?;
            let program = program.calling(&self.stripe.url());
            let workload = self.workload(Kind::ListTen)?;
            report.parts = Some(parts::compare(self, &program, workload).await?);
        }
        if asked(Section::Plain) {
            report.plain = Some(self.plain().await?);
        }
        if asked(Section::Writes) {
            report.writes = writes::measure(self).await?;
        }
        Ok(report)
    }

    async fn policies(&self) -> Result<policies::PolicyFigures, BenchError> {
        policies::compare(
            self.options,
            self.program,
            self.postgres,
            self.issuer,
            self.workload(Kind::ListTen)?,
            self.directory,
        )
        .await
    }

    async fn plain(&self) -> Result<plain::PlainFigures, BenchError> {
        plain::compare(
            self.options,
            self.program,
            self.postgres,
            self.issuer,
            self.workloads,
            self.directory,
        )
        .await
    }

    /// The request of a kind.
    pub(crate) fn workload(&self, kind: Kind) -> Result<&Workload, BenchError> {
        let of_kind = self.workloads.iter().find(|workload| workload.kind == kind);
        Ok(of_kind.ok_or("no such workload")?)
    }

    /// The processor time that PostgreSQL has used, in microseconds.
    pub(crate) fn database_cpu(&self) -> Result<u64, BenchError> {
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
pub(crate) fn each(total: u64, count: &Count) -> f64 {
    total as f64 / count.number
}
