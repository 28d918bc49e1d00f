//! The scenarios, in one list.

mod kill;
mod postgres;
mod stripe;

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
}

impl Scenario {
    /// Its name on the command line and in the table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Postgres => "postgres",
            Self::Stripe => "stripe",
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
        }
    }
}
