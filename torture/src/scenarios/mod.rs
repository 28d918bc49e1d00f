//! The scenarios, in one list.

mod bulkheads;
mod canaries;
pub(crate) mod failover;
mod hostile;
mod idempotency;
mod kill;
mod metrics;
mod postgres;
mod slow;
mod smuggling;
mod stripe;
mod webhooks;

pub(crate) use webhooks::signature;

use clap::ValueEnum;

use crate::{TortureError, database::DatabaseKind, platform::Run, report::Outcome};

/// What can be broken. Each takes its platform up, breaks it under a load, and lets the judge look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Instances are killed at random moments.
    Kill,
    /// PostgreSQL is restarted, loses backends, freezes, and is cut off at COMMIT.
    Postgres,
    /// Stripe fails in every way that it can.
    Stripe,
    /// A hundred requests come at once with one idempotency key.
    Idempotency,
    /// One tenant's Stripe hangs under a flood, beside another tenant.
    Bulkheads,
    /// Webhooks come in thousands, out of order, twice and forged.
    Webhooks,
    /// Hostile text and sizes come in every field, header, path and query.
    Hostile,
    /// Requests come that two readers could read differently, straight and behind proxies.
    Smuggling,
    /// A thousand connections are slow in every way.
    Slow,
    /// Secrets and card numbers are looked for wherever something is written.
    Canaries,
    /// An hour of traffic is asked for, and the metrics are held against what clients and Stripe counted.
    Metrics,
    /// Instances behind HAProxy are restarted in turn, and the primary of two PostgreSQL servers is lost.
    Failover,
    /// The same with two and three instances, beside what instances, rows and writes cost. It writes docs/scaling.md.
    Scaling,
}

impl Scenario {
    /// Its name on the command line and in the table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Postgres => "postgres",
            Self::Stripe => "stripe",
            Self::Idempotency => "idempotency",
            Self::Bulkheads => "bulkheads",
            Self::Webhooks => "webhooks",
            Self::Hostile => "hostile",
            Self::Smuggling => "smuggling",
            Self::Slow => "slow",
            Self::Canaries => "canaries",
            Self::Metrics => "metrics",
            Self::Failover => "failover",
            Self::Scaling => "scaling",
        }
    }

    /// Whether it says anything about a database of this kind.
    pub(crate) fn concerns(self, kind: DatabaseKind) -> bool {
        match self {
            Self::Postgres | Self::Failover | Self::Scaling => kind == DatabaseKind::Postgres,
            // They are about what stands before the database.
            Self::Smuggling | Self::Slow => kind == DatabaseKind::Sqlite,
            _ => true,
        }
    }

    /// Runs it on one database.
    pub(crate) async fn run(self, run: &Run, kind: DatabaseKind) -> Result<Outcome, TortureError> {
        match self {
            Self::Kill => kill::run(run, kind).await,
            Self::Postgres => postgres::run(run, kind).await,
            Self::Stripe => stripe::run(run, kind).await,
            Self::Idempotency => idempotency::run(run, kind).await,
            Self::Bulkheads => bulkheads::run(run, kind).await,
            Self::Webhooks => webhooks::run(run, kind).await,
            Self::Hostile => hostile::run(run, kind).await,
            Self::Smuggling => smuggling::run(run, kind).await,
            Self::Slow => slow::run(run, kind).await,
            Self::Canaries => canaries::run(run, kind).await,
            Self::Metrics => metrics::run(run, kind).await,
            Self::Failover => failover::run(run, kind).await,
            Self::Scaling => crate::scaling::run(run).await,
        }
    }
}
