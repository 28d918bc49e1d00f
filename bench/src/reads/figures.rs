//! What was measured of a request that reads.

use crate::{
    report::{Percentiles, quotients},
    workload::Kind,
};

/// What was measured of one request, a value a round.
pub(crate) struct Figures {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// The server on PostgreSQL.
    pub(crate) postgres: Served,
    /// The server on SQLite.
    pub(crate) sqlite: Served,
    /// One thread of pgbench with the same statement.
    pub(crate) pgbench_rate: Vec<f64>,
    /// Microseconds of the database's processor time for each of its transactions.
    pub(crate) pgbench_database_cpu: Vec<f64>,
    /// A thread of pgbench for each core.
    pub(crate) many_rate: Vec<f64>,
}

/// What was measured of one server, a value a round.
#[derive(Default)]
pub(crate) struct Served {
    /// Answers a second.
    pub(crate) rate: Vec<f64>,
    /// Microseconds of the server's processor time for each answer.
    pub(crate) server_cpu: Vec<f64>,
    /// Microseconds of the database's processor time for each answer.
    pub(crate) database_cpu: Vec<f64>,
    /// From when a request was to begin to its answer.
    pub(crate) times: Percentiles,
    /// From when a request was to begin to when it was sent.
    pub(crate) lateness: Percentiles,
}

impl Served {
    fn append(&mut self, mut other: Self) {
        self.rate.append(&mut other.rate);
        self.server_cpu.append(&mut other.server_cpu);
        self.database_cpu.append(&mut other.database_cpu);
        self.times.append(other.times);
        self.lateness.append(other.lateness);
    }
}

impl Figures {
    /// No figures yet.
    pub(crate) fn new(kind: Kind, name: String) -> Self {
        Self {
            kind,
            name,
            postgres: Served::default(),
            sqlite: Served::default(),
            pgbench_rate: Vec::new(),
            pgbench_database_cpu: Vec::new(),
            many_rate: Vec::new(),
        }
    }

    /// Adds a round.
    pub(crate) fn append(&mut self, mut round: Self) {
        self.postgres.append(round.postgres);
        self.sqlite.append(round.sqlite);
        self.pgbench_rate.append(&mut round.pgbench_rate);
        self.pgbench_database_cpu.append(&mut round.pgbench_database_cpu);
        self.many_rate.append(&mut round.many_rate);
    }

    /// The server's rate beside pgbench's, round by round.
    pub(crate) fn of_pgbench(&self) -> Vec<f64> {
        quotients(&self.postgres.rate, &self.pgbench_rate)
    }

    /// The same beside pgbench with a thread for each core.
    pub(crate) fn of_many(&self) -> Vec<f64> {
        quotients(&self.postgres.rate, &self.many_rate)
    }

    /// The rate on SQLite beside that on PostgreSQL.
    pub(crate) fn of_postgres(&self) -> Vec<f64> {
        quotients(&self.sqlite.rate, &self.postgres.rate)
    }
}
