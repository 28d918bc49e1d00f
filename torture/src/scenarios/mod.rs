//! The scenarios, in one list.

mod idempotency;
mod kill;
mod postgres;
mod stripe;
mod webhooks;

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
    /// Webhooks come in thousands, out of order, twice and forged.
    Webhooks,
}

impl Scenario {
    /// Its name on the command line and in the table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Postgres => "postgres",
            Self::Stripe => "stripe",
            Self::Idempotency => "idempotency",
            Self::Webhooks => "webhooks",
        }
    }

    /// Whether it says anything about a database of this kind.
    pub(crate) fn concerns(self, kind: DatabaseKind) -> bool {
        self != Self::Postgres || kind == DatabaseKind::Postgres
    }

    /// Runs it on one database.
    pub(crate) async fn run(self, run: &Run, kind: DatabaseKind) -> Result<Outcome, TortureError> {
        match self {
            Self::Kill => kill::run(run, kind).await,
            Self::Postgres => postgres::run(run, kind).await,
            Self::Stripe => stripe::run(run, kind).await,
            Self::Idempotency => idempotency::run(run, kind).await,
            Self::Webhooks => webhooks::run(run, kind).await,
        }
    }
}
